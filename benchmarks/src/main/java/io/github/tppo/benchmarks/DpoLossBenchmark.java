// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.benchmarks;

import io.github.tppo.kernels.DType;
import io.github.tppo.kernels.DpoLossOptions;
import io.github.tppo.kernels.DpoLossOutputs;
import io.github.tppo.kernels.Kernels;
import io.github.tppo.kernels.NativeArray;
import java.util.Random;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;

/** Direct preference optimisation over summed log-probs, and its two gradients. */
public class DpoLossBenchmark extends OperationBenchmark {

  private static final double BETA = 0.1;

  /** Pairs of a batch. */
  @Param("1024")
  public int pairs;

  private final NativeArray[] inputs = new NativeArray[4];
  private final Tensor[] tensors = new Tensor[4];
  private NativeArray gradChosen;
  private NativeArray gradRejected;

  /** Makes the inputs and compares with libtorch. */
  @Setup
  public void setup() {
    Random random = new Random(2);
    for (int k = 0; k < inputs.length; k++) {
      float[] logprobs = new float[pairs];
      for (int i = 0; i < pairs; i++) {
        logprobs[i] = -40 + 10 * (float) random.nextGaussian();
      }
      inputs[k] = NativeArray.ofFloats(logprobs);
      // The first two are the policy's.
      tensors[k] = k < 2 ? Torch.leaf(inputs[k], pairs) : Torch.view(inputs[k], pairs);
    }
    gradChosen = NativeArray.allocate(DType.F32, pairs);
    gradRejected = NativeArray.allocate(DType.F32, pairs);
    double loss = tppo();
    try (PointerScope scope = new PointerScope()) {
      requireClose("loss of tppo", loss, torchLoss(), 1e-5 * loss);
      requireClose("first gradient of tppo", gradChosen.toFloats(), Torch.takeGradient(tensors[0]), 1e-5);
      requireClose("second gradient of tppo", gradRejected.toFloats(), Torch.takeGradient(tensors[1]), 1e-5);
    }
  }

  @Override
  long bytes() {
    return 24L * pairs;
  }

  /** One kernel call. */
  @Benchmark
  public double tppo() {
    return Kernels.dpoLoss(inputs[0], inputs[1], inputs[2], inputs[3], DpoLossOptions.defaults().withBeta(BETA),
        DpoLossOutputs.none().withGradChosen(gradChosen).withGradRejected(gradRejected)).loss();
  }

  /** Operation by operation, backward through autograd. */
  @Benchmark
  public double libtorch() {
    try (PointerScope scope = new PointerScope()) {
      double loss = torchLoss();
      tensors[0].mutable_grad().reset();
      tensors[1].mutable_grad().reset();
      return loss;
    }
  }

  private double torchLoss() {
    Tensor margin = tensors[0].sub(tensors[2]).sub(tensors[1].sub(tensors[3]));
    Tensor loss = torch.log_sigmoid(Torch.times(margin, BETA)).mean().neg();
    loss.backward();
    return loss.item_double();
  }
}
