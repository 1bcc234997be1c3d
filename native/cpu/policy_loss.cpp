// SPDX-License-Identifier: Apache-2.0
#include "cpu_backend.h"
#include "logit_rows.h"

namespace tppo::cpu {
namespace {

/// What the aggregation needs to know about the batch before the first row.
struct Aggregation {
  double normalizer = 0.0;
  double sequences = 0.0;  // with a valid token
};

bool per_sequence_mean(const tppo_policy_loss_args& a) { return a.aggregation == TPPO_SEQ_MEAN_TOKEN_MEAN; }

/// Fills weight[i] = 1 / (valid tokens of the sequence of i) for TPPO_SEQ_MEAN_TOKEN_MEAN.
Aggregation count_tokens(const tppo_policy_loss_args& a, double* weight) {
  Aggregation r;
  if (a.aggregation == TPPO_TOKEN_MEAN) {
    for (int64_t i = 0; i < a.num_tokens; ++i) r.normalizer += valid(a.mask, i) ? 1.0 : 0.0;
  } else {
    const Sequences sequences(a);
    for (int64_t b = 0; b < sequences.count; ++b) {
      int64_t n = 0;
      for (int64_t i = sequences.begin(b); i < sequences.end(b); ++i) n += valid(a.mask, i);
      r.sequences += n > 0 ? 1.0 : 0.0;
      if (per_sequence_mean(a))
        for (int64_t i = sequences.begin(b); i < sequences.end(b); ++i) weight[i] = n > 0 ? 1.0 / static_cast<double>(n) : 0.0;
    }
    r.normalizer = r.sequences;
  }
  if (a.normalizer > 0.0) r.normalizer = a.normalizer;
  return r;
}

math::PolicyOptions<double> options(const tppo_policy_loss_args& a) {
  return {a.eps_low, a.eps_high, a.dual_clip, a.entropy_coef, a.kl_coef, a.log_ratio_clamp, a.kl_estimator};
}

void put(float* array, int64_t i, double value) {
  if (array != nullptr) array[i] = static_cast<float>(value);
}

void put_all(const tppo_policy_loss_args& a, int64_t i, float logprob, float entropy, double ratio, double objective, double kl, double g) {
  put(a.logprob, i, logprob);
  put(a.entropy, i, entropy);
  put(a.ratio, i, ratio);
  put(a.objective, i, objective);
  put(a.kl, i, kl);
  put(a.grad_logprob, i, g);
}

void add_stats(const math::PolicyToken<double>& t, const LogitRow& r, double advantage, bool has_ref, double* sums) {
  sums[TPPO_POLICY_VALID] += 1.0;
  sums[TPPO_POLICY_CLIPPED] += t.clipped_high || t.clipped_low;
  sums[TPPO_POLICY_CLIPPED_HIGH] += t.clipped_high;
  sums[TPPO_POLICY_CLIPPED_LOW] += t.clipped_low;
  sums[TPPO_POLICY_OUTSIDE] += t.outside;
  sums[TPPO_POLICY_DUAL_CLIPPED] += t.dual_clipped;
  sums[TPPO_POLICY_CLAMPED] += t.clamped;
  sums[TPPO_POLICY_LOGPROB] += r.logprob;
  sums[TPPO_POLICY_ENTROPY] += r.entropy;
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

}  // namespace

uint64_t policy_loss_workspace(const tppo_policy_loss_args& a, int32_t) {
  Workspace w;
  w.take<double>(blocks_of(a.num_tokens, kRowsPerTask) * TPPO_POLICY_STATS);
  if (per_sequence_mean(a)) w.take<double>(a.num_tokens);
  return w.size();
}

int32_t policy_loss(const tppo_policy_loss_args& a, const Call& call) {
  const int64_t n = a.num_tokens;
  const int64_t blocks = blocks_of(n, kRowsPerTask);
  Workspace workspace(call.workspace);
  double* const partial = workspace.take<double>(blocks * TPPO_POLICY_STATS);
  double* const weight = per_sequence_mean(a) ? workspace.take<double>(n) : nullptr;
  const Aggregation aggregation = count_tokens(a, weight);
  const double inverse = aggregation.normalizer > 0.0 ? 1.0 / aggregation.normalizer : 0.0;
  const math::PolicyOptions<double> o = options(a);
  const LogitRows rows(a);
  const bool has_ref = a.ref_logprobs != nullptr;

  const auto blank = [&](int64_t i) {
    put_all(a, i, 0.0f, 0.0f, 0.0, 0.0, 0.0, 0.0);
    if (a.grad_logits != nullptr) rows.fill(rows.row_of(a.grad_logits, i, a.grad_stride), 0.0f);
  };
  const auto row = [&](int64_t i, int64_t next, double* sums) {
    const int64_t target = a.targets[i];
    const double advantage = a.advantages[i];
    const LogitRow r = rows.read(i, target);
    const math::PolicyToken<double> t =
        math::policy_token<double>(o, r.logprob, a.old_logprobs[i], advantage, has_ref, has_ref ? a.ref_logprobs[i] : 0.0);
    const double w = (weight != nullptr ? weight[i] : 1.0) * inverse;
    const double kl_term = o.kl_coef != 0.0 ? o.kl_coef * t.kl : 0.0;
    const double entropy_term = o.entropy_coef != 0.0 ? -o.entropy_coef * r.entropy : 0.0;
    const double term = -t.objective + kl_term + entropy_term;
    void* const out = a.grad_logits != nullptr ? rows.row_of(a.grad_logits, i, a.grad_stride) : nullptr;
    if (r.bad || !math::finite(term) || !math::finite(t.kl)) {
      put_all(a, i, NAN, NAN, NAN, NAN, NAN, NAN);
      sums[TPPO_POLICY_BAD_ROWS] += 1.0;
      if (out != nullptr) rows.fill(out, a.zero_bad_rows != 0 ? 0.0f : NAN);
      return;
    }
    const double g = w * t.slope;
    put_all(a, i, r.logprob, r.entropy, t.ratio, t.objective, t.kl, g);
    sums[TPPO_POLICY_LOSS] += w * term;
    sums[TPPO_POLICY_OBJECTIVE_LOSS] -= w * t.objective;
    sums[TPPO_POLICY_KL_LOSS] += w * kl_term;
    sums[TPPO_POLICY_ENTROPY_LOSS] += w * entropy_term;
    add_stats(t, r, advantage, has_ref, sums);
    if (out != nullptr) rows.write_gradient(i, r, target, g, w * o.entropy_coef, out, next);
  };
  for_each_row(n, rows.cost(n), partial, TPPO_POLICY_STATS, [&](int64_t i) { return valid(a.mask, i); }, row, blank);

  if (a.stats != nullptr) {
    add_blocks(partial, blocks, TPPO_POLICY_STATS, a.stats);
    a.stats[TPPO_POLICY_SEQUENCES] = aggregation.sequences;
    a.stats[TPPO_POLICY_NORMALIZER] = aggregation.normalizer;
  }
  return TPPO_OK;
}

}  // namespace tppo::cpu
