// SPDX-License-Identifier: Apache-2.0
// The kernel over rows of logits that token_log_probs, policy_loss and nll_loss share.
//
// One block takes one row at a time. It sweeps the row once for the softmax statistics, works out log-prob, entropy and the coefficients of
// the gradient, and sweeps it again, now from L2, to write the gradient. In place is safe: what other threads need of the row (statistics,
// the target's logit) is read before a barrier, and after it every element is read and written by one thread only.
// The second sweep finds the row in L2 as long as the rows in work fit there, hence few, large blocks for long rows (launch_rows).
#pragma once

#include "../math/log_sum_exp.h"
#include "../math/policy_loss.h"
#include "row_access.cuh"
#include "sequences.cuh"

namespace tppo::cuda {

constexpr float kLn2 = 0.69314718055994531f;
constexpr double kLog2E = 1.4426950408889634;
/// Stands for d = -inf where it is multiplied by 2^d = 0.
constexpr float kLowestExponent = -1000.0f;
constexpr int kGroupsInFlight = 4;
/// Threads per multiprocessor: enough for 40 KiB in flight, few enough that each has the registers that it needs.
constexpr int kRowThreads = 640;

/// Softmax statistics of part of a row: m = max x, d = (x - m) scale with scale = log2(e) / temperature, s = sum 2^d, t = sum 2^d d.
/// The part without elements is (-inf, 0, 0). NaN and +inf make s NaN.
struct RowPart {
  float m, s, t;
};

/// The part as seen from a maximum m >= a.m.
__device__ __forceinline__ RowPart raise(const RowPart& a, float m, float scale) {
  if (a.m == m) return a;
  const float k = (a.m - m) * scale;
  const float f = exp2_fast(k);
  // f is 0 also when a.m is -inf; k s would then be -inf 0. A NaN in s survives either way.
  return RowPart{m, product(f, a.s), product(f, f > 0.0f ? fmaf(k, a.s, a.t) : a.s)};
}

/// The union of the lanes' parts, the same bits in every lane.
__device__ __forceinline__ RowPart warp_union(const RowPart& a, float scale) {
  float m = a.m;
#pragma unroll
  for (int distance = kWarp / 2; distance > 0; distance /= 2) m = fmaxf(m, __shfl_xor_sync(kAllLanes, m, distance));
  const RowPart r = raise(a, m, scale);
  return RowPart{m, warp_sum(r.s), warp_sum(r.t)};
}

/// Adds kGroupsInFlight groups to a thread's part.
template <typename T>
__device__ __forceinline__ void add_groups(const uint4 (&groups)[kGroupsInFlight], float scale, RowPart& part) {
  constexpr int kCount = Lanes<T>::kCount;
  float m = part.m;
#pragma unroll
  for (int u = 0; u < kGroupsInFlight; ++u) {
    float x[kCount];
    Lanes<T>::unpack(groups[u], x);
#pragma unroll
    for (int i = 0; i < kCount; ++i) m = fmaxf(m, x[i]);
  }
  // While nothing finite has come, s and t are 0 (or NaN) and count from 0.
  if (part.m == -INFINITY)
    part.m = m;
  else
    part = raise(part, m, scale);
  const float from = m == -INFINITY ? 0.0f : m;
  // Two chains each, for the latency of addition.
  float s[2] = {0.0f, 0.0f}, t[2] = {0.0f, 0.0f};
#pragma unroll
  for (int u = 0; u < kGroupsInFlight; ++u) {
    float x[kCount];
    Lanes<T>::unpack(groups[u], x);
#pragma unroll
    for (int i = 0; i < kCount; ++i) {
      const float d = (x[i] - from) * scale;
      const float e = exp2_fast(d);
      s[i % 2] += e;
      t[i % 2] = fmaf(e, fmaxf(d, kLowestExponent), t[i % 2]);
    }
  }
  part.s += s[0] + s[1];
  part.t += t[0] + t[1];
}

/// This thread's part of a row.
template <typename T, int THREADS>
__device__ __forceinline__ RowPart thread_part(const GroupReader<T>& reader, float scale) {
  RowPart part{-INFINITY, 0.0f, 0.0f};
  for (int first = static_cast<int>(threadIdx.x); first < reader.groups; first += kGroupsInFlight * THREADS) {
    uint4 groups[kGroupsInFlight];
    if (!reader.plain(first, first + (kGroupsInFlight - 1) * THREADS)) {
#pragma unroll
      for (int u = 0; u < kGroupsInFlight; ++u) groups[u] = reader.any(first + u * THREADS);
    } else if (reader.shift == 0) {
#pragma unroll
      for (int u = 0; u < kGroupsInFlight; ++u) groups[u] = reader.aligned(first + u * THREADS);
    } else {
#pragma unroll
      for (int u = 0; u < kGroupsInFlight; ++u) groups[u] = reader.straddling(first + u * THREADS);
    }
    add_groups<T>(groups, scale, part);
  }
  return part;
}

/// The union of all threads' parts, the same bits in every thread. `shared`: 3 floats a warp, free again after the next barrier.
template <int THREADS>
__device__ __forceinline__ RowPart block_union(const RowPart& mine, float scale, float* shared) {
  constexpr int kWarps = THREADS / kWarp;
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int warp = static_cast<int>(threadIdx.x) / kWarp;
  const RowPart part = warp_union(mine, scale);
  if (lane == 0) {
    shared[3 * warp] = part.m;
    shared[3 * warp + 1] = part.s;
    shared[3 * warp + 2] = part.t;
  }
  __syncthreads();
  RowPart one{-INFINITY, 0.0f, 0.0f};
  if (lane < kWarps) one = RowPart{shared[3 * lane], shared[3 * lane + 1], shared[3 * lane + 2]};
  return warp_union(one, scale);
}

/// What a row's loss asks of its gradient: g = d loss / d logprob, h = -d loss / d entropy.
struct RowSlopes {
  float g, h;
  bool bad;
};

/// Arguments of row_kernel. `Head` says which rows count and what loss stands on them:
///   static constexpr bool kGradient
///   __device__ void begin(double* shared)                          once per block and thread; may use barriers
///   __device__ bool counts(int64_t row) const                      the same answer for all threads
///   __device__ Inputs load(int64_t row) const                      per-row inputs, read early so that their latency is hidden
///   __device__ RowSlopes slopes(const Inputs&, float logprob, float entropy) const
template <typename T>
struct RowArgs {
  const T* logits;
  T* grad;  // nullable; only with Head::kGradient
  int64_t rows, logits_stride, grad_stride;
  const int64_t* targets;
  float* logprob;  // nullable, NaN at bad rows
  float* entropy;  // nullable, NaN at bad rows
  int width;
  float scale;  // log2(e) / temperature
  float inverse_temperature;
  bool zero_bad_rows;
};

/// Log-prob and entropy of a row; NaN for a row without a distribution or target.
struct RowResult {
  float logprob, entropy, s;
};

__device__ __forceinline__ RowResult row_result(const RowPart& part, bool known_target, float target_logit, float inverse_temperature) {
  // Counted from the maximum, so that no large number is added to ln s.
  const math::LogSumExp<float> sums{0.0f, part.s, product(part.t, kLn2)};
  if (math::lse_bad(sums) || !math::finite(part.m) || !known_target) return RowResult{NAN, NAN, NAN};
  return RowResult{math::lse_log_prob(sums, product(target_logit - part.m, inverse_temperature)), math::lse_entropy(sums), part.s};
}

/// Writes one gradient row; all threads of the block take part, and one barrier is passed.
template <typename T, int THREADS>
__device__ __forceinline__ void write_gradient(const RowArgs<T>& a, const T* in, T* out, int target, float m, const RowResult& row,
                                               const RowSlopes& slopes) {
  const math::GradientRow<float> c = math::gradient_row(slopes.g, slopes.h, row.s, row.entropy, a.inverse_temperature);
  const float per_d = c.per_d * kLn2;  // d is in log2 here
  if (per_d == 0.0f) {
    transform_row<T, THREADS>(in, out, a.width, [&](float x) { return exp2_fast((x - m) * a.scale) * c.constant; });
  } else {
    transform_row<T, THREADS>(in, out, a.width, [&](float x) {
      const float d = (x - m) * a.scale;
      return exp2_fast(d) * fmaf(per_d, fmaxf(d, kLowestExponent), c.constant);
    });
  }
  __syncthreads();
  if (threadIdx.x == 0) {
    // 1 - p must not be formed from a rounded p: the row may be all but certain.
    const float p = expf(row.logprob);
    const float entropy_part = p > 0.0f ? slopes.h * p * (row.logprob + row.entropy) : 0.0f;
    math::store(out + target, (entropy_part - slopes.g * expm1f(row.logprob)) * a.inverse_temperature);
  }
}

/// The target's column, or -1 where the array names none.
__device__ __forceinline__ int target_column(int64_t target, int width) { return target >= 0 && target < width ? static_cast<int>(target) : -1; }

constexpr size_t row_shared_bytes(int threads) { return sizeof(float) * 3 * (threads / kWarp); }

template <typename T, int THREADS, typename Head>
__global__ void __launch_bounds__(THREADS, kRowThreads / THREADS) row_kernel(RowArgs<T> a, Head head) {
  TPPO_SHARED(float, shared);
  head.begin(reinterpret_cast<double*>(shared));
  for (int64_t i = blockIdx.x; i < a.rows; i += gridDim.x) {
    const bool writes = Head::kGradient && a.grad != nullptr;
    T* const out = writes ? a.grad + i * a.grad_stride : nullptr;
    if (!head.counts(i)) {
      if (writes) fill_row<T, THREADS>(out, a.width, 0.0f);
      if (threadIdx.x == 0) {
        if (a.logprob != nullptr) a.logprob[i] = 0.0f;
        if (a.entropy != nullptr) a.entropy[i] = 0.0f;
      }
      continue;
    }
    const T* const in = a.logits + i * a.logits_stride;
    const typename Head::Inputs inputs = head.load(i);
    const int target = target_column(a.targets[i], a.width);
    const float target_logit = target >= 0 ? math::to_float(in[target]) : 0.0f;
    const RowPart part = block_union<THREADS>(thread_part<T, THREADS>(GroupReader<T>(in, a.width), a.scale), a.scale, shared);
    const RowResult row = row_result(part, target >= 0, target_logit, a.inverse_temperature);
    if (threadIdx.x == 0) {
      if (a.logprob != nullptr) a.logprob[i] = row.logprob;
      if (a.entropy != nullptr) a.entropy[i] = row.entropy;
    }
    if (writes) {
      const RowSlopes slopes = head.slopes(inputs, row.logprob, row.entropy);
      if (slopes.bad)
        fill_row<T, THREADS>(out, a.width, a.zero_bad_rows ? 0.0f : NAN);
      else if (slopes.g == 0.0f && slopes.h == 0.0f)
        fill_row<T, THREADS>(out, a.width, 0.0f);
      else
        write_gradient<T, THREADS>(a, in, out, target, part.m, row, slopes);
    }
    __syncthreads();  // `shared` is free for the next row
  }
}

/// Head of a call that wants no gradient.
struct NoLoss {
  static constexpr bool kGradient = false;
  struct Inputs {};
  const uint8_t* mask;
  const float* weights;  // nullable; rows of weight 0 are as masked

