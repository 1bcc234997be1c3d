// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.benchmarks;

import io.github.tppo.kernels.DType;
import io.github.tppo.kernels.Kernels;
import io.github.tppo.kernels.NativeArray;
import io.github.tppo.kernels.TokenLogProbsOptions;
import io.github.tppo.kernels.TokenLogProbsOutputs;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;

/** Log-probability of each token, and the entropy of its distribution if wanted: reads the logits, has no gradient. */
public class TokenLogProbsBenchmark extends LogitsBenchmark {

  /** Whether the entropy is computed too. */
  @Param({"false", "true"})
  public boolean entropy;

  private NativeArray logprob;
  private NativeArray entropies;

  /** Makes the inputs and compares with libtorch in float32. */
  @Setup
  public void setup() {
    makeLogits();
    logprob = NativeArray.allocate(DType.F32, tokens);
    entropies = entropy ? NativeArray.allocate(DType.F32, tokens) : null;
    callOurs(0);
    try (PointerScope scope = new PointerScope(); NoGradGuard guard = new NoGradGuard()) {
      Tensor[] expected = inTorch(matrixTensor(0).to(torch.ScalarType.Float));
      requireClose("logprob of tppo", logprob.toFloats(), Torch.toFloats(expected[0]), 1e-5);
      if (entropy) {
        requireClose("entropy of tppo", entropies.toFloats(), Torch.toFloats(expected[1]), 1e-5);
      }
    }
  }

  @Override
  boolean overwrites() {
    return false;
  }

  /** Each logit is read once. */
  @Override
  long bytes() {
    return super.bytes() / 2;
  }

  /** One kernel call. */
  @Benchmark
  public void tppo() {
    callOurs(nextMatrix());
  }

  @Override
  void callOurs(int k) {
    Kernels.tokenLogProbs(layout(), matrix(k), targets, TokenLogProbsOptions.defaults(),
        TokenLogProbsOutputs.none().withLogprob(logprob).withEntropy(entropies));
  }

  /** The chosen logit less logsumexp, as TRL writes it; with entropy log_softmax and a sum. */
  @Benchmark
  public void libtorch() {
    try (PointerScope scope = new PointerScope(); NoGradGuard guard = new NoGradGuard()) {
      inTorch(matrixTensor(nextMatrix()));
    }
  }

  private Tensor[] inTorch(Tensor logits) {
    if (!entropy) {
      return new Tensor[] {logits.gather(1, targetsTensor).squeeze(1).sub(torch.logsumexp(logits, 1))};
    }
    Tensor logprobs = torch.log_softmax(logits, 1);
    return new Tensor[] {logprobs.gather(1, targetsTensor).squeeze(1), logprobs.exp().mul(logprobs).sum(1).neg()};
  }
}
