// SPDX-License-Identifier: Apache-2.0
// Arguments that are wrong by a limit of their own, by another argument or by the contents of an array: a status and a message that names them.
// What is wrong with any field of a type, bad_arguments_test tries.
#include <algorithm>

#include "test.h"

namespace {

/// Memory for any argument, aligned, and never touched by a call that fails.
struct Memory {
  test::Vec<int64_t> words = test::Vec<int64_t>(4096 / sizeof(int64_t) + 7);
  unsigned char* const bytes = reinterpret_cast<unsigned char*>((reinterpret_cast<uintptr_t>(words.data()) + 63) / 64 * 64);
  void clear() { std::fill(words.begin(), words.end(), 0); }
  template <typename T>
  T* at(int offset) {
    return reinterpret_cast<T*>(bytes + offset);
  }
};

/// The call with one change must fail and name `part`.
#define REFUSES(op, change, part)         \
  do {                                    \
    auto a = good;                        \
    change;                               \
    CHECK_INVALID(RUN(op, a), part);      \
  } while (0)

/// The contents of an array are wrong: the CPU refuses them, a device computes all the same and reads nothing out of bounds.
#define REFUSES_CONTENTS(op, args, part)  \
  do {                                    \
    if (test::kOnDevice)                  \
      CHECK_OK(RUN(op, args));            \
    else                                  \
      CHECK_INVALID(RUN(op, args), part); \
  } while (0)

}  // namespace

TEST(token_log_probs) {
  Memory m;
  tppo_token_log_probs_args good;
  tppo_token_log_probs_init(&good);
  good.num_tokens = 2;
  good.vocab_size = 3;
  good.logits = m.bytes;
  good.targets = m.at<int64_t>(256);
  good.logprob = m.at<float>(512);
  CHECK_OK(RUN(token_log_probs, good));
  REFUSES(token_log_probs, a.vocab_size = 0, "vocab_size");
  REFUSES(token_log_probs, a.logits_stride = 2, "logits_stride");
  REFUSES(token_log_probs, a.logits_stride = -3, "logits_stride");
  REFUSES(token_log_probs, a.num_tokens = INT64_MAX / 2, "num_tokens");
  REFUSES(token_log_probs, a.num_tokens = INT64_C(1) << 50; a.vocab_size = 1 << 20, "logits");
  REFUSES(token_log_probs, a.vocab_size = INT64_MAX / 4 + 1, "logits");
  REFUSES(token_log_probs, a.temperature = 0.0, "temperature");
  REFUSES(token_log_probs, a.temperature = -1.0, "temperature");
  REFUSES(token_log_probs, a.logits = m.bytes + 2, "logits");
  REFUSES(token_log_probs, a.logprob = m.at<float>(20), "logprob overlaps logits");
  REFUSES(token_log_probs, a.entropy = a.logprob + 1, "overlaps");
  tppo_token_log_probs_args half = good;
  half.dtype = 3;
  CHECK_INVALID(RUN(token_log_probs, half), "dtype");
  for (int64_t target : {INT64_C(-1), INT64_C(3), INT64_MAX}) {
    m.at<int64_t>(256)[1] = target;
    REFUSES_CONTENTS(token_log_probs, good, "targets[1]");
  }
}

TEST(policy_loss) {
  Memory m;
  tppo_policy_loss_args good;
  tppo_policy_loss_init(&good);
  good.num_tokens = 4;
  good.vocab_size = 5;
  good.num_sequences = 2;
  good.aggregation = TPPO_SEQ_MEAN_TOKEN_MEAN;
  good.logits = m.bytes;
  good.targets = m.at<int64_t>(256);
  good.old_logprobs = m.at<float>(512);
  good.advantages = m.at<float>(576);
  good.grad_logits = m.bytes;
  CHECK_OK(RUN(policy_loss, good));
  m.clear();
  REFUSES(policy_loss, a.grad_stride = 4, "grad_stride");
  REFUSES(policy_loss, a.grad_stride = 6, "grad_logits overlaps logits");
  REFUSES(policy_loss, a.grad_logits = m.bytes + 4, "grad_logits overlaps logits");
  REFUSES(policy_loss, a.aggregation = 3, "aggregation");
  REFUSES(policy_loss, a.kl_estimator = 0, "kl_estimator");
  REFUSES(policy_loss, a.eps_low = -0.1, "eps_low");
  REFUSES(policy_loss, a.eps_low = 1.5, "eps_low");
  REFUSES(policy_loss, a.eps_high = -0.1, "eps_high");
  REFUSES(policy_loss, a.dual_clip = 1.0, "dual_clip");
  REFUSES(policy_loss, a.dual_clip = -2.0, "dual_clip");
  REFUSES(policy_loss, a.log_ratio_clamp = -1.0, "log_ratio_clamp");
  REFUSES(policy_loss, a.normalizer = -1.0, "normalizer");
  REFUSES(policy_loss, a.num_sequences = 3, "num_sequences");
  REFUSES(policy_loss, a.kl_coef = 0.1, "ref_logprobs");
  REFUSES(policy_loss, a.kl = m.at<float>(1024), "ref_logprobs");
  REFUSES(policy_loss, a.ratio = m.at<float>(512), "ratio overlaps old_logprobs");
  REFUSES(policy_loss, a.stats = m.at<double>(1028), "stats is not aligned");
  for (const test::Vec<int32_t>& cu : {test::Vec<int32_t>{1, 2, 4}, {0, 5, 4}, {0, 2, 3}, {0, -1, 4}}) {
    auto a = good;
    a.cu_seqlens = cu.data();
    REFUSES_CONTENTS(policy_loss, a, "cu_seqlens[");
  }
  REFUSES(policy_loss, a.vocab_size = INT64_MAX / 2, "logits");
}

