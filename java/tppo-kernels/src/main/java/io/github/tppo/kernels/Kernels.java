// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

import io.github.tppo.kernels.internal.Tppo;
import java.util.List;

/**
 * The kernels of token-level PPO, one static method per operation of the C API ({@code tppo.h}, and for
 * generation {@code tppo_decoder.h}).
 *
 * <p>N is the number of tokens of the {@link TokenLayout}, B its sequences, V the vocabulary. Arrays are contiguous,
 * row-major and all on one device, which is where the operation runs; a call returns when its results are there (on a
 * CUDA device it uses the default stream and waits). Outputs are arrays of the caller, and may be inputs only where
 * the text says so. Results have the same bits for any number of threads and any run on one device and instruction
 * set. All methods may be called from any thread on disjoint arrays.
 *
 * <p>Every method throws before anything is written: {@link IllegalArgumentException} when an argument is null, of the
 * wrong type, length or device, or holds an index out of range (on the CPU); {@link IllegalStateException} when the
 * memory of an argument is known to be freed; {@link UnsupportedOperationException}
 * when this build lacks the device or type; {@link CudaException} when CUDA fails; {@link OutOfMemoryError};
 * {@link UnsatisfiedLinkError} when the native library cannot be loaded.
 */
public final class Kernels {

  private Kernels() {}

  /**
   * Log-probability and entropy of each token's distribution: {@code z = logits / temperature},
   * {@code logprob = z[target] - logsumexp(z)}. Same bits as those of {@link #policyLoss}.
   *
   * @param layout tokens and mask or rows; sequence bounds are not used
   * @param logits [N, V]
   * @param targets {@link DType#I64} [N], in [0, V) at valid tokens
   * @param options settings
   * @param outputs where to write
   */
  public static TokenLogProbsStats tokenLogProbs(TokenLayout layout, Logits logits, NativeArray targets,
      TokenLogProbsOptions options, TokenLogProbsOutputs outputs) {
    return LogitsKernels.tokenLogProbs(layout, logits, targets, options, outputs);
  }

  /**
   * Clipped policy loss (equations 6 and 7) from logits, and its gradient, which may overwrite the logits.
   * Rows with NaN, +inf or only -inf are left out and counted; -inf elsewhere than at the target is an ordinary
   * logit of probability 0.
   *
   * @param layout tokens, mask or rows, and sequences for the sequence aggregations
   * @param logits [N, V]
   * @param targets {@link DType#I64} [N], in [0, V) at valid tokens
   * @param oldLogprobs {@link DType#F32} [N], log-probs under the policy that sampled
   * @param advantages {@link DType#F32} [N]
   * @param refLogprobs {@link DType#F32} [N], log-probs under the reference; null for no KL
   * @param options settings
   * @param outputs where to write
   */
  public static PolicyLossStats policyLoss(TokenLayout layout, Logits logits, NativeArray targets,
      NativeArray oldLogprobs, NativeArray advantages, NativeArray refLogprobs, PolicyLossOptions options,
      PolicyLossOutputs outputs) {
    return LogitsKernels.policyLoss(
        layout, logits, targets, oldLogprobs, advantages, refLogprobs, options, outputs);
  }

  /**
   * Weighted negative log-likelihood (supervised fine-tuning) from logits, and its gradient, which may overwrite
   * the logits: {@code -sum(w * logprob) / normalizer}.
   *
   * @param layout tokens and mask or rows; sequence bounds are not used
   * @param logits [N, V]
   * @param targets {@link DType#I64} [N], in [0, V) at valid tokens
   * @param weights {@link DType#F32} [N]; null means 1. May be negative when a normaliser is given
   * @param options settings
   * @param outputs where to write
   */
  public static NllLossStats nllLoss(TokenLayout layout, Logits logits, NativeArray targets, NativeArray weights,
      NllLossOptions options, NllLossOutputs outputs) {
    return LogitsKernels.nllLoss(layout, logits, targets, weights, options, outputs);
  }

  /**
   * {@link #tokenLogProbs} behind an output layer: from hidden states, without an array of [N, V].
   *
   * @param layout tokens and mask; sequence bounds are not used
   * @param layer hidden states and output matrix, without gradients
   * @param targets {@link DType#I64} [N], in [0, V) at valid tokens
   * @param options settings
   * @param outputs where to write
   */
  public static TokenLogProbsStats linearTokenLogProbs(TokenLayout layout, OutputLayer layer, NativeArray targets,
      TokenLogProbsOptions options, TokenLogProbsOutputs outputs) {
    return LinearKernels.tokenLogProbs(layout, layer, targets, options, outputs);
  }

