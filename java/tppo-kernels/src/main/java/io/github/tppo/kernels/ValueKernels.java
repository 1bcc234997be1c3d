// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

import static io.github.tppo.kernels.internal.Tppo.tppo_dpo_loss;
import static io.github.tppo.kernels.internal.Tppo.tppo_dpo_loss_init;
import static io.github.tppo.kernels.internal.Tppo.tppo_dpo_loss_workspace;
import static io.github.tppo.kernels.internal.Tppo.tppo_value_loss;
import static io.github.tppo.kernels.internal.Tppo.tppo_value_loss_init;
import static io.github.tppo.kernels.internal.Tppo.tppo_value_loss_workspace;

import io.github.tppo.kernels.internal.tppo_dpo_loss_args;
import io.github.tppo.kernels.internal.tppo_value_loss_args;

/** Losses on one number per token or per sequence. */
final class ValueKernels {

  private ValueKernels() {}

  static ValueLossStats valueLoss(TokenLayout layout, NativeArray values, NativeArray oldValues,
      NativeArray returns, ValueLossOptions options, ValueLossOutputs outputs) {
    Call call = new Call("valueLoss");
    call.require(layout != null && options != null && outputs != null, "layout, options or outputs are null");
    call.require(oldValues != null || options.clip() < 0, "oldValues is null although clip is not negative");
    long n = layout.tokens();
    tppo_value_loss_args args = new tppo_value_loss_args(call.argumentMemory());
    tppo_value_loss_init(args);
    args.num_tokens(n)
        .clip(options.clip())
        .normalizer(options.normalizer())
        .values(call.floats("values", values, n))
        .old_values(call.floatsOrNull("oldValues", oldValues, n))
        .returns(call.floats("returns", returns, n))
        .mask(call.mask(layout))
        .per_token(call.floatsOrNull("perToken", outputs.perToken(), n))
        .grad_values(call.floatsOrNull("gradValues", outputs.gradValues(), n))
        .stats(call.stats(ValueLossStats.COUNT));
    call.run((device, bytes) -> tppo_value_loss_workspace(args, device, bytes),
        (device, workspace, size) -> tppo_value_loss(args, device, null, workspace, size));
    return ValueLossStats.of(call.stats());
  }

  static DpoLossStats dpoLoss(NativeArray policyChosen, NativeArray policyRejected, NativeArray refChosen,
      NativeArray refRejected, DpoLossOptions options, DpoLossOutputs outputs) {
    Call call = new Call("dpoLoss");
    call.require(options != null && outputs != null, "options or outputs are null");
    call.require(policyChosen != null, "policyChosen is null");
    long pairs = policyChosen.length();
    tppo_dpo_loss_args args = new tppo_dpo_loss_args(call.argumentMemory());
    tppo_dpo_loss_init(args);
    args.num_pairs(pairs)
        .beta(options.beta())
        .normalizer(options.normalizer())
        .policy_chosen(call.floats("policyChosen", policyChosen, pairs))
        .policy_rejected(call.floats("policyRejected", policyRejected, pairs))
        .ref_chosen(call.floats("refChosen", refChosen, pairs))
        .ref_rejected(call.floats("refRejected", refRejected, pairs))
        .losses(call.floatsOrNull("losses", outputs.losses(), pairs))
        .chosen_rewards(call.floatsOrNull("chosenRewards", outputs.chosenRewards(), pairs))
        .rejected_rewards(call.floatsOrNull("rejectedRewards", outputs.rejectedRewards(), pairs))
        .margins(call.floatsOrNull("margins", outputs.margins(), pairs))
        .grad_chosen(call.floatsOrNull("gradChosen", outputs.gradChosen(), pairs))
        .grad_rejected(call.floatsOrNull("gradRejected", outputs.gradRejected(), pairs))
        .stats(call.stats(DpoLossStats.COUNT));
    call.run((device, bytes) -> tppo_dpo_loss_workspace(args, device, bytes),
        (device, workspace, size) -> tppo_dpo_loss(args, device, null, workspace, size));
    return DpoLossStats.of(call.stats());
  }
}
