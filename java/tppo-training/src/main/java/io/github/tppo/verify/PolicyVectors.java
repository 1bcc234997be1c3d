// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.verify;

import io.github.tppo.kernels.Aggregation;
import io.github.tppo.kernels.DType;
import io.github.tppo.kernels.Kernels;
import io.github.tppo.kernels.KlEstimator;
import io.github.tppo.kernels.Logits;
import io.github.tppo.kernels.NativeArray;
import io.github.tppo.kernels.PolicyLossOptions;
import io.github.tppo.kernels.PolicyLossOutputs;
import io.github.tppo.kernels.PolicyLossStats;
import io.github.tppo.kernels.TokenLayout;

/**
 * Policy loss: plain, with two clip bounds, with dual clip, and from bfloat16 logits. Values per token are expected at masked
 * tokens too, so those come from runs without the mask, losses and gradients from runs with it.
 */
final class PolicyVectors {

  private final VectorFile file;
  private final long tokens;
  private final long vocab;
  private final TokenLayout unmasked;
  private final TokenLayout masked;

  private PolicyVectors(VectorFile file) {
    this.file = file;
    this.tokens = file.shape("logits")[0];
    this.vocab = file.shape("logits")[1];
    this.unmasked = TokenLayout.packed(tokens, file.input("cu_seqlens"));
    this.masked = unmasked.withMask(file.input("mask"));
  }

  static void check(VectorFile file) {
    file.markInputs("seq_id", "special_rows");
    new PolicyVectors(file).check();
  }

  private void check() {
    double eps = file.inputScalar("eps");
    PolicyLossOptions plain = PolicyLossOptions.defaults()
        .withTemperature(file.inputScalar("temperature")).withEpsLow(eps).withEpsHigh(eps).withLogRatioClamp(0);
    PolicyLossOptions asymmetric =
        plain.withEpsLow(file.inputScalar("eps_low")).withEpsHigh(file.inputScalar("eps_high"));
    PolicyLossOptions dual = plain.withDualClip(file.inputScalar("dual_clip"));

    perToken("", "logits", plain);
    for (KlEstimator estimator : KlEstimator.values()) {
      NativeArray kl = perToken();
      run(unmasked, "logits", plain.withKlEstimator(estimator), PolicyLossOutputs.none().withKl(kl));
      file.compare("kl_" + estimator.name().toLowerCase(), kl);
    }
    PolicyLossStats stats = lossAndGradients("", plain);
    double valid = stats.valid();
    file.compare("entropy_mean", stats.entropy() / valid);
    file.compare("clip_fraction", stats.clipped() / valid);
    file.compare("outside_fraction", stats.outside() / valid);
    file.compare("kl_k1_mean", stats.refK1() / valid);
    file.compare("kl_k2_mean", stats.refK2() / valid);
    file.compare("kl_k3_mean", stats.refK3() / valid);
    file.compare("old_kl_k1_mean", stats.oldK1() / valid);
    file.compare("old_kl_k2_mean", stats.oldK2() / valid);
    file.compare("old_kl_k3_mean", stats.oldK3() / valid);

    objective("asym_", asymmetric);
    stats = lossAndGradients("asym_", asymmetric);
    file.compare("asym_clip_fraction", stats.clipped() / valid);
    file.compare("asym_outside_fraction", stats.outside() / valid);

    objective("dual_", dual);
    stats = lossAndGradients("dual_", dual);
    file.compare("dual_lower_fraction", stats.dualClipped() / valid);

    perToken("bf16_", "logits_bf16", plain);
    NativeArray gradient = file.output(DType.BF16, tokens * vocab);
    stats = run(masked, "logits_bf16", plain, PolicyLossOutputs.none().withGradLogits(gradient));
    file.compare("bf16_loss_token_mean", stats.loss());
    file.compareBf16("bf16_grad_logits_token_mean", gradient);
  }

  private void perToken(String prefix, String logits, PolicyLossOptions options) {
    PolicyLossOutputs outputs = PolicyLossOutputs.none().withLogprob(perToken()).withEntropy(perToken())
        .withRatio(perToken()).withObjective(perToken());
    run(unmasked, logits, options, outputs);
    file.compare(prefix + "logprob", outputs.logprob());
    file.compare(prefix + "entropy", outputs.entropy());
    file.compare(prefix + "ratio", outputs.ratio());
    file.compare(prefix + "objective", outputs.objective());
  }

  private void objective(String prefix, PolicyLossOptions options) {
    NativeArray objective = perToken();
    run(unmasked, "logits", options, PolicyLossOutputs.none().withObjective(objective));
    file.compare(prefix + "objective", objective);
  }

  /** Compares whatever the file holds of both aggregations; returns the statistics. */
  private PolicyLossStats lossAndGradients(String prefix, PolicyLossOptions options) {
    PolicyLossStats stats = null;
    for (Aggregation aggregation : new Aggregation[] {Aggregation.SEQ_MEAN_TOKEN_MEAN, Aggregation.TOKEN_MEAN}) {
      String form = aggregation == Aggregation.TOKEN_MEAN ? "token_mean" : "seq_mean";
      NativeArray gradient = file.output(DType.F32, tokens * vocab);
      PolicyLossOutputs outputs =
          PolicyLossOutputs.none().withGradLogprob(perToken()).withGradLogits(gradient);
      stats = run(masked, "logits", options.withAggregation(aggregation), outputs);
      file.compare(prefix + "loss_" + form, stats.loss());
      file.compare(prefix + "grad_logprob_" + form, outputs.gradLogprob());
      if (file.has(prefix + "grad_logits_" + form)) {
        file.compare(prefix + "grad_logits_" + form, gradient);
      }
    }
    return stats;
  }

  private PolicyLossStats run(TokenLayout layout, String logits, PolicyLossOptions options, PolicyLossOutputs outputs) {
    return Kernels.policyLoss(layout, Logits.of(file.input(logits), vocab), file.input("targets"),
        file.input("old_logprobs"), file.input("advantages"), file.input("ref_logprobs"), options, outputs);
  }

  private NativeArray perToken() {
    return file.output(DType.F32, tokens);
  }
}
