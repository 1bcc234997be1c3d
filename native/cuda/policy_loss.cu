// SPDX-License-Identifier: Apache-2.0
// Clipped policy loss (equations 6 and 7) and its gradient. Launches: a count for the normaliser if one is needed, the rows, the tokens
// (per-token outputs and sums), the sum over blocks.
#include "logit_losses.cuh"

namespace tppo::cuda {
namespace {

/// Per-token outputs and sums.
struct PolicyTokens {
  static constexpr int kSums = TPPO_POLICY_STATS;
  tppo_policy_loss_args args;
  math::PolicyOptions<double> options;
  Tokens tokens;
  const float* logprobs;  // of the row kernel
  const float* entropies;
  const int32_t* divisors;  // nullable
  Normalizer normalizer;
  double normalizer_inverse;

  __device__ void begin(double*) { normalizer_inverse = inverse(normalizer.value()); }

  __device__ void put_all(int64_t i, double lp, double h, double r, double o, double k, double g) const {
    put(args.logprob, i, lp);
    put(args.entropy, i, h);
    put(args.ratio, i, r);
    put(args.objective, i, o);
    put(args.kl, i, k);
    put(args.grad_logprob, i, g);
  }

  __device__ void element(int64_t entry, double* sums) const {
    const int64_t i = tokens.token(entry);
    if (!tokens.exists(i)) {
      sums[TPPO_POLICY_BAD_ROWS] += 1.0;
      return;
    }
    if (!tokens.valid(i)) return put_all(i, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
    const bool has_ref = args.ref_logprobs != nullptr;
    const double lp = logprobs[i], h = entropies[i], advantage = args.advantages[i];
    const math::PolicyTerm<double> loss(options, has_ref, lp, h, args.old_logprobs[i], advantage, has_ref ? args.ref_logprobs[i] : 0.0);
    const math::PolicyToken<double>& t = loss.token;
    if (loss.bad) {
      sums[TPPO_POLICY_BAD_ROWS] += 1.0;
      return put_all(i, NAN, NAN, NAN, NAN, NAN, NAN);
    }
    const double w = divisors == nullptr ? normalizer_inverse : normalizer_inverse / divisors[i];
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
    if (has_ref) {
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
    double* const stats = args.stats;
    for (int j = 0; j < kSums; ++j) stats[j] = sums[j];
    stats[TPPO_POLICY_LOSS] = sums[TPPO_POLICY_OBJECTIVE_LOSS] + sums[TPPO_POLICY_KL_LOSS] + sums[TPPO_POLICY_ENTROPY_LOSS];
    stats[TPPO_POLICY_SEQUENCES] = args.aggregation == TPPO_TOKEN_MEAN ? 0.0 : normalizer.counted->sequences;
    stats[TPPO_POLICY_NORMALIZER] = normalizer.value();
  }
};

template <typename T>
math::PolicyOptions<T> options(const tppo_policy_loss_args& a) {
  return {static_cast<T>(a.eps_low), static_cast<T>(a.eps_high),        static_cast<T>(a.dual_clip), static_cast<T>(a.entropy_coef),
          static_cast<T>(a.kl_coef), static_cast<T>(a.log_ratio_clamp), a.kl_estimator};
}

}  // namespace

/// The scratch depends on the shapes and the aggregation alone.
PolicyLoss::PolicyLoss(const tppo_policy_loss_args& args, Workspace& w)
    : a_(args), logprob_(w.take<float>(args.num_tokens)), entropy_(w.take<float>(args.num_tokens)),
      partials_(w.take<double>(map_partials<PolicyTokens>(args.num_tokens))),
      count_partials_(w.take<double>(args.aggregation == TPPO_TOKEN_MEAN ? token_count_partials(args.num_tokens)
                                                                         : sequence_count_partials(args.num_sequences))),
      counted_(w.take<Counted>(1)),
      divisors_(args.aggregation == TPPO_SEQ_MEAN_TOKEN_MEAN ? w.take<int32_t>(args.num_tokens) : nullptr),
      normalizer_(Normalizer::of(args.normalizer)) {}

void PolicyLoss::begin(Launcher& launch) {
  const Tokens tokens = Tokens::of(a_);
  if (a_.aggregation == TPPO_TOKEN_MEAN)
    normalizer_ = count_tokens(launch, a_.normalizer, tokens, count_partials_, counted_);
  else
    normalizer_ = count_sequences(launch, a_.normalizer, Sequences(a_.cu_seqlens, a_.num_tokens, a_.num_sequences), tokens, divisors_,
                                  count_partials_, counted_);
}

void PolicyLoss::rows(Launcher& launch, const LogitPart& part) const {
  const RowLoss loss{nullptr, divisors_, normalizer_, a_.old_logprobs, a_.advantages, a_.ref_logprobs, options<float>(a_)};
  launch_rows(launch, a_, part, loss, logprob_, entropy_, a_.zero_bad_rows != 0);
}

void PolicyLoss::finish(Launcher& launch) const {
  const Tokens tokens = Tokens::of(a_);
  const PolicyTokens op{a_, options<double>(a_), tokens, logprob_, entropy_, divisors_, normalizer_, 0.0};
  map_or_reduce(launch, op, tokens.count, partials_, a_.stats != nullptr);
}

uint64_t policy_loss_workspace(const tppo_policy_loss_args& a, int32_t) { return loss_workspace<PolicyLoss>(a); }

int32_t policy_loss(const tppo_policy_loss_args& a, const Call& call) {
  return run_loss<PolicyLoss>("tppo_policy_loss", a, a.grad_logits, a.grad_stride, call);
}

}  // namespace tppo::cuda
