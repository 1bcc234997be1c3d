// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

import static io.github.tppo.kernels.internal.Tppo.tppo_linear_init;
import static io.github.tppo.kernels.internal.Tppo.tppo_linear_nll_loss;
import static io.github.tppo.kernels.internal.Tppo.tppo_linear_nll_loss_workspace;
import static io.github.tppo.kernels.internal.Tppo.tppo_linear_policy_loss;
import static io.github.tppo.kernels.internal.Tppo.tppo_linear_policy_loss_workspace;
import static io.github.tppo.kernels.internal.Tppo.tppo_linear_token_log_probs;
import static io.github.tppo.kernels.internal.Tppo.tppo_linear_token_log_probs_workspace;
import static io.github.tppo.kernels.internal.Tppo.tppo_nll_loss_init;
import static io.github.tppo.kernels.internal.Tppo.tppo_policy_loss_init;
import static io.github.tppo.kernels.internal.Tppo.tppo_token_log_probs_init;

import io.github.tppo.kernels.internal.tppo_linear_args;
import io.github.tppo.kernels.internal.tppo_nll_loss_args;
import io.github.tppo.kernels.internal.tppo_policy_loss_args;
import io.github.tppo.kernels.internal.tppo_token_log_probs_args;

/** The operations of {@link LogitsKernels} behind an output layer. */
final class LinearKernels {

  private LinearKernels() {}

  static TokenLogProbsStats tokenLogProbs(TokenLayout layout, OutputLayer layer, NativeArray targets,
      TokenLogProbsOptions options, TokenLogProbsOutputs outputs) {
    Call call = new Call("linearTokenLogProbs");
    call.require(layout != null && layer != null && options != null && outputs != null,
        "layout, layer, options or outputs are null");
    call.require(layer.gradHidden() == null && layer.gradWeight() == null,
        "the layer has gradients, but log-probs have no loss");
    tppo_linear_args linear = linear(call, layer, layout.tokens());
    tppo_token_log_probs_args args = new tppo_token_log_probs_args(call.argumentMemory());
    tppo_token_log_probs_init(args);
    args.vocab_size(layer.vocabSize()).dtype(Call.dtypeCode(layer.hidden().dtype())).mask(call.mask(layout));
    LogitsKernels.fill(args, call, layout.tokens(), targets, options, outputs);
    call.run((device, bytes) -> tppo_linear_token_log_probs_workspace(linear, args, device, bytes),
        (device, workspace, size) -> tppo_linear_token_log_probs(linear, args, device, null, workspace, size));
    return TokenLogProbsStats.of(call.stats());
  }

  static PolicyLossStats policyLoss(TokenLayout layout, OutputLayer layer, NativeArray targets,
      NativeArray oldLogprobs, NativeArray advantages, NativeArray refLogprobs, PolicyLossOptions options,
      PolicyLossOutputs outputs) {
    Call call = new Call("linearPolicyLoss");
    call.require(layout != null && layer != null && options != null && outputs != null,
        "layout, layer, options or outputs are null");
    requireNoGradLogits(call, outputs.gradLogits());
    tppo_linear_args linear = linear(call, layer, layout.tokens());
    tppo_policy_loss_args args = new tppo_policy_loss_args(call.argumentMemory());
    tppo_policy_loss_init(args);
    args.vocab_size(layer.vocabSize()).dtype(Call.dtypeCode(layer.hidden().dtype())).mask(call.mask(layout));
    LogitsKernels.fill(args, call, layout, targets, oldLogprobs, advantages, refLogprobs, options, outputs);
    call.run((device, bytes) -> tppo_linear_policy_loss_workspace(linear, args, device, bytes),
        (device, workspace, size) -> tppo_linear_policy_loss(linear, args, device, null, workspace, size));
    return PolicyLossStats.of(call.stats());
  }

  static NllLossStats nllLoss(TokenLayout layout, OutputLayer layer, NativeArray targets, NativeArray weights,
      NllLossOptions options, NllLossOutputs outputs) {
    Call call = new Call("linearNllLoss");
    call.require(layout != null && layer != null && options != null && outputs != null,
        "layout, layer, options or outputs are null");
    requireNoGradLogits(call, outputs.gradLogits());
    tppo_linear_args linear = linear(call, layer, layout.tokens());
    tppo_nll_loss_args args = new tppo_nll_loss_args(call.argumentMemory());
    tppo_nll_loss_init(args);
    args.vocab_size(layer.vocabSize()).dtype(Call.dtypeCode(layer.hidden().dtype())).mask(call.mask(layout));
    LogitsKernels.fill(args, call, layout.tokens(), targets, weights, options, outputs);
    call.run((device, bytes) -> tppo_linear_nll_loss_workspace(linear, args, device, bytes),
        (device, workspace, size) -> tppo_linear_nll_loss(linear, args, device, null, workspace, size));
    return NllLossStats.of(call.stats());
  }

  private static tppo_linear_args linear(Call call, OutputLayer layer, long tokens) {
    DType dtype = layer.hidden().dtype();
    long size = layer.hiddenSize();
    tppo_linear_args linear = new tppo_linear_args(call.argumentMemory());
    tppo_linear_init(linear);
    return linear.hidden_size(size)
        .hidden_stride(layer.hiddenStride())
        .chunk_tokens(layer.chunkTokens())
        .hidden(call.rows("hidden", layer.hidden(), dtype, tokens, size, layer.hiddenStride()))
        .weight(call.rows("weight", layer.weight(), dtype, layer.vocabSize(), size, size))
        .grad_hidden(layer.gradHidden() == null ? null
            : call.rows("gradHidden", layer.gradHidden(), dtype, tokens, size, layer.hiddenStride()))
        .grad_weight(call.floatsOrNull("gradWeight", layer.gradWeight(), layer.weight().length()));
  }

  private static void requireNoGradLogits(Call call, NativeArray gradLogits) {
    call.require(gradLogits == null, "gradLogits is given, but there are no logits behind an output layer;"
        + " its gradients are gradHidden and gradWeight");
  }
}