  /**
   * {@link #policyLoss} behind an output layer: from hidden states to the gradients of the hidden states and of the
   * output matrix, without an array of [N, V]. Log-probs have the bits of {@link #linearTokenLogProbs}.
   *
   * @param layout tokens, mask, and sequences for the sequence aggregations
   * @param layer hidden states and output matrix, and where their gradients go
   * @param targets {@link DType#I64} [N], in [0, V) at valid tokens
   * @param oldLogprobs {@link DType#F32} [N], log-probs under the policy that sampled
   * @param advantages {@link DType#F32} [N]
   * @param refLogprobs {@link DType#F32} [N], log-probs under the reference; null for no KL
   * @param options settings
   * @param outputs where to write; the gradient of the logits must be null
   */
  public static PolicyLossStats linearPolicyLoss(TokenLayout layout, OutputLayer layer, NativeArray targets,
      NativeArray oldLogprobs, NativeArray advantages, NativeArray refLogprobs, PolicyLossOptions options,
      PolicyLossOutputs outputs) {
    return LinearKernels.policyLoss(
        layout, layer, targets, oldLogprobs, advantages, refLogprobs, options, outputs);
  }

  /**
   * {@link #nllLoss} behind an output layer: from hidden states to the gradients of the hidden states and of the
   * output matrix, without an array of [N, V].
   *
   * @param layout tokens and mask; sequence bounds are not used
   * @param layer hidden states and output matrix, and where their gradients go
   * @param targets {@link DType#I64} [N], in [0, V) at valid tokens
   * @param weights {@link DType#F32} [N]; null means 1. May be negative when a normaliser is given
   * @param options settings
   * @param outputs where to write; the gradient of the logits must be null
   */
  public static NllLossStats linearNllLoss(TokenLayout layout, OutputLayer layer, NativeArray targets,
      NativeArray weights, NllLossOptions options, NllLossOutputs outputs) {
    return LinearKernels.nllLoss(layout, layer, targets, weights, options, outputs);
  }

  /**
   * Reward of each generated token (equations 4 and 5):
   * {@code lwp(l) = 1 / (1 + exp(alpha (l - sl) - 6))}, {@code reward = lwp * classValue - klCoef * kl}.
   * The {@code shaped} or the {@code rewards} output may be the scores.
   *
   * @param layout tokens, mask and sequences
   * @param inputs classes or scores, positions, log-probs
   * @param options settings
   * @param outputs where to write
   */
  public static ShapeRewardsStats shapeRewards(TokenLayout layout, ShapeRewardsInputs inputs,
      ShapeRewardsOptions options, ShapeRewardsOutputs outputs) {
    return RewardKernels.shapeRewards(layout, inputs, options, outputs);
  }

  /**
   * Suggested length sl (section 3.3): median of the lengths times the number of queries; the median of an even
   * count is the mean of the two middle values.
   *
   * @param lengths tokens of each single query, at least one
   * @param numQueries queries in a response, at least 1
   */
  public static double suggestedLength(int[] lengths, int numQueries) {
    return RewardKernels.suggestedLength(lengths, numQueries);
  }

  /**
   * From classes or scores to advantages in one call: {@link #shapeRewards}, {@link #gae} on its rewards, and
   * {@link #whiten} on the advantages, with the same bits. The rewards need not be stored.
   *
   * @param layout tokens, mask and sequences
   * @param inputs classes or scores, positions, log-probs
   * @param values {@link DType#F32} [N]
   * @param options settings of the three
   * @param outputs where to write
   */
  public static TokenAdvantagesStats tokenAdvantages(TokenLayout layout, ShapeRewardsInputs inputs,
      NativeArray values, TokenAdvantagesOptions options, TokenAdvantagesOutputs outputs) {
    return RewardKernels.tokenAdvantages(layout, inputs, values, options, outputs);
  }

  /**
   * Generalised advantage estimation over the valid tokens of each sequence:
   * {@code delta_t = r_t + gamma V_next - V_t}, {@code A_t = delta_t + gamma lambda A_next}. Masked tokens are
   * skipped; after the last valid token V and A are 0. Advantages may be the rewards, returns the values.
   *
   * @param layout tokens, mask and sequences
   * @param rewards {@link DType#F32} [N]
   * @param values {@link DType#F32} [N]
   * @param options settings
   * @param advantages output, {@link DType#F32} [N]
   * @param returns output, {@link DType#F32} [N], advantages + values; null if not wanted
   */
  public static void gae(TokenLayout layout, NativeArray rewards, NativeArray values, GaeOptions options,
      NativeArray advantages, NativeArray returns) {
    RewardKernels.gae(layout, rewards, values, options, advantages, returns);
  }