TEST(nll_loss) {
  Memory m;
  tppo_nll_loss_args good;
  tppo_nll_loss_init(&good);
  good.num_tokens = 2;
  good.vocab_size = 4;
  good.logits = m.bytes;
  good.targets = m.at<int64_t>(256);
  good.grad_logits = m.bytes;
  CHECK_OK(RUN(nll_loss, good));
  test::Vec<float> weights = {1.0f, -1.0f};
  auto weighted = good;
  weighted.weights = weights.data();
  REFUSES_CONTENTS(nll_loss, weighted, "weights[1]");
  weights[1] = test::kNaN;
  REFUSES_CONTENTS(nll_loss, weighted, "weights[1]");
  REFUSES(nll_loss, a.grad_stride = 3, "grad_stride");
  m.at<int64_t>(256)[0] = 4;
  REFUSES_CONTENTS(nll_loss, good, "targets[0]");
}

TEST(shape_rewards) {
  Memory m;
  tppo_shape_rewards_args good;
  tppo_shape_rewards_init(&good);
  good.num_tokens = 4;
  good.num_sequences = 2;
  good.classes = m.at<int32_t>(0);
  good.rewards = m.at<float>(64);
  CHECK_OK(RUN(shape_rewards, good));
  m.clear();
  REFUSES(shape_rewards, a.scores = m.at<float>(128), "classes");
  REFUSES(shape_rewards, a.logprobs = m.at<float>(128), "ref_logprobs");
  REFUSES(shape_rewards, a.ref_logprobs = m.at<float>(128), "logprobs");
  REFUSES(shape_rewards, a.kl = m.at<float>(128), "logprobs");
  REFUSES(shape_rewards, a.length_penalty = 2, "length_penalty");
  REFUSES(shape_rewards, a.kl_estimator = 4, "kl_estimator");
  REFUSES(shape_rewards, a.suggested_length = -1.0, "suggested_length");
  REFUSES(shape_rewards, a.num_tokens = 3, "num_tokens");
  REFUSES(shape_rewards, a.rewards = m.at<float>(0), "rewards overlaps classes");
  m.at<int32_t>(0)[2] = 3;
  REFUSES_CONTENTS(shape_rewards, good, "classes[2]");
}

TEST(gae) {
  Memory m;
  tppo_gae_args good;
  tppo_gae_init(&good);
  good.num_tokens = 4;
  good.num_sequences = 2;
  good.rewards = m.at<float>(0);
  good.values = m.at<float>(64);
  good.advantages = m.at<float>(128);
  CHECK_OK(RUN(gae, good));
  REFUSES(gae, a.returns = a.advantages, "overlaps");
  REFUSES(gae, a.advantages = m.at<float>(64), "advantages overlaps values");
  REFUSES(gae, a.advantages = m.at<float>(4), "advantages overlaps rewards");
  REFUSES(gae, a.num_sequences = 0, "num_sequences");
  REFUSES(gae, a.num_tokens = INT64_MAX; a.num_sequences = 1, "num_tokens");
  for (double x : {-0.1, 1.1, static_cast<double>(test::kNaN)}) {
    REFUSES(gae, a.gamma = x, "gamma");
    REFUSES(gae, a.lambda = x, "lambda");
  }
}

TEST(whiten) {
  Memory m;
  tppo_whiten_args good;
  tppo_whiten_init(&good);
  good.num_tokens = 4;
  good.x = m.at<float>(0);
  good.out = m.at<float>(64);
  CHECK_OK(RUN(whiten, good));
  REFUSES(whiten, a.out = m.at<float>(8), "out overlaps x");
  REFUSES(whiten, a.unbiased = 2, "unbiased");
  REFUSES(whiten, a.epsilon = -1.0, "epsilon");
}

