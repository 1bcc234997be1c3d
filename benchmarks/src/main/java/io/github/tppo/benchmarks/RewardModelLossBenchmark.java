// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.benchmarks;

import io.github.tppo.kernels.DType;
import io.github.tppo.kernels.GlobalMode;
import io.github.tppo.kernels.Kernels;
import io.github.tppo.kernels.NativeArray;
import io.github.tppo.kernels.RewardModelLossOptions;
import io.github.tppo.kernels.RewardModelLossOutputs;
import io.github.tppo.kernels.RewardModelLossStats;
import java.util.Random;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;

/** Loss of the token-level reward model from [tokens, 3] logits and its gradient, apart from the logits. */
public class RewardModelLossBenchmark extends OperationBenchmark {

  /** Sequences times tokens. */
  @Param("64x512")
  public String shape;

  private TokenBatch batch;
  private NativeArray logits;
  private NativeArray gradient;
  private NativeArray sentenceLabels;
  private Tensor leaf;
  private Tensor labels;
  private Tensor labelsOfSentences;
  private Tensor classNumbers;
  private Tensor mask;

  /** Makes the inputs and compares with libtorch. */
  @Setup
  public void setup() {
    batch = TokenBatch.of(shape);
    Random random = new Random(2);
    float[] drawn = new float[3 * batch.tokens];
    for (int i = 0; i < drawn.length; i++) {
      drawn[i] = (float) random.nextGaussian();
    }
    float[] sentences = new float[batch.sequences];
    for (int b = 0; b < sentences.length; b++) {
      sentences[b] = 2 * random.nextFloat();
    }
    logits = NativeArray.ofFloats(drawn);
    gradient = NativeArray.allocate(DType.F32, drawn.length);
    sentenceLabels = NativeArray.ofFloats(sentences);
    leaf = Torch.leaf(logits, batch.sequences, batch.length, 3);
    labels = Torch.view(batch.classesArray, batch.sequences, batch.length, 1).to(torch.ScalarType.Long);
    labelsOfSentences = Torch.view(sentenceLabels, batch.sequences);
    classNumbers = torch.tensor(new float[] {0, 1, 2});
    mask = Torch.view(batch.maskArray, batch.sequences, batch.length).to(torch.ScalarType.Float);
    double loss = tppo().loss();
    try (PointerScope scope = new PointerScope()) {
      requireClose("loss of tppo", loss, torchLoss(), 1e-5 * loss);
      requireClose("gradient of tppo", gradient.toFloats(), Torch.takeGradient(leaf), 1e-5);
    }
  }

  @Override
  long bytes() {
    return (3 * 4 + 3 * 4 + 4 + 1) * (long) batch.tokens;
  }

  /** One kernel call. */
  @Benchmark
  public RewardModelLossStats tppo() {
    return Kernels.rewardModelLoss(batch.layout, logits, batch.classesArray, sentenceLabels, null,
        RewardModelLossOptions.defaults().withGlobalMode(GlobalMode.EXPECTED),
        RewardModelLossOutputs.none().withGradLogits(gradient));
  }

  /** Operation by operation, backward through autograd. */
  @Benchmark
  public double libtorch() {
    try (PointerScope scope = new PointerScope()) {
      double loss = torchLoss();
      leaf.mutable_grad().reset();
      return loss;
    }
  }

  private double torchLoss() {
    Tensor logprobs = torch.log_softmax(leaf, 2);
    Tensor nll = logprobs.gather(2, labels).squeeze(2).neg();
    Tensor local = Torch.times(nll.mul(mask).sum(), 1.0 / batch.sequences);
    Tensor expected = logprobs.exp().mul(classNumbers).sum(2);
    Tensor mean = expected.mul(mask).sum(1).div(mask.sum(1));
    Tensor global = mean.sub(labelsOfSentences).square().mean();
    Tensor loss = Torch.times(local, 0.4).add(Torch.times(global, 0.6));
    loss.backward();
    return loss.item_double();
  }
}
