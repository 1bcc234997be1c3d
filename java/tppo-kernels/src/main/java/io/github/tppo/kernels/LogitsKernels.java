// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

import static io.github.tppo.kernels.internal.Tppo.tppo_nll_loss;
import static io.github.tppo.kernels.internal.Tppo.tppo_nll_loss_init;
import static io.github.tppo.kernels.internal.Tppo.tppo_nll_loss_workspace;
import static io.github.tppo.kernels.internal.Tppo.tppo_policy_loss;
import static io.github.tppo.kernels.internal.Tppo.tppo_policy_loss_init;
import static io.github.tppo.kernels.internal.Tppo.tppo_policy_loss_workspace;
import static io.github.tppo.kernels.internal.Tppo.tppo_token_log_probs;
import static io.github.tppo.kernels.internal.Tppo.tppo_token_log_probs_init;
import static io.github.tppo.kernels.internal.Tppo.tppo_token_log_probs_workspace;

import io.github.tppo.kernels.internal.tppo_nll_loss_args;
import io.github.tppo.kernels.internal.tppo_policy_loss_args;
import io.github.tppo.kernels.internal.tppo_token_log_probs_args;
import org.bytedeco.javacpp.IntPointer;

/** The operations on [N, V] logits. */
final class LogitsKernels {

  private static final NativeArray NO_ROWS = NativeArray.ofInts();

  private LogitsKernels() {}

  static TokenLogProbsStats tokenLogProbs(TokenLayout layout, Logits logits, NativeArray targets,
      TokenLogProbsOptions options, TokenLogProbsOutputs outputs) {
    Call call = new Call("tokenLogProbs");
    call.require(layout != null && options != null && outputs != null, "layout, options or outputs are null");
    long n = layout.tokens();
    tppo_token_log_probs_args args = new tppo_token_log_probs_args(call.argumentMemory());
    tppo_token_log_probs_init(args);
    args.logits(call.logits(logits, n))
        .vocab_size(logits.vocabSize())
        .logits_stride(logits.stride())
        .dtype(Call.dtypeCode(logits.data().dtype()))
        .mask(call.bytesOrNull("mask", layout.mask(), n))
        .rows(rows(call, layout))
        .num_rows(numRows(layout));
    fill(args, call, n, targets, options, outputs);
    call.run((device, bytes) -> tppo_token_log_probs_workspace(args, device, bytes),
        (device, workspace, size) -> tppo_token_log_probs(args, device, null, workspace, size));
    return TokenLogProbsStats.of(call.stats());
  }

  /** Everything but the logits and which tokens count. */
  static void fill(tppo_token_log_probs_args args, Call call, long tokens, NativeArray targets,
      TokenLogProbsOptions options, TokenLogProbsOutputs outputs) {
    args.num_tokens(tokens)
        .temperature(options.temperature())
        .targets(call.longs("targets", targets, tokens))
        .logprob(call.floatsOrNull("logprob", outputs.logprob(), tokens))
        .entropy(call.floatsOrNull("entropy", outputs.entropy(), tokens))
        .stats(call.stats(TokenLogProbsStats.COUNT));
  }

  static PolicyLossStats policyLoss(TokenLayout layout, Logits logits, NativeArray targets, NativeArray oldLogprobs,
      NativeArray advantages, NativeArray refLogprobs, PolicyLossOptions options, PolicyLossOutputs outputs) {
    Call call = new Call("policyLoss");
    call.require(layout != null && options != null && outputs != null, "layout, options or outputs are null");
    long n = layout.tokens();
    tppo_policy_loss_args args = new tppo_policy_loss_args(call.argumentMemory());
    tppo_policy_loss_init(args);
    args.logits(call.logits(logits, n))
        .vocab_size(logits.vocabSize())
        .logits_stride(logits.stride())
        .grad_stride(Call.gradStride(outputs.gradLogits(), logits))
        .grad_logits(call.gradLogits(outputs.gradLogits(), logits, n))
        .dtype(Call.dtypeCode(logits.data().dtype()))
        .mask(call.bytesOrNull("mask", layout.mask(), n))
        .rows(rows(call, layout))
        .num_rows(numRows(layout));
    fill(args, call, layout, targets, oldLogprobs, advantages, refLogprobs, options, outputs);
    call.run((device, bytes) -> tppo_policy_loss_workspace(args, device, bytes),
        (device, workspace, size) -> tppo_policy_loss(args, device, null, workspace, size));
    return PolicyLossStats.of(call.stats());
  }

