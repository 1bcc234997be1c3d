// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

import static io.github.tppo.kernels.internal.Tppo.tppo_decoder;
import static io.github.tppo.kernels.internal.Tppo.tppo_decoder_workspace;
import static io.github.tppo.kernels.internal.Tppo.tppo_sample_tokens;
import static io.github.tppo.kernels.internal.Tppo.tppo_sample_tokens_init;
import static io.github.tppo.kernels.internal.Tppo.tppo_sample_tokens_workspace;

import io.github.tppo.kernels.internal.tppo_decoder_args;
import io.github.tppo.kernels.internal.tppo_sample_tokens_args;
import java.lang.ref.Reference;
import org.bytedeco.javacpp.Pointer;

/** Generation: forward pass and choice of tokens. */
final class DecoderKernels {

  private DecoderKernels() {}

  static void forward(DecoderWeights weights, DecoderCache cache, DecoderRows rows, NativeArray logits,
      NativeArray hidden) {
    Call call = new Call("decoderForward");
    call.require(weights != null && cache != null && rows != null, "weights, cache or rows are null");
    DecoderShape shape = weights.shape();
    call.require(shape == cache.shape() || shape.sameCache(cache.shape()),
        "the cache was made for a decoder with other layers, heads or frequencies");
    weights.requireAlive();
    Pointer memory = call.argumentMemory();
    Pointer.memcpy(memory, weights.description().pointer(), weights.description().length());
    tppo_decoder_args args = new tppo_decoder_args(memory);
    cache.describe(args);
    rows.describe(args);
    args.logits(call.atLeastFloatsOrNull("logits", logits, (long) rows.outputs() * shape.vocabSize()))
        .hidden(call.atLeastFloatsOrNull("hidden", hidden, (long) rows.outputs() * shape.hiddenSize()));
    requireCpu(call);
    call.run((device, bytes) -> tppo_decoder_workspace(args, device, bytes),
        (device, workspace, size) -> tppo_decoder(args, device, null, workspace, size));
    Reference.reachabilityFence(weights);
    Reference.reachabilityFence(rows);
  }

  private static void requireCpu(Call call) {
    call.require(!call.device().isCuda(),
        "the arrays are on " + call.device() + ", but generation runs on the CPU in this version");
  }

  static SampleTokensStats sample(NativeArray logits, long count, long vocabSize, SampleTokensOptions options,
      NativeArray uniforms, NativeArray ids, NativeArray logprobs) {
    Call call = new Call("sampleTokens");
    call.require(options != null, "options are null");
    call.require(count >= 0, "count must not be negative, is " + count);
    call.require(vocabSize >= 1, "vocabSize must be at least 1, is " + vocabSize);
    call.require(logits != null && ids != null, "logits or ids are null");
    call.require(uniforms != null || options.temperature() == 0, "uniforms are null");
    tppo_sample_tokens_args args = new tppo_sample_tokens_args(call.argumentMemory());
    tppo_sample_tokens_init(args);
    args.num_rows(count)
        .vocab_size(vocabSize)
        .temperature(options.temperature())
        .top_k(options.topK())
        .top_p(options.topP())
        .logits(call.atLeastFloatsOrNull("logits", logits, Checks.product(count, vocabSize)))
        .uniforms(call.atLeastDoublesOrNull("uniforms", uniforms, count))
        .ids(call.atLeastInts("ids", ids, count))
        .logprob(call.atLeastFloatsOrNull("logprobs", logprobs, count));
    requireCpu(call);
    args.stats(call.stats(SampleTokensStats.COUNT));
    call.run((device, bytes) -> tppo_sample_tokens_workspace(args, device, bytes),
        (device, workspace, size) -> tppo_sample_tokens(args, device, null, workspace, size));
    return SampleTokensStats.of(call.stats());
  }
}
