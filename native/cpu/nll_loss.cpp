// SPDX-License-Identifier: Apache-2.0
#include "cpu_backend.h"
#include "logit_losses.h"

namespace tppo::cpu {

NllLoss::NllLoss(const tppo_nll_loss_args& args, Workspace& workspace)
    : a_(args), tokens_(Tokens::of(args)),
      sums_(args.vocab_size, Tokens::most(args), TPPO_NLL_STATS, workspace),
      scratch_(args.vocab_size, workspace) {}

void NllLoss::begin() {
  normalizer_ = a_.normalizer;
  if (normalizer_ != 0.0) return;
  for (int64_t k = 0; k < tokens_.count; ++k)
    if (valid(k)) normalizer_ += weight(tokens_.token(k));
}

void NllLoss::rows(const LogitRows& logits, const GradientRows& gradient, int64_t begin, int64_t end) {
  const double inverse = normalizer_ > 0.0 ? 1.0 / normalizer_ : 0.0;
  const auto row = [&](RowWorker& worker, int64_t i, double* sums) {
    const int64_t target = a_.targets[i];
    const double w = weight(i);
    void* const out = gradient.row(i, logits.dtype());
    const LogitRow r = logits.read(i, target, false, out, scratch_, worker);
    if (a_.logprob != nullptr) a_.logprob[i] = r.logprob;
    if (a_.entropy != nullptr) a_.entropy[i] = r.entropy;
    if (r.bad) {
      sums[TPPO_NLL_BAD_ROWS] += 1.0;
      if (out != nullptr) logits.fill(out, a_.zero_bad_rows != 0 ? 0.0f : NAN);
      return;
    }
    sums[TPPO_NLL_LOSS] -= w * inverse * r.logprob;
    sums[TPPO_NLL_VALID] += 1.0;
    sums[TPPO_NLL_WEIGHT] += w;
    sums[TPPO_NLL_LOGPROB] += r.logprob;
    sums[TPPO_NLL_ENTROPY] += r.entropy;
    if (out != nullptr) logits.write_gradient(i, r, target, -w * inverse, 0.0, out, worker);
  };
  const auto blank = [&](int64_t i) {
    if (a_.logprob != nullptr) a_.logprob[i] = 0.0f;
    if (a_.entropy != nullptr) a_.entropy[i] = 0.0f;
    if (void* const out = gradient.row(i, logits.dtype())) logits.fill(out, 0.0f);
  };
  for_each_row(tokens_, begin, end, logits.cost(end - begin), sums_, [&](int64_t k) { return valid(k); }, row, blank);
}

void NllLoss::finish() {
  if (a_.stats == nullptr) return;
  sums_.total(tokens_.count, a_.stats);
  a_.stats[TPPO_NLL_NORMALIZER] = normalizer_;
}

uint64_t nll_loss_workspace(const tppo_nll_loss_args& a, int32_t) { return loss_workspace<NllLoss>(a); }

int32_t nll_loss(const tppo_nll_loss_args& a, const Call& call) {
  return run_loss<NllLoss>(a, GradientRows{a.grad_logits, a.grad_stride}, call);
}

}  // namespace tppo::cpu
