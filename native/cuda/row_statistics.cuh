// SPDX-License-Identifier: Apache-2.0
// Softmax statistics of a row of logits, merged in a fixed order, and what follows from them. Every sum is formed by explicit operations, so
// that each kernel that forms it gets the same bits.
#pragma once

#include "../math/log_sum_exp.h"
#include "row.cuh"
#include "row_access.cuh"

namespace tppo::cuda {

constexpr float kLn2 = 0.69314718055994531f;
/// Stands for d = -inf where it is multiplied by 2^d = 0.
constexpr float kLowestExponent = -1000.0f;

/// Softmax statistics of part of a row: m = max x, d = (x - m) scale with scale = log2(e) / temperature, s = sum 2^d, t = sum 2^d d.
/// The part without elements is (-inf, 0, 0). NaN and +inf make s NaN.
struct RowPart {
  float m, s, t;
};

__device__ __forceinline__ RowPart empty_part() { return RowPart{-INFINITY, 0.0f, 0.0f}; }

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

/// Adds COUNT groups to a thread's part.
template <typename T, int COUNT>
__device__ __forceinline__ void add_groups(const uint4 (&groups)[COUNT], float scale, RowPart& part) {
  constexpr int kCount = Lanes<T>::kCount;
  uint4 w = groups[0];
#pragma unroll
  for (int u = 1; u < COUNT; ++u)
    w = make_uint4(Lanes<T>::larger(w.x, groups[u].x), Lanes<T>::larger(w.y, groups[u].y), Lanes<T>::larger(w.z, groups[u].z),
                   Lanes<T>::larger(w.w, groups[u].w));
  const float m = fmaxf(part.m, Lanes<T>::largest(Lanes<T>::larger(Lanes<T>::larger(w.x, w.y), Lanes<T>::larger(w.z, w.w))));
  // While nothing finite has come, s and t are 0 (or NaN) and count from 0.
  if (part.m == -INFINITY)
    part.m = m;
  else
    part = raise(part, m, scale);
  const float from = m == -INFINITY ? 0.0f : m;
  // Two chains each, for the latency of addition.
  float s[2] = {0.0f, 0.0f}, t[2] = {0.0f, 0.0f};
#pragma unroll
  for (int u = 0; u < COUNT; ++u) {
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

constexpr int kRowParts = 32;  // warps of a block, at most

/// Shared memory of the row kernels.
struct RowShared {
  float warps[3 * kRowParts];
  float ranks[3 * 8];
  // What the first warp tells the others.
  float m, constant, per_d, at_target, fill;
  int32_t writes;  // 1: the gradient, 0: `fill`
};

__device__ __forceinline__ void put_part(float* slot, const RowPart& part) {
  slot[0] = part.m;
  slot[1] = part.s;
  slot[2] = part.t;
}

/// The union of `count` parts that lie in shared memory, in every lane of the calling warp.
__device__ __forceinline__ RowPart union_of(const float* parts, int count, float scale) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  RowPart part = empty_part();
  if (lane < count) part = RowPart{parts[3 * lane], parts[3 * lane + 1], parts[3 * lane + 2]};
  return warp_union(part, scale);
}

/// The union of the block's parts in its first warp; a barrier is passed, and other warps get nothing of use.
__device__ __forceinline__ RowPart block_union(const RowPart& mine, float scale, RowShared* shared) {
  const RowPart part = warp_union(mine, scale);
  if (threadIdx.x % kWarp == 0) put_part(shared->warps + 3 * (threadIdx.x / kWarp), part);
  __syncthreads();
  return threadIdx.x < kWarp ? union_of(shared->warps, static_cast<int>(blockDim.x) / kWarp, scale) : empty_part();
}

/// What the first warp reads early of a row, so that the latency is hidden and no gradient has been written over it.
struct RowInputs {
  int target;  // column, or -1 where the array names none
  float target_logit;
  RowLoss::Inputs loss;
};

template <typename T>
__device__ __forceinline__ RowInputs row_inputs(const RowArgs<T>& a, const RowLoss& loss, const T* in, int64_t token) {
  RowInputs r = {-1, 0.0f, {}};
  const int64_t target = a.targets[token];
  if (target >= 0 && target < a.width) r.target = static_cast<int>(target);
  if (r.target >= 0) r.target_logit = math::to_float(in[r.target]);
  if (a.grad != nullptr) r.loss = loss.load(token);
  return r;
}

/// Log-prob and entropy of a row, NaN for a row without a distribution or target, and from them the coefficients of its gradient. For the
/// first warp; the others read `shared` after a barrier. `stores`: this block stores the per-token results.
template <typename T>
__device__ __forceinline__ void row_outcome(const RowArgs<T>& a, const RowLoss& loss, const RowInputs& in, const RowPart& part, int64_t token,
                                            bool stores, RowShared* shared) {
  // Counted from the maximum, so that no large number is added to ln s.
  const math::LogSumExp<float> sums{0.0f, part.s, product(part.t, kLn2)};
  float logprob = NAN, entropy = NAN;
  if (!math::lse_bad(sums) && math::finite(part.m) && in.target >= 0) {
    logprob = math::lse_log_prob(sums, product(in.target_logit - part.m, a.inverse_temperature));
    entropy = math::lse_entropy(sums);
  }
  if (threadIdx.x != 0) return;
  if (stores) {
    a.logprob[token] = logprob;
    a.entropy[token] = entropy;
  }
  if (a.grad == nullptr) return;
  const RowSlopes slopes = loss.slopes(in.loss, logprob, entropy);
  shared->writes = !slopes.bad && (slopes.g != 0.0f || slopes.h != 0.0f) ? 1 : 0;
  shared->fill = slopes.bad && !a.zero_bad_rows ? NAN : 0.0f;
  const math::GradientRow<float> c = math::gradient_row(slopes.g, slopes.h, part.s, entropy, a.inverse_temperature);
  shared->m = part.m;
  shared->constant = c.constant;
  shared->per_d = product(c.per_d, kLn2);  // d is in log2 here
  shared->at_target = math::gradient_at_target(slopes.g, slopes.h, logprob, entropy, a.inverse_temperature);
}

/// One element of the gradient row, all but the target's. Without ENTROPY per_d is 0, and the bits are those of the longer form.
template <bool ENTROPY>
__device__ __forceinline__ float gradient_element(float x, float m, float scale, float constant, float per_d) {
  const float d = (x - m) * scale;
  const float e = exp2_fast(d);
  return product(e, ENTROPY ? fmaf(per_d, fmaxf(d, kLowestExponent), constant) : constant);
}

/// The gradient of a group.
template <typename T, bool ENTROPY>
__device__ __forceinline__ uint4 gradient_group(const uint4& group, float m, float scale, float constant, float per_d) {
  float x[Lanes<T>::kCount];
  Lanes<T>::unpack(group, x);
#pragma unroll
  for (int i = 0; i < Lanes<T>::kCount; ++i) x[i] = gradient_element<ENTROPY>(x[i], m, scale, constant, per_d);
  return Lanes<T>::pack(x);
}

}  // namespace tppo::cuda