  /** Everything but the logits, their gradient, and which tokens count. */
  static void fill(tppo_policy_loss_args args, Call call, TokenLayout layout, NativeArray targets,
      NativeArray oldLogprobs, NativeArray advantages, NativeArray refLogprobs, PolicyLossOptions options,
      PolicyLossOutputs outputs) {
    call.require(refLogprobs != null || options.klCoef() == 0, "klCoef is not 0 but refLogprobs is null");
    call.require(refLogprobs != null || outputs.kl() == null, "the kl output needs refLogprobs, which is null");
    long n = layout.tokens();
    args.num_tokens(n)
        .num_sequences(layout.sequences())
        .aggregation(options.aggregation().code())
        .kl_estimator(options.klEstimator().code())
        .zero_bad_rows(options.zeroBadRows() ? 1 : 0)
        .temperature(options.temperature())
        .eps_low(options.epsLow())
        .eps_high(options.epsHigh())
        .dual_clip(options.dualClip())
        .entropy_coef(options.entropyCoef())
        .kl_coef(options.klCoef())
        .log_ratio_clamp(options.logRatioClamp())
        .normalizer(options.normalizer())
        .targets(call.longs("targets", targets, n))
        .old_logprobs(call.floats("oldLogprobs", oldLogprobs, n))
        .advantages(call.floats("advantages", advantages, n))
        .ref_logprobs(call.floatsOrNull("refLogprobs", refLogprobs, n))
        .cu_seqlens(call.cuSeqlens(layout))
        .logprob(call.floatsOrNull("logprob", outputs.logprob(), n))
        .entropy(call.floatsOrNull("entropy", outputs.entropy(), n))
        .ratio(call.floatsOrNull("ratio", outputs.ratio(), n))
        .objective(call.floatsOrNull("objective", outputs.objective(), n))
        .kl(call.floatsOrNull("kl", outputs.kl(), n))
        .grad_logprob(call.floatsOrNull("gradLogprob", outputs.gradLogprob(), n))
        .stats(call.stats(PolicyLossStats.COUNT));
  }

  static NllLossStats nllLoss(TokenLayout layout, Logits logits, NativeArray targets, NativeArray weights,
      NllLossOptions options, NllLossOutputs outputs) {
    Call call = new Call("nllLoss");
    call.require(layout != null && options != null && outputs != null, "layout, options or outputs are null");
    long n = layout.tokens();
    tppo_nll_loss_args args = new tppo_nll_loss_args(call.argumentMemory());
    tppo_nll_loss_init(args);
    args.logits(call.logits(logits, n))
        .vocab_size(logits.vocabSize())
        .logits_stride(logits.stride())
        .grad_stride(Call.gradStride(outputs.gradLogits(), logits))
        .grad_logits(call.gradLogits(outputs.gradLogits(), logits, n))
        .dtype(Call.dtypeCode(logits.data().dtype()))
        .mask(call.bytesOrNull("mask", layout.mask(), n))
        .rows(rows(call, layout))
        .num_rows(numRows(layout));
    fill(args, call, n, targets, weights, options, outputs);
    call.run((device, bytes) -> tppo_nll_loss_workspace(args, device, bytes),
        (device, workspace, size) -> tppo_nll_loss(args, device, null, workspace, size));
    return NllLossStats.of(call.stats());
  }

  /** Everything but the logits, their gradient, and which tokens count. */
  static void fill(tppo_nll_loss_args args, Call call, long tokens, NativeArray targets, NativeArray weights,
      NllLossOptions options, NllLossOutputs outputs) {
    args.num_tokens(tokens)
        .zero_bad_rows(options.zeroBadRows() ? 1 : 0)
        .temperature(options.temperature())
        .normalizer(options.normalizer())
        .targets(call.longs("targets", targets, tokens))
        .weights(call.floatsOrNull("weights", weights, tokens))
        .logprob(call.floatsOrNull("logprob", outputs.logprob(), tokens))
        .entropy(call.floatsOrNull("entropy", outputs.entropy(), tokens))
        .stats(call.stats(NllLossStats.COUNT));
  }

  private static IntPointer rows(Call call, TokenLayout layout) {
    IntPointer rows = call.intsOrNull("rows", layout.rows(), numRows(layout));
    // No address means no list, and an empty array may have none.
    return rows != null && rows.isNull() ? new IntPointer(NO_ROWS.pointer()) : rows;
  }

  private static long numRows(TokenLayout layout) {
    return layout.rows() == null ? 0 : layout.rows().length();
  }
}
