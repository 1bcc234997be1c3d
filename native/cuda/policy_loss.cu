// SPDX-License-Identifier: Apache-2.0
// Clipped policy loss (equations 6 and 7) and its gradient. Launches: a count for the normaliser if one is needed, the rows, the tokens
// (per-token outputs and sums), the sum over blocks.
#include "row.cuh"

namespace tppo::cuda {
namespace {

/// The loss of one token, from its log-prob and entropy alone. The row kernel works it out in float, in every thread; the token kernel in
/// double, as the CPU does.
template <typename T>
struct TokenLoss {
  math::PolicyToken<T> token;
  T kl_term, entropy_term;
  bool bad;

  __device__ TokenLoss(const math::PolicyOptions<T>& o, bool has_ref, T logprob, T entropy, T old_logprob, T advantage, T ref_logprob)
      : token(math::policy_token(o, logprob, old_logprob, advantage, has_ref, ref_logprob)),
        kl_term(o.kl_coef != T(0) ? o.kl_coef * token.kl : T(0)), entropy_term(o.entropy_coef != T(0) ? -o.entropy_coef * entropy : T(0)),
        bad(math::is_nan(logprob) || !math::finite(-token.objective + kl_term + entropy_term) || !math::finite(token.kl)) {}
};

/// What both kernels know about the batch.
struct Batch {
  const float* old_logprobs;
  const float* advantages;
  const float* ref_logprobs;  // nullable
  const uint8_t* mask;        // nullable
  Sequences sequences;
  const int32_t* valid_per_sequence;  // NULL: every token has the same weight
  Normalizer normalizer;

  __device__ bool counts(int64_t i) const { return tppo::cuda::counts(mask, i); }
  __device__ float ref_logprob(int64_t i) const { return ref_logprobs == nullptr ? 0.0f : ref_logprobs[i]; }
  /// The weight of token i is 1 / (this * normaliser).
  __device__ int32_t divisor(int64_t i) const { return valid_per_sequence == nullptr ? 1 : valid_per_sequence[sequences.of(i)]; }
};

struct PolicyHead {
  static constexpr bool kGradient = true;
  struct Inputs {
    float old_logprob, advantage, ref_logprob, weight;
  };
  math::PolicyOptions<float> options;
  Batch batch;
  float inverse_normalizer;

  __device__ void begin(double* shared) { inverse_normalizer = static_cast<float>(inverse(batch.normalizer.value(shared))); }
  __device__ bool counts(int64_t i) const { return batch.counts(i); }
  __device__ Inputs load(int64_t i) const {
    return Inputs{batch.old_logprobs[i], batch.advantages[i], batch.ref_logprob(i), inverse_normalizer / static_cast<float>(batch.divisor(i))};
  }
  __device__ RowSlopes slopes(const Inputs& in, float logprob, float entropy) const {
    const TokenLoss<float> loss(options, batch.ref_logprobs != nullptr, logprob, entropy, in.old_logprob, in.advantage, in.ref_logprob);
    return RowSlopes{in.weight * loss.token.slope, in.weight * options.entropy_coef, loss.bad};
  }
};

__device__ __forceinline__ void put(float* array, int64_t i, double value) {
  if (array != nullptr) array[i] = static_cast<float>(value);
}

/// Per-token outputs and sums.
struct PolicyTokens {
  static constexpr int kSums = TPPO_POLICY_STATS;
  math::PolicyOptions<double> options;
  Batch batch;
  const float* logprobs;  // of the row kernel
  const float* entropies;
  const double* non_empty_sequences;  // partials, NULL for TPPO_TOKEN_MEAN
  int sequence_blocks;
  float* logprob;
  float* entropy;
  float* ratio;
  float* objective;
  float* kl;
  float* grad_logprob;
  double* stats;  // nullable
  double normalizer, num_sequences;

  __device__ void begin(double* shared) {
    normalizer = batch.normalizer.value(shared);
    num_sequences = non_empty_sequences == nullptr ? 0.0 : block_total(non_empty_sequences, sequence_blocks, shared);
  }

  __device__ void put_all(int64_t i, double lp, double h, double r, double o, double k, double g) const {
    put(logprob, i, lp);
    put(entropy, i, h);
    put(ratio, i, r);
    put(objective, i, o);
    put(kl, i, k);
    put(grad_logprob, i, g);
  }

