// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

import static io.github.tppo.kernels.internal.Tppo.tppo_gae;
import static io.github.tppo.kernels.internal.Tppo.tppo_gae_init;
import static io.github.tppo.kernels.internal.Tppo.tppo_gae_workspace;
import static io.github.tppo.kernels.internal.Tppo.tppo_shape_rewards;
import static io.github.tppo.kernels.internal.Tppo.tppo_shape_rewards_init;
import static io.github.tppo.kernels.internal.Tppo.tppo_shape_rewards_workspace;
import static io.github.tppo.kernels.internal.Tppo.tppo_suggested_length;
import static io.github.tppo.kernels.internal.Tppo.tppo_token_advantages;
import static io.github.tppo.kernels.internal.Tppo.tppo_token_advantages_workspace;
import static io.github.tppo.kernels.internal.Tppo.tppo_whiten;
import static io.github.tppo.kernels.internal.Tppo.tppo_whiten_init;
import static io.github.tppo.kernels.internal.Tppo.tppo_whiten_workspace;

import io.github.tppo.kernels.internal.tppo_gae_args;
import io.github.tppo.kernels.internal.tppo_shape_rewards_args;
import io.github.tppo.kernels.internal.tppo_whiten_args;
import org.bytedeco.javacpp.FloatPointer;

/** From token classes to advantages. */
final class RewardKernels {

  private RewardKernels() {}

  static ShapeRewardsStats shapeRewards(TokenLayout layout, ShapeRewardsInputs inputs, ShapeRewardsOptions options,
      ShapeRewardsOutputs outputs) {
    Call call = new Call("shapeRewards");
    call.require(layout != null && inputs != null && options != null && outputs != null,
        "layout, inputs, options or outputs are null");
    tppo_shape_rewards_args args = shapeRewardsArgs(call, layout, inputs, options, outputs);
    call.run((device, bytes) -> tppo_shape_rewards_workspace(args, device, bytes),
        (device, workspace, size) -> tppo_shape_rewards(args, device, null, workspace, size));
    return ShapeRewardsStats.of(call.stats());
  }

  private static tppo_shape_rewards_args shapeRewardsArgs(Call call, TokenLayout layout, ShapeRewardsInputs inputs,
      ShapeRewardsOptions options, ShapeRewardsOutputs outputs) {
    call.require((inputs.classes() == null) != (inputs.scores() == null), "give either classes or scores");
    call.require((inputs.logprobs() == null) == (inputs.refLogprobs() == null),
        "give both logprobs and refLogprobs, or neither");
    call.require(inputs.logprobs() != null || outputs.kl() == null, "the kl output needs logprobs, which is null");
    long n = layout.tokens();
    tppo_shape_rewards_args args = new tppo_shape_rewards_args(call.argumentMemory());
    tppo_shape_rewards_init(args);
    return args.num_tokens(n)
        .num_sequences(layout.sequences())
        .length_penalty(options.lengthPenalty() ? 1 : 0)
        .kl_estimator(options.klEstimator().code())
        .alpha(options.alpha())
        .suggested_length(options.suggestedLength())
        .length_offset(options.lengthOffset())
        .kl_coef(options.klCoef())
        .log_ratio_clamp(options.logRatioClamp())
        .class_values(0, options.classValue0())
        .class_values(1, options.classValue1())
        .class_values(2, options.classValue2())
        .classes(call.intsOrNull("classes", inputs.classes(), n))
        .scores(call.floatsOrNull("scores", inputs.scores(), n))
        .positions(call.intsOrNull("positions", inputs.positions(), n))
        .logprobs(call.floatsOrNull("logprobs", inputs.logprobs(), n))
        .ref_logprobs(call.floatsOrNull("refLogprobs", inputs.refLogprobs(), n))
        .terminal_rewards(
            call.floatsOrNull("terminalRewards", inputs.terminalRewards(), layout.sequences()))
        .mask(call.mask(layout))
        .cu_seqlens(call.cuSeqlens(layout))
        .lwp(call.floatsOrNull("lwp", outputs.lwp(), n))
        .shaped(call.floatsOrNull("shaped", outputs.shaped(), n))
        .kl(call.floatsOrNull("kl", outputs.kl(), n))
        .rewards(call.floatsOrNull("rewards", outputs.rewards(), n))
        .stats(call.stats(ShapeRewardsStats.COUNT));
  }

