// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

import static io.github.tppo.kernels.internal.Tppo.tppo_balance_mask;
import static io.github.tppo.kernels.internal.Tppo.tppo_balance_mask_init;
import static io.github.tppo.kernels.internal.Tppo.tppo_balance_mask_workspace;
import static io.github.tppo.kernels.internal.Tppo.tppo_reward_model_loss;
import static io.github.tppo.kernels.internal.Tppo.tppo_reward_model_loss_init;
import static io.github.tppo.kernels.internal.Tppo.tppo_reward_model_loss_workspace;

import io.github.tppo.kernels.internal.tppo_balance_mask_args;
import io.github.tppo.kernels.internal.tppo_reward_model_loss_args;

/** The loss of the token-level reward model and its class balance. */
final class RewardModelKernels {

  /** Irrelevant, relevant and neither. */
  private static final int CLASSES = 3;

  private RewardModelKernels() {}

  static RewardModelLossStats rewardModelLoss(TokenLayout layout, NativeArray logits, NativeArray labels,
      NativeArray sentenceLabels, NativeArray globalMask, RewardModelLossOptions options,
      RewardModelLossOutputs outputs) {
    Call call = new Call("rewardModelLoss");
    call.require(layout != null && options != null && outputs != null, "layout, options or outputs are null");
    call.require(logits != null, "logits are null");
    call.require(sentenceLabels != null || options.globalWeight() == 0,
        "sentenceLabels is null although globalWeight is not 0");
    long n = layout.tokens();
    long b = layout.sequences();
    Logits rows = Logits.of(logits, CLASSES);
    tppo_reward_model_loss_args args = new tppo_reward_model_loss_args(call.argumentMemory());
    tppo_reward_model_loss_init(args);
    args.num_tokens(n)
        .num_sequences(b)
        .dtype(Call.dtypeCode(logits.dtype()))
        .local_reduction(options.localReduction().code())
        .global_mode(options.globalMode().code())
        .w_local(options.localWeight())
        .w_global(options.globalWeight())
        .class_weights(0, options.classWeight0())
        .class_weights(1, options.classWeight1())
        .class_weights(2, options.classWeight2())
        .num_samples(options.numSamples())
        .local_normalizer(options.localNormalizer())
        .logits(call.logits(rows, n))
        .labels(call.ints("labels", labels, n))
        .sentence_labels(call.floatsOrNull("sentenceLabels", sentenceLabels, b))
        .mask(call.mask(layout))
        .global_mask(call.bytesOrNull("globalMask", globalMask, n))
        .cu_seqlens(call.cuSeqlens(layout))
        .weighted_nll(call.floatsOrNull("weightedNll", outputs.weightedNll(), n))
        .expected_value(call.floatsOrNull("expectedValue", outputs.expectedValue(), n))
        .argmax(call.intsOrNull("argmax", outputs.argmax(), n))
        .mean_argmax(call.floatsOrNull("meanArgmax", outputs.meanArgmax(), b))
        .mean_expected(call.floatsOrNull("meanExpected", outputs.meanExpected(), b))
        .grad_logits(call.gradLogits(outputs.gradLogits(), rows, n))
        .stats(call.stats(RewardModelLossStats.COUNT));
    call.run((device, bytes) -> tppo_reward_model_loss_workspace(args, device, bytes),
        (device, workspace, size) -> tppo_reward_model_loss(args, device, null, workspace, size));
    return RewardModelLossStats.of(call.stats());
  }

  static BalanceMaskStats balanceMask(TokenLayout layout, NativeArray labels, NativeArray sampleIds,
      BalanceMaskOptions options, NativeArray out) {
    Call call = new Call("balanceMask");
    call.require(layout != null && options != null, "layout or options are null");
    long n = layout.tokens();
    tppo_balance_mask_args args = new tppo_balance_mask_args(call.argumentMemory());
    tppo_balance_mask_init(args);
    args.num_tokens(n)
        .num_sequences(layout.sequences())
        .rho(options.rho())
        .seed(options.seed())
        .step(options.step())
        .first_sample(options.firstSample())
        .count1(options.count1())
        .count2(options.count2())
        .labels(call.ints("labels", labels, n))
        .sample_ids(call.intsOrNull("sampleIds", sampleIds, layout.sequences()))
        .mask(call.mask(layout))
        .cu_seqlens(call.cuSeqlens(layout))
        .out(call.bytes("out", out, n))
        .stats(call.stats(BalanceMaskStats.COUNT));
    call.run((device, bytes) -> tppo_balance_mask_workspace(args, device, bytes),
        (device, workspace, size) -> tppo_balance_mask(args, device, null, workspace, size));
    return BalanceMaskStats.of(call.stats());
  }
}
