// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

import static io.github.tppo.kernels.Close.assertClose;
import static io.github.tppo.kernels.Close.assertScalar;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The losses behind an output layer, against whole logits in float64. */
class LinearLossTest {

  private static final int TOKENS = 37;
  private static final int VOCAB = 53;
  private static final int HIDDEN = 19;
  /** Room between rows, so that a stride that is taken for the width is seen. */
  private static final int STRIDE = HIDDEN + 4;
  private static final double TEMPERATURE = 0.8;
  private static final double ENTROPY_COEF = 0.02;
  private static final double KL_COEF = 0.3;

  private final Random random = new Random(11);
  /** Few enough bits for every type, and for exact logits in float32. */
  private final float[] hidden = sixteenths(TOKENS * HIDDEN, 16);
  private final float[] weight = sixteenths(VOCAB * HIDDEN, 8);
  private final long[] targets = random.longs(TOKENS, 0, VOCAB).toArray();
  private final byte[] mask = new byte[TOKENS];
  private final float[] gradWeightBefore = sixteenths(VOCAB * HIDDEN, 2);
  private final float[] advantages = sixteenths(TOKENS, 32);
  private final float[] tokenWeights = sixteenths(TOKENS, 32);
  private final float[] oldLogprobs = new float[TOKENS];
  private final float[] refLogprobs = new float[TOKENS];
  private final double[][] probabilities = new double[TOKENS][VOCAB];
  private final double[] entropies = new double[TOKENS];

  LinearLossTest() {
    for (int i = 0; i < TOKENS; i++) {
      mask[i] = (byte) (random.nextInt(5) > 0 ? 1 : 0);
      double sum = 0;
      for (int v = 0; v < VOCAB; v++) {
        double logit = 0;
        for (int h = 0; h < HIDDEN; h++) {
          logit += (double) hidden[i * HIDDEN + h] * weight[v * HIDDEN + h];
        }
        probabilities[i][v] = Math.exp(logit / TEMPERATURE);
        sum += probabilities[i][v];
      }
      for (int v = 0; v < VOCAB; v++) {
        probabilities[i][v] /= sum;
        entropies[i] -= probabilities[i][v] * Math.log(probabilities[i][v]);
      }
      // Some ratios inside the clip range, some outside.
      oldLogprobs[i] = (float) (logprob(i) + 0.3 * random.nextGaussian());
      refLogprobs[i] = (float) (logprob(i) + 0.3 * random.nextGaussian());
    }
  }