  static double suggestedLength(int[] lengths, int numQueries) {
    Checks.require(lengths != null && lengths.length > 0, "suggestedLength: lengths are null or empty");
    Checks.require(numQueries >= 1, "suggestedLength: numQueries must be at least 1, is " + numQueries);
    NativeLibrary.load();
    double[] result = new double[1];
    Status.check(tppo_suggested_length(lengths, lengths.length, numQueries, result));
    return result[0];
  }

  static void gae(TokenLayout layout, NativeArray rewards, NativeArray values, GaeOptions options,
      NativeArray advantages, NativeArray returns) {
    Call call = new Call("gae");
    call.require(layout != null && options != null, "layout or options are null");
    long n = layout.tokens();
    tppo_gae_args args =
        gaeArgs(call, layout, call.floats("rewards", rewards, n), values, options, advantages, returns);
    call.run((device, bytes) -> tppo_gae_workspace(args, device, bytes),
        (device, workspace, size) -> tppo_gae(args, device, null, workspace, size));
  }

  private static tppo_gae_args gaeArgs(Call call, TokenLayout layout, FloatPointer rewards, NativeArray values,
      GaeOptions options, NativeArray advantages, NativeArray returns) {
    long n = layout.tokens();
    tppo_gae_args args = new tppo_gae_args(call.argumentMemory());
    tppo_gae_init(args);
    return args.num_tokens(n)
        .num_sequences(layout.sequences())
        .gamma(options.gamma())
        .lambda(options.lambda())
        .rewards(rewards)
        .values(call.floats("values", values, n))
        .mask(call.mask(layout))
        .cu_seqlens(call.cuSeqlens(layout))
        .advantages(call.floats("advantages", advantages, n))
        .returns(call.floatsOrNull("returns", returns, n));
  }

  static WhitenStats whiten(NativeArray x, NativeArray mask, WhitenOptions options, NativeArray out) {
    Call call = new Call("whiten");
    call.require(x != null && options != null, "x or options are null");
    long n = x.length();
    tppo_whiten_args args = whitenArgs(call, options, n);
    args.x(call.floats("x", x, n))
        .mask(call.bytesOrNull("mask", mask, n))
        .out(call.floats("out", out, n))
        .stats(call.stats(WhitenStats.COUNT));
    call.run((device, bytes) -> tppo_whiten_workspace(args, device, bytes),
        (device, workspace, size) -> tppo_whiten(args, device, null, workspace, size));
    return WhitenStats.of(call.stats());
  }

  private static tppo_whiten_args whitenArgs(Call call, WhitenOptions options, long tokens) {
    tppo_whiten_args args = new tppo_whiten_args(call.argumentMemory());
    tppo_whiten_init(args);
    return args.num_tokens(tokens)
        .unbiased(options.unbiased() ? 1 : 0)
        .keep_mean(options.keepMean() ? 1 : 0)
        .epsilon(options.epsilon());
  }

  static TokenAdvantagesStats tokenAdvantages(TokenLayout layout, ShapeRewardsInputs inputs, NativeArray values,
      TokenAdvantagesOptions options, TokenAdvantagesOutputs outputs) {
    Call call = new Call("tokenAdvantages");
    call.require(layout != null && inputs != null && options != null && outputs != null,
        "layout, inputs, options or outputs are null");
    // The rewards that the advantages are made of are those of the shaping, wherever they lie.
    FloatPointer rewards = null;
    tppo_gae_args gae =
        gaeArgs(call, layout, rewards, values, options.gae(), outputs.advantages(), outputs.returns());
    tppo_shape_rewards_args shape =
        shapeRewardsArgs(call, layout, inputs, options.shaping(), outputs.shaping());
    tppo_whiten_args whiten = options.whitening() == null ? null
        : whitenArgs(call, options.whitening(), layout.tokens())
            .mask(call.mask(layout)).stats(call.stats(WhitenStats.COUNT));
    call.run((device, bytes) -> tppo_token_advantages_workspace(shape, gae, whiten, device, bytes),
        (device, workspace, size) ->
            tppo_token_advantages(shape, gae, whiten, device, null, workspace, size));
    return TokenAdvantagesStats.of(call.stats());
  }
}