  /**
   * Whitening over valid elements: {@code (x - mean) / sqrt(variance + epsilon)}. The output may be x.
   *
   * @param x {@link DType#F32} [N]
   * @param mask {@link DType#U8} [N], null means that every element counts
   * @param options settings
   * @param out output, {@link DType#F32} [N]
   */
  public static WhitenStats whiten(NativeArray x, NativeArray mask, WhitenOptions options, NativeArray out) {
    return RewardKernels.whiten(x, mask, options, out);
  }

  /**
   * Loss of the token-level reward model (equations 1 to 3) from [N, 3] logits, and its gradient, which may
   * overwrite the logits.
   *
   * @param layout tokens, mask of the local loss, and sequences
   * @param logits {@link DType#F32}, {@link DType#BF16} or {@link DType#F16} [N, 3]
   * @param labels {@link DType#I32} [N], 0, 1 or 2 at valid tokens
   * @param sentenceLabels {@link DType#F32} [B]; null only when the global weight is 0
   * @param globalMask {@link DType#U8} [N], tokens of the mean in the global loss; null means the layout's mask
   * @param options settings
   * @param outputs where to write
   */
  public static RewardModelLossStats rewardModelLoss(TokenLayout layout, NativeArray logits, NativeArray labels,
      NativeArray sentenceLabels, NativeArray globalMask, RewardModelLossOptions options,
      RewardModelLossOutputs outputs) {
    return RewardModelKernels.rewardModelLoss(
        layout, logits, labels, sentenceLabels, globalMask, options, outputs);
  }

  /**
   * Class balance of the reward model (section 3.3): thins the larger of the classes 1 and 2 to about rho times the
   * smaller, with counter-based random numbers that depend on seed, step, sample and position only.
   *
   * @param layout tokens, mask and sequences
   * @param labels {@link DType#I32} [N], 0, 1 or 2 at valid tokens
   * @param sampleIds {@link DType#I32} [B], number of each sample for the random numbers; null counts from
   *     {@code firstSample}
   * @param options settings
   * @param out output, {@link DType#U8} [N]: the mask, less what was dropped; may be the mask
   */
  public static BalanceMaskStats balanceMask(TokenLayout layout, NativeArray labels, NativeArray sampleIds,
      BalanceMaskOptions options, NativeArray out) {
    return RewardModelKernels.balanceMask(layout, labels, sampleIds, options, out);
  }

  /**
   * Clipped value loss {@code 0.5 * mean(max((V - R)^2, (clip(V, Vold - c, Vold + c) - R)^2))} and its gradient,
   * which may overwrite the values.
   *
   * @param layout tokens and mask; sequence bounds are not used
   * @param values {@link DType#F32} [N]
   * @param oldValues {@link DType#F32} [N]; null only without clipping
   * @param returns {@link DType#F32} [N]
   * @param options settings
   * @param outputs where to write
   */
  public static ValueLossStats valueLoss(TokenLayout layout, NativeArray values, NativeArray oldValues,
      NativeArray returns, ValueLossOptions options, ValueLossOutputs outputs) {
    return ValueKernels.valueLoss(layout, values, oldValues, returns, options, outputs);
  }

  /**
   * Direct preference optimisation (appendix H), sigmoid loss over pairs of summed sequence log-probs, and its
   * gradients with respect to the policy's.
   *
   * @param policyChosen {@link DType#F32} [pairs], and so the next three
   * @param policyRejected rejected responses under the policy
   * @param refChosen chosen responses under the reference
   * @param refRejected rejected responses under the reference
   * @param options settings
   * @param outputs where to write
   */
  public static DpoLossStats dpoLoss(NativeArray policyChosen, NativeArray policyRejected, NativeArray refChosen,
      NativeArray refRejected, DpoLossOptions options, DpoLossOutputs outputs) {
    return ValueKernels.dpoLoss(policyChosen, policyRejected, refChosen, refRejected, options, outputs);
  }

  /**
   * Norm over all gradients together, and the factor that clips it. Changes nothing.
   *
   * @param gradients {@link DType#F32}, any lengths
   * @param maxNorm greater than 0, or 0 for no clipping
   */
  public static GradNorm globalNorm(List<NativeArray> gradients, double maxNorm) {
    return OptimizerKernels.globalNorm(gradients, maxNorm);
  }

  /**
   * Clips all gradients together, in place, as {@code clip_grad_norm_} of torch; leaves them as they are when the
   * norm is not finite. Passing {@link GradNorm#scale()} to {@link #adamW} instead saves this pass.
   *
   * @param gradients {@link DType#F32}, any lengths
   * @param maxNorm greater than 0, or 0 for no clipping
   */
  public static GradNorm clipGradNorm(List<NativeArray> gradients, double maxNorm) {
    return OptimizerKernels.clipGradNorm(gradients, maxNorm);
  }

