// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Whatever stands in a masked slot changes no bit of any loss, gradient, statistic or output; nor does the number of
 * threads. Both are checked on one large, ragged, masked batch, through every operation that takes a mask.
 */
class PoisonTest {

  private static final int SEQUENCES = 23;
  private static final int LENGTH = 67;
  private static final int TOKENS = SEQUENCES * LENGTH;
  private static final int VOCAB = 301;
  private static final int HIDDEN = 33;

  private final boolean[] valid = new boolean[TOKENS];
  private final float[] noise = new float[TOKENS * VOCAB];
  private int used;

  PoisonTest() {
    Random random = new Random(3);
    for (int i = 0; i < TOKENS; i++) {
      int sequence = i / LENGTH;
      // One sequence is empty, one has a single token; the others end anywhere and have holes.
      int end = sequence == 4 ? 0 : sequence == 9 ? 1 : 5 + sequence * 61 % (LENGTH - 5);
      valid[i] = i % LENGTH < end && (end == 1 || random.nextInt(9) > 0);
    }
    for (int i = 0; i < noise.length; i++) {
      noise[i] = (float) random.nextGaussian();
    }
  }

  /** Numbers per token, with the poison at masked ones. */
  private NativeArray floats(int width, float poison) {
    float[] values = new float[TOKENS * width];
    for (int i = 0; i < values.length; i++) {
      values[i] = valid[i / width] ? noise[(i + used) % noise.length] : poison;
    }
    used += 977;
    return NativeArray.ofFloats(values);
  }

  List<Object> everything(float poison, int integerPoison) {
    used = 0;
    List<Object> results = new ArrayList<>();
    TokenLayout layout = TokenLayout.padded(SEQUENCES, LENGTH).withMask(NativeArray.ofMask(valid));
    long[] targets = new long[TOKENS];
    int[] classes = new int[TOKENS];
    for (int i = 0; i < TOKENS; i++) {
      targets[i] = valid[i] ? i * 31L % VOCAB : integerPoison;
      classes[i] = valid[i] ? i * 7 % 3 : integerPoison;
    }
    policy(results, layout, NativeArray.ofLongs(targets), poison);
    outputLayer(results, layout, NativeArray.ofLongs(targets), poison);
    rewards(results, layout, NativeArray.ofInts(classes), poison);
    rewardModel(results, layout, NativeArray.ofInts(classes), poison);
    NativeArray gradient = zeros(1);
    results.add(Kernels.valueLoss(layout, floats(1, poison), floats(1, poison), floats(1, poison),
        ValueLossOptions.defaults(), ValueLossOutputs.none().withGradValues(gradient)));
    results.add(gradient.toFloats());
    return results;
  }

  private void policy(List<Object> results, TokenLayout layout, NativeArray targets, float poison) {
    for (Aggregation aggregation : Aggregation.values()) {
      NativeArray logits = floats(VOCAB, poison);
      PolicyLossOutputs outputs = new PolicyLossOutputs(
          zeros(1), zeros(1), zeros(1), zeros(1), zeros(1), zeros(1), logits);
      results.add(Kernels.policyLoss(layout, Logits.of(logits, VOCAB), targets, floats(1, poison),
          floats(1, poison), floats(1, poison),
          PolicyLossOptions.defaults().withAggregation(aggregation).withKlCoef(0.1).withEntropyCoef(0.01),
          outputs));
      for (NativeArray array : new NativeArray[] {outputs.logprob(), outputs.entropy(), outputs.ratio(),
        outputs.objective(), outputs.kl(), outputs.gradLogprob(), logits}) {
        results.add(array.toFloats());
      }
    }
    NativeArray logits = floats(VOCAB, poison);
    results.add(Kernels.tokenLogProbs(layout, Logits.of(logits, VOCAB), targets, TokenLogProbsOptions.defaults(),
        TokenLogProbsOutputs.none()));
    results.add(Kernels.nllLoss(layout, Logits.of(logits, VOCAB), targets, floats(1, poison),
        NllLossOptions.defaults().withNormalizer(10), NllLossOutputs.none().withGradLogits(logits)));
    results.add(logits.toFloats());
  }

  private void outputLayer(List<Object> results, TokenLayout layout, NativeArray targets, float poison) {
    NativeArray weight = NativeArray.ofFloats(Arrays.copyOf(noise, VOCAB * HIDDEN));
    for (long chunk : new long[] {0, 48}) {
      OutputLayer layer = OutputLayer.of(floats(HIDDEN, poison), HIDDEN, weight).withChunkTokens(chunk)
          .withGradients(zeros(HIDDEN), NativeArray.allocate(DType.F32, VOCAB * HIDDEN));
      NativeArray logprob = zeros(1);
      results.add(Kernels.linearTokenLogProbs(layout, layer.withGradients(null, null), targets,
          TokenLogProbsOptions.defaults(), TokenLogProbsOutputs.none().withLogprob(logprob)));
      results.add(logprob.toFloats());
      results.add(Kernels.linearPolicyLoss(layout, layer, targets, logprob, floats(1, poison), floats(1, poison),
          PolicyLossOptions.defaults().withKlCoef(0.1).withEntropyCoef(0.01), PolicyLossOutputs.none()));
      results.add(Kernels.linearNllLoss(layout, layer, targets, floats(1, poison),
          NllLossOptions.defaults().withNormalizer(10), NllLossOutputs.none()));
      results.add(layer.gradHidden().toFloats());
      results.add(layer.gradWeight().toFloats());
    }
  }

