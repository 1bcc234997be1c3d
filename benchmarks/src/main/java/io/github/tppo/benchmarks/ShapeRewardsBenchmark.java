// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.benchmarks;

import io.github.tppo.kernels.DType;
import io.github.tppo.kernels.Kernels;
import io.github.tppo.kernels.NativeArray;
import io.github.tppo.kernels.ShapeRewardsInputs;
import io.github.tppo.kernels.ShapeRewardsOptions;
import io.github.tppo.kernels.ShapeRewardsOutputs;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;

/** Token rewards from classes: class value times length penalty, less the KL penalty. */
public class ShapeRewardsBenchmark extends OperationBenchmark {

  private static final double ALPHA = 2;
  private static final double OFFSET = 6;
  private static final double KL_COEF = 0.2;

  /** Sequences times tokens. */
  @Param("256x1024")
  public String shape;

  private TokenBatch batch;
  private NativeArray rewards;
  private Tensor classes;
  private Tensor mask;
  private Tensor logprobs;
  private Tensor refLogprobs;
  private float[] javaRewards;

  /** Makes the inputs and compares every way to the Java loop. */
  @Setup
  public void setup() {
    batch = TokenBatch.of(shape);
    rewards = Memory.allocate(DType.F32, batch.tokens);
    classes = Torch.view(batch.classesArray, batch.sequences, batch.length).to(torch.ScalarType.Long);
    mask = Torch.view(batch.maskArray, batch.sequences, batch.length).to(torch.ScalarType.Float);
    logprobs = Torch.view(batch.rewardsArray, batch.sequences, batch.length);
    refLogprobs = Torch.view(batch.valuesArray, batch.sequences, batch.length);
    javaRewards = new float[batch.tokens];
    javaLoop();
    tppo();
    requireClose("rewards of tppo", rewards.toFloats(), javaRewards, 1e-5);
    try (PointerScope scope = new PointerScope()) {
      Tensor inTorch = shaped(batch, classes, logprobs, refLogprobs, mask);
      requireClose("rewards of libtorch", Torch.toFloats(inTorch), javaRewards, 1e-5);
    }
  }

  @Override
  long bytes() {
    return 17L * batch.tokens;
  }

  /** One kernel call. */
  @Benchmark
  public void tppo() {
    Kernels.shapeRewards(batch.layout,
        ShapeRewardsInputs.ofClasses(batch.classesArray).withLogprobs(batch.rewardsArray, batch.valuesArray),
        options(batch),
        ShapeRewardsOutputs.none().withRewards(rewards));
  }

  /** The same in Java. */
  @Benchmark
  public float[] javaLoop() {
    double suggestedLength = suggestedLength(batch);
    for (int b = 0; b < batch.sequences; b++) {
      int position = 0;
      for (int i = b * batch.length; i < (b + 1) * batch.length; i++) {
        if (batch.mask[i] == 0) {
          javaRewards[i] = 0;
          continue;
        }
        position++;
        double lwp = 1 / (1 + Math.exp(ALPHA * (position - suggestedLength) - OFFSET));
        double kl = Math.max(-20, Math.min(20, (double) batch.rewards[i] - batch.values[i]));
        javaRewards[i] = (float) (lwp * batch.classes[i] - KL_COEF * kl);
      }
    }
    return javaRewards;
  }

  /** Operation by operation. */
  @Benchmark
  public void libtorch() {
    try (PointerScope scope = new PointerScope()) {
      shaped(batch, classes, logprobs, refLogprobs, mask);
    }
  }

  /** Rewards of [sequences, length] tokens. */
  static Tensor shaped(TokenBatch batch, Tensor classes, Tensor logprobs, Tensor refLogprobs, Tensor mask) {
    Tensor classValues = torch.tensor(new float[] {0, 1, 2});
    Tensor value = classValues.index_select(0, classes.view(-1)).view(batch.sequences, batch.length);
    Tensor position = torch.cumsum(mask, 1);
    Tensor lwp = Torch.plus(Torch.times(position, -ALPHA), ALPHA * suggestedLength(batch) + OFFSET).sigmoid();
    Tensor kl = Torch.clamp(logprobs.sub(refLogprobs), -20, 20);
    return lwp.mul(value).sub(Torch.times(kl, KL_COEF)).mul(mask);
  }

  static ShapeRewardsOptions options(TokenBatch batch) {
    return ShapeRewardsOptions.defaults().withAlpha(ALPHA).withLengthOffset(OFFSET).withKlCoef(KL_COEF)
        .withSuggestedLength(suggestedLength(batch));
  }

  /** Beyond half of the length tokens are worth less and less. */
  private static double suggestedLength(TokenBatch batch) {
    return batch.length / 2;
  }
}