  __device__ void element(int64_t i, double* sums) const {
    if (!batch.counts(i)) return put_all(i, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
    const double lp = logprobs[i], h = entropies[i], advantage = batch.advantages[i];
    const TokenLoss<double> loss(options, batch.ref_logprobs != nullptr, lp, h, batch.old_logprobs[i], advantage, batch.ref_logprob(i));
    const math::PolicyToken<double>& t = loss.token;
    if (loss.bad) {
      sums[TPPO_POLICY_BAD_ROWS] += 1.0;
      return put_all(i, NAN, NAN, NAN, NAN, NAN, NAN);
    }
    const double w = inverse(normalizer) / batch.divisor(i);
    put_all(i, lp, h, t.ratio, t.objective, t.kl, w * t.slope);
    sums[TPPO_POLICY_OBJECTIVE_LOSS] -= w * t.objective;
    sums[TPPO_POLICY_KL_LOSS] += w * loss.kl_term;
    sums[TPPO_POLICY_ENTROPY_LOSS] += w * loss.entropy_term;
    sums[TPPO_POLICY_VALID] += 1.0;
    sums[TPPO_POLICY_CLIPPED] += t.clipped_high || t.clipped_low ? 1.0 : 0.0;
    sums[TPPO_POLICY_CLIPPED_HIGH] += t.clipped_high ? 1.0 : 0.0;
    sums[TPPO_POLICY_CLIPPED_LOW] += t.clipped_low ? 1.0 : 0.0;
    sums[TPPO_POLICY_OUTSIDE] += t.outside ? 1.0 : 0.0;
    sums[TPPO_POLICY_DUAL_CLIPPED] += t.dual_clipped ? 1.0 : 0.0;
    sums[TPPO_POLICY_CLAMPED] += t.clamped ? 1.0 : 0.0;
    sums[TPPO_POLICY_LOGPROB] += lp;
    sums[TPPO_POLICY_ENTROPY] += h;
    sums[TPPO_POLICY_RATIO] += t.ratio;
    if (batch.ref_logprobs != nullptr) {
      sums[TPPO_POLICY_REF_K1] += math::kl_k1(t.ref_d);
      sums[TPPO_POLICY_REF_K2] += math::kl_k2(t.ref_d);
      sums[TPPO_POLICY_REF_K3] += math::kl_k3(t.ref_d);
    }
    // Sampled from the old policy: the log-ratio old - new is -d.
    sums[TPPO_POLICY_OLD_K1] += math::kl_k1(-t.old_d);
    sums[TPPO_POLICY_OLD_K2] += math::kl_k2(-t.old_d);
    sums[TPPO_POLICY_OLD_K3] += math::kl_k3(-t.old_d);
    sums[TPPO_POLICY_ADVANTAGE] += advantage;
  }

  __device__ void finish(const double* sums) const {
    for (int j = 0; j < kSums; ++j) stats[j] = sums[j];
    stats[TPPO_POLICY_LOSS] = sums[TPPO_POLICY_OBJECTIVE_LOSS] + sums[TPPO_POLICY_KL_LOSS] + sums[TPPO_POLICY_ENTROPY_LOSS];
    stats[TPPO_POLICY_SEQUENCES] = num_sequences;
    stats[TPPO_POLICY_NORMALIZER] = normalizer;
  }
};

/// Depends on the shapes and the aggregation alone.
struct Scratch {
  float* logprobs;
  float* entropies;
  double* partials;
  double* count_partials;
  int32_t* valid_per_sequence;

  Scratch(const tppo_policy_loss_args& a, Workspace& w)
      : logprobs(w.take<float>(a.num_tokens)), entropies(w.take<float>(a.num_tokens)),
        partials(w.take<double>(map_partials<PolicyTokens>(a.num_tokens))), count_partials(nullptr), valid_per_sequence(nullptr) {
    if (a.aggregation == TPPO_TOKEN_MEAN) {
      count_partials = w.take<double>(token_count_partials(a.num_tokens));
    } else {
      count_partials = w.take<double>(sequence_count_partials(a.num_sequences));
      valid_per_sequence = w.take<int32_t>(a.num_sequences);
    }
  }
};

template <typename T>
math::PolicyOptions<T> options(const tppo_policy_loss_args& a) {
  return {static_cast<T>(a.eps_low), static_cast<T>(a.eps_high),        static_cast<T>(a.dual_clip), static_cast<T>(a.entropy_coef),
          static_cast<T>(a.kl_coef), static_cast<T>(a.log_ratio_clamp), a.kl_estimator};
}

}  // namespace

uint64_t policy_loss_workspace(const tppo_policy_loss_args& a, int32_t) {
  Workspace w;
  const Scratch scratch(a, w);
  return w.bytes();
}

int32_t policy_loss(const tppo_policy_loss_args& a, const Call& call) {
  if (const int32_t status = check_width("tppo_policy_loss", a)) return status;
  Launcher launch("tppo_policy_loss", call);
  Workspace w(call);
  const Scratch scratch(a, w);
  const bool token_mean = a.aggregation == TPPO_TOKEN_MEAN;
  const Sequences sequences(a.cu_seqlens, a.num_tokens, a.num_sequences);
  Normalizer normalizer = token_mean ? count_tokens(launch, a.normalizer, a.mask, a.num_tokens, scratch.count_partials)
                                     : count_sequences(launch, sequences, a.mask, scratch.valid_per_sequence, scratch.count_partials);
  const double* const non_empty = token_mean ? nullptr : normalizer.partials;
  const int sequence_blocks = normalizer.blocks;
  if (a.normalizer > 0.0) normalizer = Normalizer{a.normalizer, nullptr, 0};

  const Batch batch{a.old_logprobs, a.advantages, a.ref_logprobs, a.mask, sequences,
                    a.aggregation == TPPO_SEQ_MEAN_TOKEN_MEAN ? scratch.valid_per_sequence : nullptr, normalizer};
  const PolicyHead head{options<float>(a), batch, 0.0f};
  if (a.grad_logits == nullptr)
    launch_log_probs(launch, a, NoLoss{a.mask, nullptr}, scratch.logprobs, scratch.entropies);
  else if (a.dtype == TPPO_BF16)
    launch_gradient<math::bf16>(launch, a, head, scratch.logprobs, scratch.entropies);
  else
    launch_gradient<float>(launch, a, head, scratch.logprobs, scratch.entropies);

  const PolicyTokens tokens{options<double>(a), batch,   scratch.logprobs, scratch.entropies, non_empty,      sequence_blocks, a.logprob,
                            a.entropy,          a.ratio, a.objective,      a.kl,              a.grad_logprob, a.stats,         0.0,
                            0.0};
  map_or_reduce(launch, tokens, a.num_tokens, scratch.partials, a.stats != nullptr);
  return launch.status();
}

}  // namespace tppo::cuda
