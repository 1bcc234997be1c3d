// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

/**
 * A row-major [N, V] array of logits, one row per token.
 *
 * @param data {@link DType#F32}, {@link DType#BF16} or {@link DType#F16}
 * @param vocabSize V, at least 1
 * @param stride elements from one row to the next, at least V
 */
public record Logits(NativeArray data, long vocabSize, long stride) {

  public Logits {
    Checks.require(data != null, "data of the logits is null");
    Checks.requireFloating("logits", data);
    Checks.require(vocabSize >= 1, "vocabSize must be at least 1, is " + vocabSize);
    Checks.require(stride >= vocabSize, "stride " + stride + " is less than vocabSize " + vocabSize);
  }

  /** Contiguous rows. */
  public static Logits of(NativeArray data, long vocabSize) {
    return new Logits(data, vocabSize, vocabSize);
  }
}
