// SPDX-License-Identifier: Apache-2.0
// Wrong arguments to every function: a status, a message that names the argument, and nothing written.
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

template <typename Args>
using Operation = int32_t (*)(const Args*, int32_t, void*, void*, uint64_t);
template <typename Args>
using Size = int32_t (*)(const Args*, int32_t, uint64_t*);

/// Checks that hold for every operation, given arguments that are right.
template <typename Args>
void check_common(const Args& good, Operation<Args> op, Size<Args> size, const char* name) {
  CHECK_OK(test::run(op, size, good));
  CHECK_INVALID(op(nullptr, test::kDevice, nullptr, nullptr, 0), "args");
  CHECK_INVALID(op(nullptr, test::kDevice, nullptr, nullptr, 0), name);
  uint64_t bytes = 0;
  CHECK_INVALID(size(nullptr, test::kDevice, &bytes), "args");
  CHECK_INVALID(size(&good, test::kDevice, nullptr), "bytes");
  CHECK_INVALID(op(&good, -2, nullptr, nullptr, 0), "device");
  if (tppo_cuda_device_count() == 0) CHECK_ERROR(op(&good, 0, nullptr, nullptr, 0), TPPO_UNSUPPORTED, "device");
  CHECK_OK(size(&good, test::kDevice, &bytes));
  if (bytes > 0) {
    test::Vec<unsigned char> workspace(bytes);
    CHECK_INVALID(op(&good, test::kDevice, nullptr, nullptr, bytes), "workspace");
    CHECK_INVALID(op(&good, test::kDevice, nullptr, workspace.data(), bytes - 1), "workspace_size");
  }
  Args a = good;
  a.size -= 8;
  CHECK_INVALID(op(&a, test::kDevice, nullptr, nullptr, 0), "size");
  a.size = 0;
  CHECK_INVALID(size(&a, test::kDevice, &bytes), "size");
}

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

const double kNotFinite[] = {test::kNaN, test::kInf, -test::kInf};

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
  check_common(good, tppo_token_log_probs, tppo_token_log_probs_workspace, "tppo_token_log_probs");
  REFUSES(token_log_probs, a.num_tokens = -1, "num_tokens");
  REFUSES(token_log_probs, a.vocab_size = 0, "vocab_size");
  REFUSES(token_log_probs, a.logits_stride = 2, "logits_stride");
  REFUSES(token_log_probs, a.logits_stride = -3, "logits_stride");
  REFUSES(token_log_probs, a.num_tokens = INT64_MAX / 2, "num_tokens");
  REFUSES(token_log_probs, a.num_tokens = INT64_C(1) << 50; a.vocab_size = 1 << 20, "logits");
  REFUSES(token_log_probs, a.logits_stride = INT64_MAX, "logits");
  REFUSES(token_log_probs, a.vocab_size = INT64_MAX / 4 + 1, "logits");
  REFUSES(token_log_probs, a.dtype = 9, "dtype");
  REFUSES(token_log_probs, a.temperature = 0.0, "temperature");
  REFUSES(token_log_probs, a.temperature = -1.0, "temperature");
  for (double x : kNotFinite) REFUSES(token_log_probs, a.temperature = x, "temperature");
  REFUSES(token_log_probs, a.logits = nullptr, "logits");
  REFUSES(token_log_probs, a.logits = m.bytes + 2, "logits");
  REFUSES(token_log_probs, a.targets = nullptr, "targets");
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
  check_common(good, tppo_policy_loss, tppo_policy_loss_workspace, "tppo_policy_loss");
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
  for (double x : kNotFinite) {
    REFUSES(policy_loss, a.eps_low = x, "eps_low");
    REFUSES(policy_loss, a.eps_high = x, "eps_high");
    REFUSES(policy_loss, a.dual_clip = x, "dual_clip");
    REFUSES(policy_loss, a.entropy_coef = x, "entropy_coef");
    REFUSES(policy_loss, a.kl_coef = x, "kl_coef");
    REFUSES(policy_loss, a.log_ratio_clamp = x, "log_ratio_clamp");
    REFUSES(policy_loss, a.normalizer = x, "normalizer");
  }
  REFUSES(policy_loss, a.num_sequences = 3, "num_sequences");
  REFUSES(policy_loss, a.num_sequences = -1, "num_sequences");
  REFUSES(policy_loss, a.old_logprobs = nullptr, "old_logprobs");
  REFUSES(policy_loss, a.advantages = nullptr, "advantages");
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
  check_common(good, tppo_nll_loss, tppo_nll_loss_workspace, "tppo_nll_loss");
  test::Vec<float> weights = {1.0f, -1.0f};
  auto weighted = good;
  weighted.weights = weights.data();
  REFUSES_CONTENTS(nll_loss, weighted, "weights[1]");
  weights[1] = test::kNaN;
  REFUSES_CONTENTS(nll_loss, weighted, "weights[1]");
  REFUSES(nll_loss, a.grad_stride = 3, "grad_stride");
  REFUSES(nll_loss, a.logits = nullptr, "logits");
  REFUSES(nll_loss, a.targets = nullptr, "targets");
  REFUSES(nll_loss, a.num_tokens = -5, "num_tokens");
  for (double x : kNotFinite) REFUSES(nll_loss, a.normalizer = x, "normalizer");
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
  check_common(good, tppo_shape_rewards, tppo_shape_rewards_workspace, "tppo_shape_rewards");
  m.clear();
  REFUSES(shape_rewards, a.classes = nullptr, "classes");
  REFUSES(shape_rewards, a.scores = m.at<float>(128), "classes");
  REFUSES(shape_rewards, a.logprobs = m.at<float>(128), "ref_logprobs");
  REFUSES(shape_rewards, a.ref_logprobs = m.at<float>(128), "logprobs");
  REFUSES(shape_rewards, a.kl = m.at<float>(128), "logprobs");
  REFUSES(shape_rewards, a.length_penalty = 2, "length_penalty");
  REFUSES(shape_rewards, a.kl_estimator = 4, "kl_estimator");
  REFUSES(shape_rewards, a.suggested_length = -1.0, "suggested_length");
  REFUSES(shape_rewards, a.num_tokens = 3, "num_tokens");
  REFUSES(shape_rewards, a.rewards = m.at<float>(0), "rewards overlaps classes");
  for (double x : kNotFinite) {
    REFUSES(shape_rewards, a.alpha = x, "alpha");
    REFUSES(shape_rewards, a.suggested_length = x, "suggested_length");
    REFUSES(shape_rewards, a.length_offset = x, "length_offset");
    REFUSES(shape_rewards, a.kl_coef = x, "kl_coef");
    REFUSES(shape_rewards, a.log_ratio_clamp = x, "log_ratio_clamp");
    REFUSES(shape_rewards, a.class_values[1] = x, "class_values");
  }
  m.at<int32_t>(0)[2] = 3;
  REFUSES_CONTENTS(shape_rewards, good, "classes[2]");
}

