// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.benchmarks;

import io.github.tppo.kernels.DType;
import io.github.tppo.kernels.GaeOptions;
import io.github.tppo.kernels.Kernels;
import io.github.tppo.kernels.NativeArray;
import io.github.tppo.kernels.ShapeRewardsInputs;
import io.github.tppo.kernels.ShapeRewardsOutputs;
import io.github.tppo.kernels.TokenAdvantagesOptions;
import io.github.tppo.kernels.TokenAdvantagesOutputs;
import io.github.tppo.kernels.WhitenOptions;
import java.util.Random;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;

/** From classes and log-probs to whitened advantages and returns: shaping, estimation and whitening. */
public class TokenAdvantagesBenchmark extends OperationBenchmark {

  /** Sequences times tokens. */
  @Param("256x1024")
  public String shape;

  private TokenBatch batch;
  private ShapeRewardsInputs inputs;
  private TokenAdvantagesOptions options;
  private NativeArray rewards;
  private NativeArray advantages;
  private NativeArray returns;
  private Tensor classes;
  private Tensor logprobs;
  private Tensor refLogprobs;
  private Tensor values;
  private Tensor mask;

  /** Makes the inputs and compares the three ways. */
  @Setup
  public void setup() {
    batch = TokenBatch.of(shape);
    Random random = new Random(2);
    NativeArray refArray = Memory.allocate(DType.F32, batch.tokens);
    for (int i = 0; i < batch.tokens; i++) {
      refArray.buffer().asFloatBuffer().put(i, (float) random.nextGaussian());
    }
    inputs = ShapeRewardsInputs.ofClasses(batch.classesArray).withLogprobs(batch.rewardsArray, refArray);
    options = new TokenAdvantagesOptions(
        ShapeRewardsBenchmark.options(batch), GaeOptions.defaults(), WhitenOptions.defaults());
    rewards = Memory.allocate(DType.F32, batch.tokens);
    advantages = Memory.allocate(DType.F32, batch.tokens);
    returns = Memory.allocate(DType.F32, batch.tokens);
    classes = Torch.view(batch.classesArray, batch.sequences, batch.length).to(torch.ScalarType.Long);
    logprobs = Torch.view(batch.rewardsArray, batch.sequences, batch.length);
    refLogprobs = Torch.view(refArray, batch.sequences, batch.length);
    values = Torch.view(batch.valuesArray, batch.sequences, batch.length);
    mask = Torch.view(batch.maskArray, batch.sequences, batch.length).to(torch.ScalarType.Float);
    tppoThreeCalls();
    float[] expected = advantages.toFloats();
    tppo();
    requireClose("advantages of tppo", advantages.toFloats(), expected, 0);
    try (PointerScope scope = new PointerScope()) {
      requireClose("advantages of libtorch", Torch.toFloats(inTorch()), expected, 1e-4);
    }
  }

  /** Classes, two log-probs, values and mask are read; advantages and returns are written. */
  @Override
  long bytes() {
    return 25L * batch.tokens;
  }

  /** One kernel call. */
  @Benchmark
  public void tppo() {
    Kernels.tokenAdvantages(batch.layout, inputs, batch.valuesArray, options,
        TokenAdvantagesOutputs.of(advantages, returns));
  }

  /** The same results by three kernel calls. */
  @Benchmark
  public void tppoThreeCalls() {
    Kernels.shapeRewards(batch.layout, inputs, options.shaping(), ShapeRewardsOutputs.none().withRewards(rewards));
    Kernels.gae(batch.layout, rewards, batch.valuesArray, options.gae(), advantages, returns);
    Kernels.whiten(advantages, batch.maskArray, options.whitening(), advantages);
  }

  /** Operation by operation, estimation as in veRL. */
  @Benchmark
  public void libtorch() {
    try (PointerScope scope = new PointerScope()) {
      inTorch();
    }
  }

  private Tensor inTorch() {
    Tensor shaped = ShapeRewardsBenchmark.shaped(batch, classes, logprobs, refLogprobs, mask);
    Tensor estimated = GaeBenchmark.verl(shaped, values, mask);
    estimated.add(values);
    return WhitenBenchmark.whiten(estimated, mask);
  }
}
