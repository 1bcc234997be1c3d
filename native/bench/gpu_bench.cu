// SPDX-License-Identifier: Apache-2.0
// Times of the CUDA kernels on device 0 through the C API, one JSON object a line; native/gpu_suite runs it and makes the table.
//   gpu_bench [copy] [policy] [advantages] [linear]     all of them without arguments
#include <string.h>

#include "gpu_bench.h"

namespace bench {
namespace {

constexpr int64_t kTokens = 8192;
const char* const kNames[] = {"f32", "bf16"};

/// Numbers that look normally distributed with the given deviation, the same on every run.
__device__ float noise(uint64_t i, float deviation) {
  uint64_t x = (i + 1) * 0x9E3779B97F4A7C15ull;
  x ^= x >> 31;
  x *= 0xBF58476D1CE4E5B9ull;
  x ^= x >> 29;
  const float sum = static_cast<float>(x & 0xffff) + static_cast<float>(x >> 16 & 0xffff) + static_cast<float>(x >> 32 & 0xffff) +
                    static_cast<float>(x >> 48);
  return (sum * (1.0f / 65535.0f) - 2.0f) * 1.732f * deviation;
}

__global__ void fill_kernel(void* out, int64_t n, int32_t dtype, float deviation) {
  const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < n; i += step) {
    const float x = noise(static_cast<uint64_t>(i), deviation);
    if (dtype == TPPO_F32)
      static_cast<float*>(out)[i] = x;
    else
      static_cast<uint16_t*>(out)[i] = static_cast<uint16_t>(__float_as_uint(x) >> 16);
  }
}

void fill(const Memory& memory, int64_t n, int32_t dtype, float deviation) {
  fill_kernel<<<2048, 256>>>(memory.as<void>(), n, dtype, deviation);
  CUDA(cudaGetLastError());
}

template <typename T>
void upload(const Memory& memory, const std::vector<T>& values) {
  CUDA(cudaMemcpy(memory.as<void>(), values.data(), values.size() * sizeof(T), cudaMemcpyHostToDevice));
}

__global__ void copy_kernel(const uint4* from, uint4* to, int64_t n) {
  const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < n; i += step) __stcs(to + i, __ldcs(from + i));
}

__global__ void scale_kernel(uint4* p, int64_t n) {
  const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < n; i += step) {
    uint4 v = __ldcs(p + i);
    v.x ^= 1u;
    __stcs(p + i, v);
  }
}

/// What memory gives: the ceilings that the other figures are held against.
void copies() {
  const int64_t bytes = int64_t{2} << 30;
  const Memory from(bytes), to(bytes);
  const double moved = 2.0 * static_cast<double>(bytes);
  report("copy", "2 GiB, cudaMemcpy", "", times(30, 15, 1, [&] {
           CUDA(cudaMemcpyAsync(to.as<void>(), from.as<void>(), bytes, cudaMemcpyDeviceToDevice));
         }), moved, 0.0);
  report("copy", "2 GiB, kernel", "", times(30, 15, 1, [&] { copy_kernel<<<132 * 16, 512>>>(from.as<uint4>(), to.as<uint4>(), bytes / 16); }), moved, 0.0);
  report("copy", "2 GiB, in place", "", times(30, 15, 1, [&] { scale_kernel<<<132 * 16, 512>>>(to.as<uint4>(), bytes / 16); }), moved, 0.0);
}

/// What policy losses read per token.
struct Tokens {
  Memory targets{kTokens * 8}, old_logprobs{kTokens * 4}, advantages{kTokens * 4};

  explicit Tokens(int64_t vocab) {
    std::vector<int64_t> target(kTokens);
    for (int64_t i = 0; i < kTokens; ++i) target[static_cast<size_t>(i)] = i * 7919 % vocab;
    upload(targets, target);
    // In place, the logits of the second call are the gradients of the first: all but equal. So the ratio is 1 and nothing is clipped away.
    upload(old_logprobs, std::vector<float>(kTokens, -std::log(static_cast<float>(vocab))));
    fill(advantages, kTokens, TPPO_F32, 1.0f);
  }

  void give(tppo_policy_loss_args& a, int64_t vocab, int32_t dtype) const {
    tppo_policy_loss_init(&a);
    a.num_tokens = kTokens;
    a.vocab_size = vocab;
    a.dtype = dtype;
    a.targets = targets.as<int64_t>();
    a.old_logprobs = old_logprobs.as<float>();
    a.advantages = advantages.as<float>();
  }
};

void policy_loss(int64_t vocab, int32_t dtype, double entropy_coef) {
  const double element = dtype == TPPO_F32 ? 4.0 : 2.0, logits_bytes = element * kTokens * static_cast<double>(vocab);
  const Tokens tokens(vocab);
  const Memory logits(static_cast<uint64_t>(logits_bytes)), stats(TPPO_POLICY_STATS * 8);
  fill(logits, kTokens * vocab, dtype, 2.0f);
  tppo_policy_loss_args a;
  tokens.give(a, vocab, dtype);
  a.entropy_coef = entropy_coef;
  a.logits = a.grad_logits = logits.as<void>();
  a.stats = stats.as<double>();
  uint64_t bytes = 0;
  TPPO(tppo_policy_loss_workspace(&a, 0, &bytes));
  const Memory workspace(bytes);
  const auto ms = times(30, 15, 1, [&] { TPPO(tppo_policy_loss(&a, 0, nullptr, workspace.as<void>(), bytes)); });
  report(entropy_coef != 0.0 ? "policy_loss, entropy bonus" : "policy_loss", "8192 x " + std::to_string(vocab), kNames[dtype], ms, 2.0 * logits_bytes,
         0.0, static_cast<double>(bytes));
}