TEST(suggested_length) {
  const int32_t lengths[2] = {1, -1};
  double result = 0.0;
  CHECK_INVALID(tppo_suggested_length(nullptr, 1, 1, &result), "lengths");
  CHECK_INVALID(tppo_suggested_length(lengths, 0, 1, &result), "count");
  CHECK_INVALID(tppo_suggested_length(lengths, -3, 1, &result), "count");
  CHECK_INVALID(tppo_suggested_length(lengths, 1, 0, &result), "num_queries");
  CHECK_INVALID(tppo_suggested_length(lengths, 1, 1, nullptr), "result");
  CHECK_INVALID(tppo_suggested_length(lengths, 2, 1, &result), "lengths[1]");
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
  check_common(good, tppo_gae, tppo_gae_workspace, "tppo_gae");
  REFUSES(gae, a.rewards = nullptr, "rewards");
  REFUSES(gae, a.values = nullptr, "values");
  REFUSES(gae, a.advantages = nullptr, "advantages");
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
  check_common(good, tppo_whiten, tppo_whiten_workspace, "tppo_whiten");
  REFUSES(whiten, a.x = nullptr, "x");
  REFUSES(whiten, a.out = nullptr, "out");
  REFUSES(whiten, a.out = m.at<float>(8), "out overlaps x");
  REFUSES(whiten, a.unbiased = 2, "unbiased");
  REFUSES(whiten, a.keep_mean = -1, "keep_mean");
  REFUSES(whiten, a.epsilon = -1.0, "epsilon");
  REFUSES(whiten, a.epsilon = test::kNaN, "epsilon");
  REFUSES(whiten, a.num_tokens = -1, "num_tokens");
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
  check_common(good, tppo_reward_model_loss, tppo_reward_model_loss_workspace, "tppo_reward_model_loss");
  REFUSES(reward_model_loss, a.logits = nullptr, "logits");
  REFUSES(reward_model_loss, a.labels = nullptr, "labels");
  REFUSES(reward_model_loss, a.sentence_labels = nullptr, "sentence_labels");
  REFUSES(reward_model_loss, a.dtype = -1, "dtype");
  REFUSES(reward_model_loss, a.local_reduction = 2, "local_reduction");
  REFUSES(reward_model_loss, a.global_mode = 3, "global_mode");
  REFUSES(reward_model_loss, a.w_local = -1.0, "w_local");
  REFUSES(reward_model_loss, a.w_global = test::kNaN, "w_global");
  REFUSES(reward_model_loss, a.class_weights[2] = -1.0, "class_weights");
  REFUSES(reward_model_loss, a.num_samples = -1.0, "num_samples");
  REFUSES(reward_model_loss, a.local_normalizer = test::kInf, "local_normalizer");
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
  check_common(good, tppo_balance_mask, tppo_balance_mask_workspace, "tppo_balance_mask");
  REFUSES(balance_mask, a.labels = nullptr, "labels");
  REFUSES(balance_mask, a.out = nullptr, "out");
  REFUSES(balance_mask, a.out = m.bytes + 3, "out overlaps labels");
  REFUSES(balance_mask, a.rho = 0.0, "rho");
  REFUSES(balance_mask, a.rho = test::kNaN, "rho");
  REFUSES(balance_mask, a.count1 = 3, "count1");
  REFUSES(balance_mask, a.count2 = -2, "count2");
  REFUSES(balance_mask, a.first_sample = -1, "first_sample");
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
  check_common(good, tppo_value_loss, tppo_value_loss_workspace, "tppo_value_loss");
  REFUSES(value_loss, a.values = nullptr, "values");
  REFUSES(value_loss, a.old_values = nullptr, "old_values");
  REFUSES(value_loss, a.returns = nullptr, "returns");
  REFUSES(value_loss, a.clip = test::kNaN, "clip");
  REFUSES(value_loss, a.normalizer = -2.0, "normalizer");
  REFUSES(value_loss, a.num_tokens = -1, "num_tokens");
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
  check_common(good, tppo_dpo_loss, tppo_dpo_loss_workspace, "tppo_dpo_loss");
  REFUSES(dpo_loss, a.policy_chosen = nullptr, "policy_chosen");
  REFUSES(dpo_loss, a.policy_rejected = nullptr, "policy_rejected");
  REFUSES(dpo_loss, a.ref_chosen = nullptr, "ref_chosen");
  REFUSES(dpo_loss, a.ref_rejected = nullptr, "ref_rejected");
  REFUSES(dpo_loss, a.beta = 0.0, "beta");
  REFUSES(dpo_loss, a.beta = test::kNaN, "beta");
  REFUSES(dpo_loss, a.normalizer = -1.0, "normalizer");
  REFUSES(dpo_loss, a.num_pairs = -1, "num_pairs");
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
  check_common(good, tppo_global_norm, tppo_global_norm_workspace, "tppo_global_norm");
  REFUSES(global_norm, a.tensors = nullptr, "tensors");
  REFUSES(global_norm, a.lengths = nullptr, "lengths");
  REFUSES(global_norm, a.stats = nullptr, "stats");
  REFUSES(global_norm, a.max_norm = -1.0, "max_norm");
  REFUSES(global_norm, a.num_tensors = -1, "num_tensors");
  lengths[1] = 1;
  CHECK_INVALID(RUN(global_norm, good), "tensors[1]");
  lengths[1] = -1;
  CHECK_INVALID(RUN(global_norm, good), "lengths[1]");
}

