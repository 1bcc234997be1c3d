// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.policy;

import io.github.tppo.kernels.DType;
import io.github.tppo.kernels.Kernels;
import io.github.tppo.kernels.NativeArray;
import io.github.tppo.kernels.TokenLayout;
import io.github.tppo.kernels.TokenLogProbsOptions;
import io.github.tppo.kernels.TokenLogProbsOutputs;
import io.github.tppo.model.Decoder;
import io.github.tppo.model.Scope;
import io.github.tppo.run.Check;
import java.util.List;
import org.bytedeco.pytorch.Tensor;

/**
 * Log-probabilities and entropies of given responses, forward only; the output layer runs at response positions alone. Safe for use by several
 * threads while nobody changes the policy.
 */
public final class PolicyScorer {
  private PolicyScorer() {}

  /** Per response token, packed in the order of the sequences. */
  public record Scores(float[] logprobs, float[] entropies) {}

  /**
   * Scores responses under a policy.
   *
   * @param temperature that of sampling, so that the log-probabilities are of the distribution that was sampled from
   * @param batchSize sequences in a forward pass
   */
  public static Scores score(Decoder policy, int padId, List<Sequence> sequences, double temperature, int batchSize) {
    Check.atLeast("batchSize", batchSize, 1);
    int tokens = sequences.stream().mapToInt(s -> s.response().length).sum();
    Scores all = new Scores(new float[tokens], new float[tokens]);
    int done = 0;
    for (long from = 0; from < sequences.size(); from += batchSize) {
      List<Sequence> part = sequences.subList((int) from, (int) Math.min(sequences.size(), from + batchSize));
      SequenceBatch batch = SequenceBatch.ofResponses(part);
      NativeArray logprobs = NativeArray.allocate(DType.F32, batch.tokens());
      NativeArray entropies = NativeArray.allocate(DType.F32, batch.tokens());
      score(policy, padId, batch, temperature, logprobs, entropies);
      System.arraycopy(logprobs.toFloats(), 0, all.logprobs, done, batch.tokens());
      System.arraycopy(entropies.toFloats(), 0, all.entropies, done, batch.tokens());
      done += batch.tokens();
    }
    return all;
  }

  /** Scores one batch into packed arrays of [tokens]. */
  static void score(Decoder policy, int padId, SequenceBatch batch, double temperature, NativeArray logprobs,
      NativeArray entropies) {
    NativeArray targets = NativeArray.ofLongs(batch.targets());
    TokenLogProbsOptions options = TokenLogProbsOptions.defaults().withTemperature(temperature);
    try (Scope scope = Scope.noGrad()) {
      Tensor rows = batch.scoredRows(policy.hidden(batch.inputIds(padId), batch.attentionMask()));
      LossHead.forward(rows, policy.outputWeight(), layer -> Kernels.linearTokenLogProbs(TokenLayout.flat(batch.tokens()), layer,
          targets, options, new TokenLogProbsOutputs(logprobs, entropies)));
    }
  }
}