void policy_losses() {
  for (const int64_t vocab : {32000, 128256, 151936}) {
    for (const int32_t dtype : {TPPO_BF16, TPPO_F32}) policy_loss(vocab, dtype, 0.0);
    policy_loss(vocab, TPPO_BF16, 0.01);
  }
}

/// GAE alone, and shaping, GAE and whitening in one call.
void advantages(int64_t sequences, int64_t length) {
  const int64_t n = sequences * length;
  const Memory scores(n * 4), values(n * 4), logprobs(n * 4), ref_logprobs(n * 4), out(n * 4), returns(n * 4), stats(TPPO_WHITEN_STATS * 8);
  for (const Memory* m : {&scores, &values, &logprobs, &ref_logprobs}) fill(*m, n, TPPO_F32, 1.0f);
  const std::string shape = std::to_string(sequences) + " x " + std::to_string(length);
  tppo_gae_args gae;
  tppo_gae_init(&gae);
  gae.num_tokens = n;
  gae.num_sequences = sequences;
  gae.rewards = scores.as<float>();
  gae.values = values.as<float>();
  gae.advantages = out.as<float>();
  gae.returns = returns.as<float>();
  uint64_t bytes = 0;
  TPPO(tppo_gae_workspace(&gae, 0, &bytes));
  const Memory gae_workspace(bytes);
  report("gae", shape, "f32", times(50, 20, 200, [&] { TPPO(tppo_gae(&gae, 0, nullptr, gae_workspace.as<void>(), bytes)); }), 16.0 * n, 0.0);

  tppo_shape_rewards_args shaping;
  tppo_shape_rewards_init(&shaping);
  shaping.num_tokens = n;
  shaping.num_sequences = sequences;
  shaping.suggested_length = static_cast<double>(length) / 2.0;
  shaping.scores = scores.as<float>();
  shaping.logprobs = logprobs.as<float>();
  shaping.ref_logprobs = ref_logprobs.as<float>();
  tppo_whiten_args whiten;
  tppo_whiten_init(&whiten);
  whiten.num_tokens = n;
  whiten.stats = stats.as<double>();
  gae.rewards = nullptr;
  const auto all_three = [&](const char* name) {
    TPPO(tppo_token_advantages_workspace(&shaping, &gae, &whiten, 0, &bytes));
    const Memory workspace(bytes);
    report(name, shape, "f32", times(50, 20, 200, [&] {
             TPPO(tppo_token_advantages(&shaping, &gae, &whiten, 0, nullptr, workspace.as<void>(), bytes));
           }), 24.0 * n, 0.0);
  };
  all_three("token_advantages");
  const Memory mask(n), shape_stats(TPPO_SHAPE_REWARDS_STATS * 8);
  std::vector<uint8_t> valid(static_cast<size_t>(n));
  for (int64_t i = 0; i < n; ++i) valid[static_cast<size_t>(i)] = i % length < length - i / length % 64;  // padding of up to 63 tokens
  upload(mask, valid);
  shaping.mask = gae.mask = whiten.mask = mask.as<uint8_t>();
  shaping.stats = shape_stats.as<double>();
  all_three("token_advantages, mask and statistics");
}

/// The output layer with the policy loss behind it, bfloat16, H = 4096: three products of 2 N H V.
void linear_loss(int64_t vocab) {
  const int64_t width = 4096;
  const Tokens tokens(vocab);
  const Memory hidden(kTokens * width * 2), grad_hidden(kTokens * width * 2), weight(vocab * width * 2), grad_weight(vocab * width * 4);
  fill(hidden, kTokens * width, TPPO_BF16, 1.0f);
  fill(weight, vocab * width, TPPO_BF16, 0.02f);
  CUDA(cudaMemset(grad_weight.as<void>(), 0, vocab * width * 4));
  tppo_policy_loss_args a;
  tokens.give(a, vocab, TPPO_BF16);
  a.log_ratio_clamp = 0.0;
  a.eps_low = 1.0;
  a.eps_high = 1e30;  // nothing is clipped away, whatever the logits
  tppo_linear_args l;
  tppo_linear_init(&l);
  l.hidden_size = width;
  l.hidden = hidden.as<void>();
  l.weight = weight.as<void>();
  l.grad_hidden = grad_hidden.as<void>();
  l.grad_weight = grad_weight.as<float>();
  uint64_t bytes = 0;
  TPPO(tppo_linear_policy_loss_workspace(&l, &a, 0, &bytes));
  const Memory workspace(bytes);
  const char* const products = getenv("TPPO_CUBLASLT");
  const bool cublaslt = products != nullptr && products[0] == '1';
  report(cublaslt ? "linear_policy_loss, cuBLASLt" : "linear_policy_loss", "8192 x 4096 x " + std::to_string(vocab), "bf16",
         times(1, 5, 1, [&] { TPPO(tppo_linear_policy_loss(&l, &a, 0, nullptr, workspace.as<void>(), bytes)); }), 0.0,
         6.0 * kTokens * static_cast<double>(width) * static_cast<double>(vocab), static_cast<double>(bytes));
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  if (tppo_cuda_device_count() == 0) {
    fprintf(stderr, "%s\n", tppo_cuda_unavailable_reason());
    return 2;
  }
  const auto wanted = [&](const char* part) {
    for (int i = 1; i < argc; ++i)
      if (strcmp(argv[i], part) == 0) return true;
    return argc == 1;
  };
  if (wanted("copy")) bench::copies();
  if (wanted("policy")) bench::policy_losses();
  if (wanted("advantages")) {
    bench::advantages(256, 1024);
    bench::advantages(8, 1024);
  }
  if (wanted("linear")) {
    bench::linear_loss(32000);
    bench::linear_loss(128256);
  }
  return 0;
}