TEST(scale) {
  Memory m;
  tppo_scale_args good;
  tppo_scale_init(&good);
  good.length = 4;
  good.x = m.at<float>(0);
  check_common(good, tppo_scale, tppo_scale_workspace, "tppo_scale");
  REFUSES(scale, a.x = nullptr, "x");
  REFUSES(scale, a.length = -1, "length");
  REFUSES(scale, a.factor = test::kNaN, "factor");
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
  check_common(good, tppo_adamw, tppo_adamw_workspace, "tppo_adamw");
  REFUSES(adamw, a.grad = nullptr, "grad");
  REFUSES(adamw, a.param = nullptr, "param");
  REFUSES(adamw, a.exp_avg = nullptr, "exp_avg");
  REFUSES(adamw, a.exp_avg_sq = nullptr, "exp_avg_sq");
  REFUSES(adamw, a.param = m.at<float>(0), "param overlaps grad");
  REFUSES(adamw, a.step = 0, "step");
  REFUSES(adamw, a.beta1 = 1.0, "beta1");
  REFUSES(adamw, a.beta2 = -0.1, "beta2");
  REFUSES(adamw, a.lr = -1.0, "lr");
  REFUSES(adamw, a.eps = -1.0, "eps");
  REFUSES(adamw, a.weight_decay = test::kNaN, "weight_decay");
  REFUSES(adamw, a.length = -1, "length");
}

TEST(library_functions) {
  CHECK_INVALID(tppo_set_threads(-1), "threads");
  CHECK_INVALID(tppo_set_threads(5000), "threads");
  CHECK_INVALID(tppo_set_cpu_isa(nullptr), "isa");
  CHECK_INVALID(tppo_set_cpu_isa("sse9"), "sse9");
  CHECK(tppo_get_threads() >= 1);
  tppo_cuda_device info;
  info.size = 1;
  CHECK_INVALID(tppo_cuda_device_info(0, nullptr), "info");
  CHECK_INVALID(tppo_cuda_device_info(0, &info), "size");
  CHECK_INVALID(tppo_cuda_alloc(0, 8, nullptr), "address");
  CHECK_INVALID(tppo_cuda_upload(0, nullptr, &info, 8, nullptr), "destination");
  CHECK_INVALID(tppo_cuda_download(0, &info, nullptr, 8, nullptr), "source");
  CHECK((tppo_cuda_device_count() == 0) == (strlen(tppo_cuda_unavailable_reason()) > 0));
  void* address = nullptr;
  if (tppo_cuda_device_count() == 0) CHECK_ERROR(tppo_cuda_alloc(0, 8, &address), TPPO_UNSUPPORTED, "device");
}
