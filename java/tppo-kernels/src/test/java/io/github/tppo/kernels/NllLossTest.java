// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

import static io.github.tppo.kernels.Close.assertClose;
import static io.github.tppo.kernels.Close.assertScalar;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Random;
import org.junit.jupiter.api.Test;

class NllLossTest {

  /** The softmax minus the one-hot target, weighted, in float64. */
  @Test
  void lossAndGradientMatchTheDefinition() {
    int tokens = 7;
    int vocab = 33;
    double temperature = 1.3;
    Random random = new Random(7);
    float[] logits = new float[tokens * vocab];
    for (int i = 0; i < logits.length; i++) {
      logits[i] = (float) (4 * random.nextGaussian());
    }
    long[] targets = random.longs(tokens, 0, vocab).toArray();
    float[] weights = {1, 0.5f, 0, 2, 1, 3, 1};
    byte[] mask = {1, 1, 1, 0, 1, 1, 1};
    double[] gradient = new double[logits.length];
    double loss = 0;
    double total = 0;
    for (int i = 0; i < tokens; i++) {
      double w = weights[i] * mask[i];
      double sum = 0;
      for (int v = 0; v < vocab; v++) {
        sum += Math.exp(logits[i * vocab + v] / temperature);
      }
      loss -= w * (logits[i * vocab + (int) targets[i]] / temperature - Math.log(sum));
      total += w;
      for (int v = 0; v < vocab; v++) {
        double p = Math.exp(logits[i * vocab + v] / temperature) / sum;
        gradient[i * vocab + v] = w * (p - (v == targets[i] ? 1 : 0)) / temperature;
      }
    }
    for (int i = 0; i < gradient.length; i++) {
      gradient[i] /= total;
    }
    NativeArray inPlace = NativeArray.ofFloats(logits);
    NllLossStats stats = Kernels.nllLoss(TokenLayout.flat(tokens).withMask(NativeArray.ofBytes(mask)),
        Logits.of(inPlace, vocab), NativeArray.ofLongs(targets), NativeArray.ofFloats(weights),
        NllLossOptions.defaults().withTemperature(temperature), NllLossOutputs.none().withGradLogits(inPlace));
    assertScalar("loss", loss / total, stats.loss());
    assertClose("gradient", gradient, inPlace);
    assertEquals(total, stats.weight(), 1e-9);
  }

  @Test
  void weightsDefaultToOne() {
    NativeArray logits = NativeArray.ofFloats(0, 0, 0, 0);
    NllLossStats stats = Kernels.nllLoss(TokenLayout.flat(2), Logits.of(logits, 2), NativeArray.ofLongs(0, 1), null,
        NllLossOptions.defaults(), NllLossOutputs.none());
    assertScalar("loss", Math.log(2), stats.loss());
    assertEquals(2, stats.valid());
  }
}