  __device__ void begin(double*) const {}
  __device__ bool counts(int64_t row) const { return tppo::cuda::counts(mask, row) && (weights == nullptr || weights[row] != 0.0f); }
  __device__ Inputs load(int64_t) const { return Inputs{}; }
  __device__ RowSlopes slopes(const Inputs&, float, float) const { return RowSlopes{0.0f, 0.0f, false}; }
};

/// Widest row: beyond it a column index times the threads in flight would leave 32 bits.
constexpr int64_t kWidestRow = int64_t{1} << 28;

/// Enqueues row_kernel. The number of threads depends on the row's bytes alone: it decides the bits of the sums. Up to 16 KiB four
/// blocks share a multiprocessor, up to 128 KiB two, and beyond that each has one, so that all rows in work stay within the L2 of large GPUs.
template <typename T, typename Head>
void launch_rows(Launcher& launch, const RowArgs<T>& a, const Head& head) {
  if (a.rows == 0) return;
  const int64_t bytes = static_cast<int64_t>(a.width) * static_cast<int64_t>(sizeof(T));
  const int threads = bytes <= 16 * 1024 ? kRowThreads / 4 : bytes <= 128 * 1024 ? kRowThreads / 2 : kRowThreads;
  const int64_t resident = static_cast<int64_t>(launch.multiprocessors()) * (kRowThreads / threads);
  const Grid grid{a.rows < resident ? a.rows : resident, threads, row_shared_bytes(threads)};
  if (threads == kRowThreads / 4)
    launch(row_kernel<T, kRowThreads / 4, Head>, grid, a, head);
  else if (threads == kRowThreads / 2)
    launch(row_kernel<T, kRowThreads / 2, Head>, grid, a, head);
  else
    launch(row_kernel<T, kRowThreads, Head>, grid, a, head);
}

/// The fields that the arguments of all three operations have in common.
template <typename T, typename Args>
RowArgs<T> row_args(const Args& a, float* logprob, float* entropy) {
  RowArgs<T> r = {};
  r.logits = static_cast<const T*>(a.logits);
  r.rows = a.num_tokens;
  r.logits_stride = a.logits_stride;
  r.targets = a.targets;
  r.logprob = logprob;
  r.entropy = entropy;
  r.width = static_cast<int>(a.vocab_size);
  r.scale = static_cast<float>(kLog2E / a.temperature);
  r.inverse_temperature = static_cast<float>(1.0 / a.temperature);
  return r;
}

/// Enqueue the forward-only kernel, which is compiled once (token_log_probs.cu).
void launch_no_loss(Launcher& launch, const RowArgs<float>& a, const NoLoss& head);
void launch_no_loss(Launcher& launch, const RowArgs<math::bf16>& a, const NoLoss& head);

template <typename Args>
void launch_log_probs(Launcher& launch, const Args& a, const NoLoss& head, float* logprob, float* entropy) {
  if (a.dtype == TPPO_BF16)
    launch_no_loss(launch, row_args<math::bf16>(a, logprob, entropy), head);
  else
    launch_no_loss(launch, row_args<float>(a, logprob, entropy), head);
}

/// Enqueues the kernel that also writes a.grad_logits.
template <typename T, typename Args, typename Head>
void launch_gradient(Launcher& launch, const Args& a, const Head& head, float* logprob, float* entropy) {
  RowArgs<T> r = row_args<T>(a, logprob, entropy);
  r.grad = static_cast<T*>(a.grad_logits);
  r.grad_stride = a.grad_stride;
  r.zero_bad_rows = a.zero_bad_rows != 0;
  launch_rows(launch, r, head);
}

/// TPPO_OK, or the refusal of a vocabulary that the kernel cannot index.
template <typename Args>
int32_t check_width(const char* operation, const Args& a) {
  if (a.vocab_size <= kWidestRow) return TPPO_OK;
  return fail(TPPO_UNSUPPORTED, "%s: vocab_size is %lld, CUDA offers up to %lld", operation, static_cast<long long>(a.vocab_size),
              static_cast<long long>(kWidestRow));
}

}  // namespace tppo::cuda
