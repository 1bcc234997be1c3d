// SPDX-License-Identifier: Apache-2.0
#include "cpu_backend.h"
#include "logit_losses.h"

namespace tppo::cpu {
namespace {

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

PolicyLoss::PolicyLoss(const tppo_policy_loss_args& args, Workspace& workspace)
    : a_(args), tokens_(Tokens::of(args)),
      sums_(args.vocab_size, Tokens::most(args), TPPO_POLICY_STATS, workspace),
      scratch_(args.vocab_size, workspace),
      weight_(args.aggregation == TPPO_SEQ_MEAN_TOKEN_MEAN ? workspace.take<double>(args.num_tokens) : nullptr) {}

/// The default normaliser and, for TPPO_SEQ_MEAN_TOKEN_MEAN, the weights of the tokens.
void PolicyLoss::begin() {
  if (a_.aggregation == TPPO_TOKEN_MEAN) {
    for (int64_t k = 0; k < tokens_.count; ++k) normalizer_ += tokens_.valid(k) ? 1.0 : 0.0;
  } else if (a_.num_tokens > 0) {
    const Sequences sequences(a_);
    int64_t from = 0;  // first entry of the sequence
    for (int64_t b = 0; b < sequences.count; ++b) {
      int64_t to = from, n = 0;
      for (; to < tokens_.count && tokens_.token(to) < sequences.end(b); ++to) n += tokens_.valid(to);
      sequences_ += n > 0 ? 1.0 : 0.0;
      for (; from < to; ++from)
        if (weight_ != nullptr) weight_[tokens_.token(from)] = n > 0 ? 1.0 / static_cast<double>(n) : 0.0;
    }
    normalizer_ = sequences_;
  }
  if (a_.normalizer > 0.0) normalizer_ = a_.normalizer;
}

void PolicyLoss::row(const LogitRows& logits, RowWorker& worker, int64_t i, void* out, double* sums) const {
  const math::PolicyOptions<double> o = options(a_);
  const bool has_ref = a_.ref_logprobs != nullptr;
  const int64_t target = a_.targets[i];
  const double advantage = a_.advantages[i];
  const LogitRow r = logits.read(i, target, o.entropy_coef != 0.0, out, scratch_, worker);
  const math::PolicyTerm<double> term(o, has_ref, r.logprob, r.entropy, a_.old_logprobs[i], advantage, has_ref ? a_.ref_logprobs[i] : 0.0);
  const math::PolicyToken<double>& t = term.token;
  const double w = (weight_ != nullptr ? weight_[i] : 1.0) * (normalizer_ > 0.0 ? 1.0 / normalizer_ : 0.0);
  if (r.bad || term.bad) {
    put_all(a_, i, NAN, NAN, NAN, NAN, NAN, NAN);
    sums[TPPO_POLICY_BAD_ROWS] += 1.0;
    if (out != nullptr) logits.fill(out, a_.zero_bad_rows != 0 ? 0.0f : NAN);
    return;
  }
  const double g = w * t.slope;
  put_all(a_, i, r.logprob, r.entropy, t.ratio, t.objective, t.kl, g);
  sums[TPPO_POLICY_LOSS] += w * term.value();
  sums[TPPO_POLICY_OBJECTIVE_LOSS] -= w * t.objective;
  sums[TPPO_POLICY_KL_LOSS] += w * term.kl_term;
  sums[TPPO_POLICY_ENTROPY_LOSS] += w * term.entropy_term;
  add_stats(t, r, advantage, has_ref, sums);
  if (out != nullptr) logits.write_gradient(i, r, target, g, w * o.entropy_coef, out, worker);
}

void PolicyLoss::rows(const LogitRows& logits, const GradientRows& gradient, int64_t begin, int64_t end) {
  const auto blank = [&](int64_t i) {
    put_all(a_, i, 0.0f, 0.0f, 0.0, 0.0, 0.0, 0.0);
    if (void* const out = gradient.row(i, logits.dtype())) logits.fill(out, 0.0f);
  };
  for_each_row(tokens_, begin, end, logits.cost(end - begin), sums_, [&](int64_t k) { return tokens_.valid(k); },
               [&](RowWorker& worker, int64_t i, double* sums) { row(logits, worker, i, gradient.row(i, logits.dtype()), sums); }, blank);
}

void PolicyLoss::finish() {
  if (a_.stats == nullptr) return;
  sums_.total(tokens_.count, a_.stats);
  a_.stats[TPPO_POLICY_SEQUENCES] = sequences_;
  a_.stats[TPPO_POLICY_NORMALIZER] = normalizer_;
}

uint64_t policy_loss_workspace(const tppo_policy_loss_args& a, int32_t) { return loss_workspace<PolicyLoss>(a); }

int32_t policy_loss(const tppo_policy_loss_args& a, const Call& call) {
  return run_loss<PolicyLoss>(a, GradientRows{a.grad_logits, a.grad_stride}, call);
}

}  // namespace tppo::cpu