  /**
   * Multiplies in place; does nothing when the factor is not finite.
   *
   * @param x {@link DType#F32}
   * @param factor finite
   */
  public static void scale(NativeArray x, double factor) {
    OptimizerKernels.scale(x, factor);
  }

  /**
   * One AdamW step on one tensor, in place, as {@code torch.optim.AdamW}. Leaves everything as it is when
   * {@code gradScale} is not finite.
   *
   * @param param {@link DType#F32} [n], parameters
   * @param grad {@link DType#F32} [n], gradient
   * @param expAvg {@link DType#F32} [n], first moment, 0 before step 1
   * @param expAvgSq {@link DType#F32} [n], second moment, 0 before step 1
   * @param step number of this step, from 1
   * @param gradScale factor on the gradient: 1, or {@link GradNorm#scale()}
   * @param options settings
   */
  public static void adamW(NativeArray param, NativeArray grad, NativeArray expAvg, NativeArray expAvgSq, long step,
      double gradScale, AdamWOptions options) {
    OptimizerKernels.adamW(param, grad, expAvg, expAvgSq, step, gradScale, options);
  }

  /**
   * Takes a list of rows, prompts and new tokens mixed as they come, through a decoder; on the CPU only. Each row's keys
   * and values go into the cache; it attends to what its slot holds up to its position.
   *
   * <p>The bits of a row's results do not depend on the other rows of the call, on how a sequence is cut into calls, on
   * slots, or on the number of threads.
   *
   * @param weights the model
   * @param cache for the shape of the model; every position before a row's in its slot must have been written for the
   *     same sequence, by this call or earlier ones
   * @param rows tokens with slots in [0, slots of the cache) and positions in [0, its capacity)
   * @param logits output, {@link DType#F32}, at least [outputs, V]: one row for each output of {@code rows}; null if
   *     not wanted
   * @param hidden output, {@link DType#F32}, at least [outputs, H], states after the final norm; null if not wanted
   * @throws IllegalStateException the cache is closed
   */
  public static void decoderForward(DecoderWeights weights, DecoderCache cache, DecoderRows rows, NativeArray logits,
      NativeArray hidden) {
    DecoderKernels.forward(weights, cache, rows, logits, hidden);
  }

  /**
   * Chooses one token for each row of logits; on the CPU only. With {@code p = softmax(logits / temperature)}: at
   * temperature 0 the largest logit, the lowest id among equals; without restriction the first id at which the sum of p
   * exceeds {@code uniform * sum of all}; with top-k or top-p the same over the most probable tokens, in order of
   * descending p and then of ids. Rows without a distribution get id -1, log-prob NaN, and are counted.
   *
   * @param logits {@link DType#F32}, at least [count, V]
   * @param count rows
   * @param vocabSize V
   * @param options settings
   * @param uniforms {@link DType#F64}, at least [count], in [0, 1); null only at temperature 0
   * @param ids output, {@link DType#I32}, at least [count]
   * @param logprobs output, {@link DType#F32}, at least [count]: ln p of the chosen token over the whole vocabulary, with
   *     the bits of {@link #tokenLogProbs}; at temperature 0 of {@code softmax(logits)}; null if not wanted
   */
  public static SampleTokensStats sampleTokens(NativeArray logits, long count, long vocabSize,
      SampleTokensOptions options, NativeArray uniforms, NativeArray ids, NativeArray logprobs) {
    return DecoderKernels.sample(logits, count, vocabSize, options, uniforms, ids, logprobs);
  }

  /**
   * Sets the number of CPU threads of later calls from any thread, at any time; results do not depend on it.
   *
   * @param threads 0 means all that this process may use
   * @throws IllegalArgumentException negative or more than 1024
   */
  public static void setThreads(int threads) {
    NativeLibrary.load();
    Status.check(Tppo.tppo_set_threads(threads));
  }

  /** Returns the number of CPU threads that calls use. */
  public static int threads() {
    NativeLibrary.load();
    return Tppo.tppo_get_threads();
  }

  /**
   * Chooses the instruction set of the CPU kernels, for tests and for equal bits across machines. The system property
   * {@code tppo.cpu_isa} does the same for a whole program: it is read once, when the native library is loaded. Not to be
   * called while operations run: they may take some sums with one instruction set and some with the other.
   *
   * @param isa "auto" for the best one, or one of {@link KernelInfo#cpuIsas}
   * @throws IllegalArgumentException no such name
   * @throws UnsupportedOperationException this CPU or build lacks it
   */
  public static void setCpuIsa(String isa) {
    Checks.require(isa != null, "isa is null");
    NativeLibrary.load();
    Status.check(Tppo.tppo_set_cpu_isa(isa));
  }
}
