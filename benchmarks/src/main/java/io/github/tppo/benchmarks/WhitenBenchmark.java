// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.benchmarks;

import io.github.tppo.kernels.DType;
import io.github.tppo.kernels.Kernels;
import io.github.tppo.kernels.NativeArray;
import io.github.tppo.kernels.WhitenOptions;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;

/** Whitening of the valid tokens of a batch, result apart from input. */
public class WhitenBenchmark extends OperationBenchmark {

  private static final double EPSILON = 1e-8;

  /** Sequences times tokens. */
  @Param("256x1024")
  public String shape;

  private TokenBatch batch;
  private NativeArray out;
  private Tensor x;
  private Tensor mask;
  private float[] javaOut;

  /** Makes the inputs and compares with the Java loop. */
  @Setup
  public void setup() {
    batch = TokenBatch.of(shape);
    out = Memory.allocate(DType.F32, batch.tokens);
    x = Torch.view(batch.rewardsArray, batch.sequences, batch.length);
    mask = Torch.view(batch.maskArray, batch.sequences, batch.length).to(torch.ScalarType.Float);
    javaOut = new float[batch.tokens];
    javaLoop();
    tppo();
    requireClose("result of tppo", out.toFloats(), javaOut, 1e-5);
    try (PointerScope scope = new PointerScope()) {
      requireClose("result of libtorch", Torch.toFloats(whiten(x, mask)), javaOut, 1e-5);
    }
  }

  @Override
  long bytes() {
    return 9L * batch.tokens;
  }

  /** One kernel call. */
  @Benchmark
  public void tppo() {
    Kernels.whiten(batch.rewardsArray, batch.maskArray, WhitenOptions.defaults().withEpsilon(EPSILON), out);
  }

  /** Three passes in Java. */
  @Benchmark
  public float[] javaLoop() {
    double sum = 0;
    for (int i = 0; i < batch.tokens; i++) {
      sum += batch.mask[i] * batch.rewards[i];
    }
    double mean = sum / batch.valid;
    double squares = 0;
    for (int i = 0; i < batch.tokens; i++) {
      double d = batch.mask[i] * (batch.rewards[i] - mean);
      squares += d * d;
    }
    double factor = 1 / Math.sqrt(squares / (batch.valid - 1) + EPSILON);
    for (int i = 0; i < batch.tokens; i++) {
      javaOut[i] = (float) (batch.mask[i] * (batch.rewards[i] - mean) * factor);
    }
    return javaOut;
  }

  /** masked_mean, masked_var and masked_whiten of veRL. */
  @Benchmark
  public void libtorch() {
    try (PointerScope scope = new PointerScope()) {
      whiten(x, mask);
    }
  }

  static Tensor whiten(Tensor x, Tensor mask) {
    Tensor count = mask.sum();
    Tensor mean = x.mul(mask).sum().div(count);
    Tensor centred = x.sub(mean);
    Tensor variance = centred.square().mul(mask).sum().div(Torch.plus(count, -1));
    return centred.mul(Torch.plus(variance, EPSILON).rsqrt()).mul(mask);
  }
}