  private void rewards(List<Object> results, TokenLayout layout, NativeArray classes, float poison) {
    NativeArray rewards = zeros(1);
    NativeArray returns = zeros(1);
    float[] terminal = new float[SEQUENCES];
    for (int b = 0; b < SEQUENCES; b++) {
      terminal[b] = b == 4 ? poison : b;
    }
    results.add(Kernels.shapeRewards(layout,
        ShapeRewardsInputs.ofClasses(classes).withLogprobs(floats(1, poison), floats(1, poison))
            .withTerminalRewards(NativeArray.ofFloats(terminal)),
        ShapeRewardsOptions.defaults().withSuggestedLength(20), ShapeRewardsOutputs.none().withRewards(rewards)));
    results.add(rewards.toFloats());
    NativeArray advantages = zeros(1);
    Kernels.gae(layout, rewards, floats(1, poison), GaeOptions.defaults(), advantages, returns);
    results.add(advantages.toFloats());
    results.add(returns.toFloats());
    TokenAdvantagesOutputs together = TokenAdvantagesOutputs.of(zeros(1), zeros(1));
    results.add(Kernels.tokenAdvantages(layout, ShapeRewardsInputs.ofScores(floats(1, poison)), floats(1, poison),
        TokenAdvantagesOptions.defaults(), together));
    results.add(together.advantages().toFloats());
    results.add(together.returns().toFloats());
    NativeArray raw = floats(1, poison);
    results.add(Kernels.whiten(raw, layout.mask(), WhitenOptions.defaults(), raw));
    results.add(raw.toFloats());
  }

  private void rewardModel(List<Object> results, TokenLayout layout, NativeArray labels, float poison) {
    NativeArray kept = NativeArray.allocate(DType.U8, TOKENS);
    results.add(Kernels.balanceMask(layout, labels, null, BalanceMaskOptions.defaults().withSeed(1), kept));
    results.add(kept.toBytes());
    NativeArray logits = floats(3, poison);
    float[] sentence = new float[SEQUENCES];
    for (int b = 0; b < SEQUENCES; b++) {
      sentence[b] = b == 4 ? poison : 1 + b % 2;
    }
    results.add(Kernels.rewardModelLoss(layout, logits, labels, NativeArray.ofFloats(sentence), null,
        RewardModelLossOptions.defaults(), RewardModelLossOutputs.none().withGradLogits(logits)));
    results.add(logits.toFloats());
  }

  private static NativeArray zeros(int width) {
    return NativeArray.allocate(DType.F32, (long) TOKENS * width);
  }

  static void assertSameBits(List<Object> expected, List<Object> actual) {
    assertEquals(expected.size(), actual.size());
    for (int i = 0; i < expected.size(); i++) {
      if (expected.get(i) instanceof float[] values) {
        assertArrayEquals(bits(values), bits((float[]) actual.get(i)), "result " + i);
      } else if (expected.get(i) instanceof byte[] bytes) {
        assertArrayEquals(bytes, (byte[]) actual.get(i), "result " + i);
      } else {
        // Records of doubles compare by Double.compare: bit by bit.
        assertEquals(expected.get(i), actual.get(i), "result " + i);
      }
    }
  }

  private static int[] bits(float[] values) {
    int[] bits = new int[values.length];
    for (int i = 0; i < bits.length; i++) {
      bits[i] = Float.floatToRawIntBits(values[i]);
    }
    return bits;
  }

  @ParameterizedTest
  @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY, 1e30f, -1e30f})
  void poisonInMaskedSlotsChangesNoBit(float poison) {
    assertSameBits(everything(0, 0), everything(poison, Integer.MIN_VALUE));
  }

  @Test
  void numberOfThreadsChangesNoBit() {
    int before = Kernels.threads();
    try {
      Kernels.setThreads(1);
      List<Object> one = everything(0, 0);
      for (int threads : new int[] {2, 3, 8}) {
        Kernels.setThreads(threads);
        assertEquals(threads, Kernels.threads());
        assertSameBits(one, everything(0, 0));
      }
    } finally {
      Kernels.setThreads(before);
    }
  }

  @Test
  void nothingValidIsNothingDone() {
    TokenLayout layout = TokenLayout.padded(1, 2).withMask(NativeArray.ofMask(false, false));
    NativeArray logits = NativeArray.ofFloats(Float.NaN, 1, 2, 3);
    PolicyLossStats stats = Kernels.policyLoss(layout, Logits.of(logits, 2), NativeArray.ofLongs(7, -7),
        NativeArray.ofFloats(1, 2), NativeArray.ofFloats(1, 2), null, PolicyLossOptions.defaults(),
        PolicyLossOutputs.none().withGradLogits(logits));
    assertEquals(0, stats.loss());
    assertEquals(0, stats.valid());
    assertArrayEquals(new float[4], logits.toFloats());
  }
}