  private float[] sixteenths(int count, int bound) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (random.nextInt(2 * bound + 1) - bound) / 16f;
    }
    return values;
  }

  private double logprob(int token) {
    return Math.log(probabilities[token][(int) targets[token]]);
  }

  /** What one call wrote. */
  private record Result(double loss, NativeArray logprob, NativeArray entropy, OutputLayer layer) {}

  private OutputLayer layer(DType dtype, long chunk) {
    NativeArray strided = NativeArray.allocate(dtype, (long) TOKENS * STRIDE);
    for (int i = 0; i < TOKENS; i++) {
      float[] row = new float[STRIDE];
      Arrays.fill(row, Float.NaN);
      if (mask[i] != 0) {
        System.arraycopy(hidden, i * HIDDEN, row, 0, HIDDEN);
      }
      strided.slice((long) i * STRIDE, STRIDE).buffer().put(Narrow.of(dtype, row).buffer());
    }
    return OutputLayer.of(strided, HIDDEN, Narrow.of(dtype, weight)).withHiddenStride(STRIDE).withChunkTokens(chunk)
        .withGradients(NativeArray.allocate(dtype, (long) TOKENS * STRIDE), NativeArray.ofFloats(gradWeightBefore));
  }

  private TokenLayout layout() {
    return TokenLayout.flat(TOKENS).withMask(NativeArray.ofBytes(mask));
  }

  private Result policyLoss(DType dtype, long chunk) {
    OutputLayer layer = layer(dtype, chunk);
    PolicyLossOutputs outputs = PolicyLossOutputs.none().withLogprob(NativeArray.allocate(DType.F32, TOKENS))
        .withEntropy(NativeArray.allocate(DType.F32, TOKENS));
    PolicyLossStats stats = Kernels.linearPolicyLoss(layout(), layer, NativeArray.ofLongs(targets),
        NativeArray.ofFloats(oldLogprobs), NativeArray.ofFloats(advantages), NativeArray.ofFloats(refLogprobs),
        PolicyLossOptions.defaults().withTemperature(TEMPERATURE).withEntropyCoef(ENTROPY_COEF).withKlCoef(KL_COEF),
        outputs);
    return new Result(stats.loss(), outputs.logprob(), outputs.entropy(), layer);
  }

  private Result nllLoss(DType dtype, long chunk) {
    OutputLayer layer = layer(dtype, chunk);
    NllLossOutputs outputs = NllLossOutputs.none().withLogprob(NativeArray.allocate(DType.F32, TOKENS))
        .withEntropy(NativeArray.allocate(DType.F32, TOKENS));
    NllLossStats stats = Kernels.linearNllLoss(layout(), layer, NativeArray.ofLongs(targets),
        NativeArray.ofFloats(tokenWeights),
        NllLossOptions.defaults().withTemperature(TEMPERATURE).withNormalizer(10), outputs);
    return new Result(stats.loss(), outputs.logprob(), outputs.entropy(), layer);
  }

  @ParameterizedTest
  @EnumSource(value = DType.class, names = {"F32", "BF16", "F16"})
  void policyLossAndGradientsEqualTheDefinition(DType dtype) {
    double loss = 0;
    double valid = 0;
    double[] logprobSlopes = new double[TOKENS];
    double[] entropySlopes = new double[TOKENS];
    for (int i = 0; i < TOKENS; i++) {
      if (mask[i] != 0) {
        double ratio = Math.exp(logprob(i) - oldLogprobs[i]);
        double clipped = Math.min(Math.max(ratio, 0.8), 1.2);
        double d = logprob(i) - refLogprobs[i];
        loss += -Math.min(ratio * advantages[i], clipped * advantages[i])
            + KL_COEF * (Math.exp(-d) - 1 + d) - ENTROPY_COEF * entropies[i];
        logprobSlopes[i] = KL_COEF * (1 - Math.exp(-d))
            - (ratio * advantages[i] <= clipped * advantages[i] ? ratio * advantages[i] : 0);
        entropySlopes[i] = -ENTROPY_COEF;
        valid++;
      }
    }
    for (int i = 0; i < TOKENS; i++) {
      logprobSlopes[i] /= valid;
      entropySlopes[i] /= valid;
    }
    for (long chunk : new long[] {0, 16, 1000}) {
      check(policyLoss(dtype, chunk), loss / valid, logprobSlopes, entropySlopes);
    }
  }

  @ParameterizedTest
  @EnumSource(value = DType.class, names = {"F32", "BF16", "F16"})
  void nllLossAndGradientsEqualTheDefinition(DType dtype) {
    double loss = 0;
    double[] slopes = new double[TOKENS];
    for (int i = 0; i < TOKENS; i++) {
      slopes[i] = mask[i] * -tokenWeights[i] / 10;
      loss += slopes[i] * logprob(i);
    }
    for (long chunk : new long[] {0, 16, 1000}) {
      check(nllLoss(dtype, chunk), loss, slopes, new double[TOKENS]);
    }
  }

  /** Slopes: d loss / d logprob and d loss / d entropy of each token. */
  private void check(Result result, double loss, double[] logprobSlopes, double[] entropySlopes) {
    assertScalar("loss", loss, result.loss());
    double[] gradHidden = new double[TOKENS * HIDDEN];
    double[] gradWeight = Close.widen(gradWeightBefore);
    double[] logprobs = new double[TOKENS];
    double[] expectedEntropies = new double[TOKENS];
    for (int i = 0; i < TOKENS; i++) {
      if (mask[i] == 0) {
        continue;
      }
      // Tokens of weight 0 are as masked.
      boolean inert = logprobSlopes[i] == 0 && entropySlopes[i] == 0;
      logprobs[i] = inert ? result.logprob().toFloats()[i] : logprob(i);
      expectedEntropies[i] = inert ? result.entropy().toFloats()[i] : entropies[i];
      for (int v = 0; v < VOCAB; v++) {
        double p = probabilities[i][v];
        double gradLogit = (logprobSlopes[i] * ((v == targets[i] ? 1 : 0) - p)
            - entropySlopes[i] * p * (Math.log(p) + entropies[i])) / TEMPERATURE;
        for (int h = 0; h < HIDDEN; h++) {
          gradHidden[i * HIDDEN + h] += gradLogit * weight[v * HIDDEN + h];
          gradWeight[v * HIDDEN + h] += gradLogit * hidden[i * HIDDEN + h];
        }
      }
    }
    assertClose("logprob", logprobs, result.logprob());
    assertClose("entropy", expectedEntropies, result.entropy());
    assertClose("gradWeight", gradWeight, result.layer().gradWeight());
    float[] strided = result.layer().gradHidden().toFloats();
    double[] found = new double[TOKENS * HIDDEN];
    for (int i = 0; i < TOKENS; i++) {
      for (int h = 0; h < STRIDE; h++) {
        if (h < HIDDEN) {
          found[i * HIDDEN + h] = strided[i * STRIDE + h];
        } else {
          assertEquals(0f, strided[i * STRIDE + h], "between the rows nothing is written");
        }
      }
    }
    double rounding = switch (result.layer().hidden().dtype()) {
      case BF16 -> Close.BF16;
      case F16 -> Close.F16;
      default -> 0;
    };
    assertClose("gradHidden", gradHidden, found, Close.FLOAT32 + rounding);
  }

  @Test
  void logProbsHaveTheBitsOfThePolicyLossForAnyChunk() {
    Result expected = policyLoss(DType.F32, 0);
    for (long chunk : new long[] {0, 16, 32}) {
      TokenLogProbsOutputs outputs = TokenLogProbsOutputs.none()
          .withLogprob(NativeArray.allocate(DType.F32, TOKENS))
          .withEntropy(NativeArray.allocate(DType.F32, TOKENS));
      TokenLogProbsStats stats = Kernels.linearTokenLogProbs(layout(), layer(DType.F32, chunk).withGradients(null, null),
          NativeArray.ofLongs(targets), TokenLogProbsOptions.defaults().withTemperature(TEMPERATURE), outputs);
      assertArrayEquals(expected.logprob().toFloats(), outputs.logprob().toFloats());
      assertArrayEquals(expected.entropy().toFloats(), outputs.entropy().toFloats());
      double sum = 0;
      for (int i = 0; i < TOKENS; i++) {
        sum += mask[i] * logprob(i);
      }
      assertScalar("sum of logprobs", sum, stats.logprob());
    }
  }

  @Test
  void nothingIsNothingDone() {
    OutputLayer empty = OutputLayer.of(NativeArray.ofFloats(), HIDDEN, NativeArray.ofFloats(weight))
        .withGradients(NativeArray.ofFloats(), NativeArray.ofFloats(gradWeightBefore));
    NllLossStats stats = Kernels.linearNllLoss(TokenLayout.flat(0), empty, NativeArray.ofLongs(), null,
        NllLossOptions.defaults(), NllLossOutputs.none());
    assertEquals(0, stats.loss());
    assertEquals(0, stats.valid());
    assertArrayEquals(gradWeightBefore, empty.gradWeight().toFloats());
  }
}