TEST(reward_model_loss) {
  Memory m;
  tppo_reward_model_loss_args good;
  tppo_reward_model_loss_init(&good);
  good.num_tokens = 4;
  good.num_sequences = 2;
  good.logits = m.bytes;
  good.labels = m.at<int32_t>(128);
  good.sentence_labels = m.at<float>(192);
  CHECK_OK(RUN(reward_model_loss, good));
  REFUSES(reward_model_loss, a.local_reduction = 2, "local_reduction");
  REFUSES(reward_model_loss, a.global_mode = 3, "global_mode");
  REFUSES(reward_model_loss, a.w_local = -1.0, "w_local");
  REFUSES(reward_model_loss, a.class_weights[2] = -1.0, "class_weights");
  REFUSES(reward_model_loss, a.num_samples = -1.0, "num_samples");
  REFUSES(reward_model_loss, a.num_sequences = 3, "num_sequences");
  REFUSES(reward_model_loss, a.grad_logits = m.bytes + 4, "grad_logits overlaps logits");
  REFUSES(reward_model_loss, a.num_tokens = INT64_MAX - 1, "num_tokens");
  m.at<int32_t>(128)[3] = -1;
  REFUSES_CONTENTS(reward_model_loss, good, "labels[3]");
}

TEST(balance_mask) {
  Memory m;
  tppo_balance_mask_args good;
  tppo_balance_mask_init(&good);
  good.num_tokens = 4;
  good.num_sequences = 2;
  good.labels = m.at<int32_t>(0);
  good.out = m.bytes + 64;
  CHECK_OK(RUN(balance_mask, good));
  REFUSES(balance_mask, a.out = m.bytes + 3, "out overlaps labels");
  REFUSES(balance_mask, a.rho = 0.0, "rho");
  REFUSES(balance_mask, a.count1 = 3, "count1");
  REFUSES(balance_mask, a.count2 = -2, "count2");
  REFUSES(balance_mask, a.first_sample = INT64_C(0xffffffff), "first_sample");
  m.at<int32_t>(0)[0] = 3;
  REFUSES_CONTENTS(balance_mask, good, "labels[0]");
}

TEST(value_loss) {
  Memory m;
  tppo_value_loss_args good;
  tppo_value_loss_init(&good);
  good.num_tokens = 4;
  good.values = m.at<float>(0);
  good.old_values = m.at<float>(64);
  good.returns = m.at<float>(128);
  CHECK_OK(RUN(value_loss, good));
  REFUSES(value_loss, a.normalizer = -2.0, "normalizer");
  REFUSES(value_loss, a.grad_values = m.at<float>(64), "grad_values overlaps old_values");
}

TEST(dpo_loss) {
  Memory m;
  tppo_dpo_loss_args good;
  tppo_dpo_loss_init(&good);
  good.num_pairs = 2;
  good.policy_chosen = m.at<float>(0);
  good.policy_rejected = m.at<float>(8);
  good.ref_chosen = m.at<float>(16);
  good.ref_rejected = m.at<float>(24);
  CHECK_OK(RUN(dpo_loss, good));
  REFUSES(dpo_loss, a.beta = 0.0, "beta");
  REFUSES(dpo_loss, a.normalizer = -1.0, "normalizer");
  REFUSES(dpo_loss, a.losses = m.at<float>(4), "losses overlaps policy_chosen");
}

TEST(global_norm) {
  Memory m;
  const float* tensors[2] = {m.at<float>(0), nullptr};
  int64_t lengths[2] = {3, 0};
  tppo_global_norm_args good;
  tppo_global_norm_init(&good);
  good.num_tensors = 2;
  good.tensors = tensors;
  good.lengths = lengths;
  good.stats = m.at<double>(64);
  CHECK_OK(RUN(global_norm, good));
  REFUSES(global_norm, a.max_norm = -1.0, "max_norm");
  lengths[1] = 1;
  CHECK_INVALID(RUN(global_norm, good), "tensors[1]");
  lengths[1] = -1;
  CHECK_INVALID(RUN(global_norm, good), "lengths[1]");
}

TEST(adamw) {
  Memory m;
  tppo_adamw_args good;
  tppo_adamw_init(&good);
  good.length = 2;
  good.grad = m.at<float>(0);
  good.param = m.at<float>(64);
  good.exp_avg = m.at<float>(128);
  good.exp_avg_sq = m.at<float>(192);
  CHECK_OK(RUN(adamw, good));
  REFUSES(adamw, a.param = m.at<float>(0), "param overlaps grad");
  REFUSES(adamw, a.step = 0, "step");
  REFUSES(adamw, a.beta1 = 1.0, "beta1");
  REFUSES(adamw, a.beta2 = -0.1, "beta2");
  REFUSES(adamw, a.lr = -1.0, "lr");
  REFUSES(adamw, a.eps = -1.0, "eps");
}

TEST(library_functions) {
  CHECK(tppo_get_threads() >= 1);
  CHECK((tppo_cuda_device_count() == 0) == (strlen(tppo_cuda_unavailable_reason()) > 0));
  void* address = nullptr;
  if (tppo_cuda_device_count() == 0) CHECK_ERROR(tppo_cuda_alloc(0, 8, &address), TPPO_UNSUPPORTED, "device");
}
