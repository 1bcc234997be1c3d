// SPDX-License-Identifier: Apache-2.0
// Whatever lies in masked rows, in the slots of their tokens and between rows changes no bit of the operations on logits, in any dtype.
#include "linear_batch.h"

namespace {

using test::Numbers;
using test::Vec;

struct Batch {
  int64_t v, stride, n = 8;
  int32_t dtype;
  bool row_list;
  Numbers logits, grad;
  Vec<uint8_t> mask = {1, 0, 1, 1, 0, 0, 1, 0};
  Vec<int32_t> rows = {0, 2, 3, 6}, cu = {0, 3, 4, 6, 8};  // the third sequence is empty
  Vec<int64_t> targets;
  Vec<float> old, ref, advantages, weights;
  Vec<float> per_token[6];
  Vec<double> stats = Vec<double>(TPPO_POLICY_STATS);

  Batch(int64_t v_, int32_t dtype_, bool row_list_, float poison, int64_t poisoned_target)
      : v(v_), stride(v_ + 5), dtype(dtype_), row_list(row_list_), logits(dtype_, 8 * (v_ + 5)), grad(dtype_, 8 * (v_ + 5)) {
    test::Random r(3);
    old = r.normals(n);
    ref = r.normals(n);
    advantages = r.normals(n);
    weights = r.normals(n);
    for (int64_t i = 0; i < n; ++i) {
      targets.push_back(r.below(v));
      for (int64_t j = 0; j < stride; ++j) {
        const float x = static_cast<float>(2.0 * r.normal());
        logits.set(i * stride + j, mask[i] && j < v ? x : poison);
      }
      if (mask[i]) continue;
      old[i] = ref[i] = advantages[i] = weights[i] = poison;
      targets[i] = poisoned_target;
    }
    for (auto& x : per_token) x = test::unwritten(n);
  }

  template <typename Args>
  Args args(void (*init)(Args*)) {
    Args a;
    init(&a);
    a.num_tokens = n;
    a.vocab_size = v;
    a.logits_stride = stride;
    a.dtype = dtype;
    a.temperature = 0.9;
    a.logits = logits.data();
    a.targets = targets.data();
    a.mask = row_list ? nullptr : mask.data();
    a.rows = row_list ? rows.data() : nullptr;
    a.num_rows = row_list ? static_cast<int64_t>(rows.size()) : 0;
    a.logprob = per_token[0].data();
    a.entropy = per_token[1].data();
    a.stats = stats.data();
    return a;
  }

  /// Everything that three operations wrote.
  Vec<float> run() {
    Vec<float> all;
    CHECK_OK(RUN(token_log_probs, args(tppo_token_log_probs_init)));
    add(all);
    tppo_nll_loss_args nll = args(tppo_nll_loss_init);
    nll.weights = weights.data();
    nll.normalizer = 3.0;
    nll.grad_stride = stride;
    nll.grad_logits = grad.data();
    CHECK_OK(RUN(nll_loss, nll));
    add(all);
    tppo_policy_loss_args policy = args(tppo_policy_loss_init);
    policy.num_sequences = 4;
    policy.cu_seqlens = cu.data();
    policy.aggregation = TPPO_SEQ_MEAN_TOKEN_MEAN;
    policy.kl_coef = 0.1;
    policy.entropy_coef = 0.02;
    policy.old_logprobs = old.data();
    policy.ref_logprobs = ref.data();
    policy.advantages = advantages.data();
    policy.ratio = per_token[2].data();
    policy.objective = per_token[3].data();
    policy.kl = per_token[4].data();
    policy.grad_logprob = per_token[5].data();
    policy.grad_stride = stride;
    policy.grad_logits = grad.data();
    CHECK_OK(RUN(policy_loss, policy));
    add(all);
    return all;
  }

  void add(Vec<float>& all) {
    for (const auto& x : per_token) test::append(all, x);
    test::append(all, stats);
    test::append(all, grad.bits());
  }
};

}  // namespace

TEST(poison_in_masked_rows_and_between_rows_changes_no_bit) {
  for (int64_t v : {37, 4200})
    for (int32_t dtype : {TPPO_F32, TPPO_BF16, TPPO_F16})
      for (bool row_list : {false, true})
        test::each_isa([&] {
          const Vec<float> expected = Batch(v, dtype, row_list, 0.0f, 0).run();
          for (float poison : test::kPoison) CHECK(test::same_bits(Batch(v, dtype, row_list, poison, INT64_MIN).run(), expected));
        });
}
