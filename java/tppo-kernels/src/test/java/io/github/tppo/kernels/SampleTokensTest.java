// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

/** The Java side of the choice of tokens. */
class SampleTokensTest {

  private final NativeArray logits = NativeArray.ofFloats(
      (float) Math.log(0.1), (float) Math.log(0.6), (float) Math.log(0.3),
      (float) Math.log(0.2), (float) Math.log(0.2), (float) Math.log(0.6));
  private final NativeArray ids = NativeArray.allocate(DType.I32, 2);
  private final NativeArray logprobs = NativeArray.allocate(DType.F32, 3);

  private static NativeArray uniforms(double... values) {
    NativeArray array = NativeArray.allocate(DType.F64, values.length);
    array.buffer().asDoubleBuffer().put(values);
    return array;
  }

  private int[] sample(SampleTokensOptions options, double first, double second) {
    Kernels.sampleTokens(logits, 2, 3, options, uniforms(first, second), ids, logprobs);
    return ids.toInts();
  }

  @Test
  void idsFollowTheDistributionFunction() {
    SampleTokensOptions all = SampleTokensOptions.defaults();
    assertArrayEquals(new int[] {0, 2}, sample(all, 0.09, 0.41));
    assertArrayEquals(new int[] {1, 1}, sample(all, 0.11, 0.39));
    assertArrayEquals(new int[] {2, 0}, sample(all, 0.99, 0));
    assertEquals(Math.log(0.3), logprobs.toFloats()[0], 1e-6);
    assertEquals(Math.log(0.2), logprobs.toFloats()[1], 1e-6);
    // By probability: 0.6, 0.3 and 0.6, 0.2 (the lower id).
    assertArrayEquals(new int[] {1, 0}, sample(all.withTopK(2), 0.66, 0.76));
    assertArrayEquals(new int[] {2, 2}, sample(all.withTopP(0.7), 0.68, 0.74));
    assertArrayEquals(new int[] {1, 2}, sample(all.withTopP(0.5), 0.999, 0.999));
    assertEquals(Math.log(0.6), logprobs.toFloats()[0], 1e-6, "over the whole vocabulary");
  }

  @Test
  void temperatureZeroTakesTheLargestLogit() {
    SampleTokensStats stats = Kernels.sampleTokens(
        logits, 2, 3, SampleTokensOptions.defaults().withTemperature(0), null, ids, logprobs);
    assertArrayEquals(new int[] {1, 2}, ids.toInts());
    assertEquals(2 * Math.log(0.6), stats.logprob(), 1e-6);
    assertEquals(0, stats.badRows());
  }

  @Test
  void rowsWithoutADistributionAreCounted() {
    NativeArray bad = NativeArray.ofFloats(0, Float.NaN, 0, 0, 0, 0);
    SampleTokensStats stats = Kernels.sampleTokens(
        bad, 2, 3, SampleTokensOptions.defaults(), uniforms(0.5, 0.5), ids, logprobs);
    assertEquals(1, stats.badRows());
    assertArrayEquals(new int[] {-1, 1}, ids.toInts());
    assertTrue(Float.isNaN(logprobs.toFloats()[0]));
  }

  private static void refused(String part, Runnable call) {
    String message = assertThrows(IllegalArgumentException.class, call::run).getMessage();
    assertTrue(message.contains(part), message);
  }

  @Test
  void argumentsAreChecked() {
    SampleTokensOptions options = SampleTokensOptions.defaults();
    NativeArray two = uniforms(0.5, 0.5);
    refused("options", () -> Kernels.sampleTokens(logits, 2, 3, null, two, ids, null));
    refused("logits must have at least 9", () -> Kernels.sampleTokens(logits, 3, 3, options, two, ids, null));
    refused("uniforms must have at least 2", () -> Kernels.sampleTokens(logits, 2, 3, options, uniforms(0.5), ids, null));
    refused("uniforms are null", () -> Kernels.sampleTokens(logits, 2, 3, options, null, ids, null));
    refused("uniforms[1] is 1", () -> Kernels.sampleTokens(logits, 2, 3, options, uniforms(0.5, 1), ids, null));
    refused("ids must have at least 2", () -> Kernels.sampleTokens(logits, 2, 3, options, two, ids.slice(0, 1), null));
    refused("ids must be I32", () -> Kernels.sampleTokens(logits, 2, 3, options, two, logprobs, null));
    refused("logprobs must have at least 2",
        () -> Kernels.sampleTokens(logits, 2, 3, options, two, ids, logprobs.slice(0, 1)));
    refused("count", () -> Kernels.sampleTokens(logits, -1, 3, options, two, ids, null));
    refused("vocabSize", () -> Kernels.sampleTokens(logits, 2, 0, options, two, ids, null));
    refused("temperature", () -> options.withTemperature(-1));
    refused("topK", () -> options.withTopK(-1));
    refused("topP", () -> options.withTopP(0));
  }
}
