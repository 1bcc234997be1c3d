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

/// (x - m) scale in one operation, x scale - base, for any x up to m. base = m scale is rounded, which puts one and the same error into
/// the exponents of all x; it is taken out of their sums.
struct Exponents {
  float scale, base, error;

  __device__ __forceinline__ Exponents(float m, float wanted_scale) : scale(wanted_scale), base(product(m, wanted_scale)) {
    // Where the error could reach 2^7, a unit in the last place of m is worth an exponent of 2^7 at least: 2^d is 1 at m and 0 elsewhere. So
    // it is with any scale as large, too, such as a power of two, which rounds nothing and takes the base to 2^40.
    if (!(fabsf(base) < 0x1p31f)) {
      // (A temperature is at least 1e-30, so m is at least 2^-69, and the power a normal number.)
      constexpr uint32_t kBias = 127;
      scale = __uint_as_float((40 + 2 * kBias - (__float_as_uint(m) >> 23 & 0xffu)) << 23);
      base = product(m, scale);
    }
    error = fmaf(m, scale, -base);
  }
  __device__ __forceinline__ float operator()(float x) const { return fmaf(x, scale, -base); }
};

/// The union of the lanes' parts, the same bits in every lane.
__device__ __forceinline__ RowPart warp_union(const RowPart& a, float scale) {
  float m = a.m;
#pragma unroll
  for (int distance = kWarp / 2; distance > 0; distance /= 2) m = fmaxf(m, __shfl_xor_sync(kAllLanes, m, distance));
  const RowPart r = raise(a, m, scale);
  return RowPart{m, warp_sum(r.s), warp_sum(r.t)};
}

/// The largest of the elements of two groups, pairwise.
template <typename T>
__device__ __forceinline__ uint4 larger(const uint4& a, const uint4& b) {
  return make_uint4(Lanes<T>::larger(a.x, b.x), Lanes<T>::larger(a.y, b.y), Lanes<T>::larger(a.z, b.z), Lanes<T>::larger(a.w, b.w));
}
template <typename T>
__device__ __forceinline__ float largest(const uint4& v) {
  return Lanes<T>::largest(Lanes<T>::larger(Lanes<T>::larger(v.x, v.y), Lanes<T>::larger(v.z, v.w)));
}

/// The sums of a part whose maximum m is known.
template <typename T>
class PartSums {
 public:
  __device__ __forceinline__ PartSums(float m, float scale) : m_(m), exponents_(m == -INFINITY ? 0.0f : m, scale) {}

  __device__ __forceinline__ void add(const uint4& group) {
    float x[Lanes<T>::kCount];
    Lanes<T>::unpack(group, x);
#pragma unroll
    for (int i = 0; i < Lanes<T>::kCount; ++i) {
      const float d = exponents_(x[i]);
      const float e = exp2_fast(d);
      s_[i % 2] += e;
      t_[i % 2] = fmaf(e, fmaxf(d, kLowestExponent), t_[i % 2]);
    }
  }

  /// Without the error of the exponents. The share of m itself, whose d is the error alone, is put back as the 1 that it is: so a row of one
  /// certain token has no error at all.
  __device__ __forceinline__ RowPart part() const {
    const float error = exponents_.error, of_m = exp2_fast(error), correction = exp2_fast(-error);
    const float s = s_[0] + s_[1] - of_m, t = t_[0] + t_[1] - product(of_m, error);
    return RowPart{m_, fmaf(correction, s, 1.0f), product(correction, fmaf(-error, s, t))};
  }

 private:
  float m_;
  Exponents exponents_;
  float s_[2] = {0.0f, 0.0f}, t_[2] = {0.0f, 0.0f};  // two chains each, for the latency of addition
};

/// The part that COUNT groups are.
template <typename T, int COUNT>
__device__ __forceinline__ RowPart part_of(const uint4 (&groups)[COUNT], float scale) {
  uint4 w = groups[0];
#pragma unroll
  for (int u = 1; u < COUNT; ++u) w = larger<T>(w, groups[u]);
  PartSums<T> sums(largest<T>(w), scale);
#pragma unroll
  for (int u = 0; u < COUNT; ++u) sums.add(groups[u]);
  return sums.part();
}

/// The union of two parts.
__device__ __forceinline__ RowPart both(const RowPart& a, const RowPart& b, float scale) {
  const float m = fmaxf(a.m, b.m);
  const RowPart x = raise(a, m, scale), y = raise(b, m, scale);
  return RowPart{m, x.s + y.s, x.t + y.t};
}

constexpr int kRowParts = 32;  // warps of a block, at most

/// What the first thread reads early of a row, so that the latency is hidden and no gradient has been written over it. In shared memory: its
/// registers are needed.
struct RowInputs {
  int64_t token;
  int target;  // column, or -1 where the array names none
  float target_logit;
  RowLoss::Inputs loss;
};

/// Shared memory of the row kernels.
struct alignas(16) RowShared {
  float parts[3 * kRowParts];
  float ranks[3 * 8];
  RowInputs inputs;
  // What the first warp tells the others.
  float scale, base, constant, per_d, at_target, fill;
  int32_t writes;  // 1: the gradient, 0: `fill`
};

__device__ __forceinline__ void put_part(float* slot, const RowPart& part) {
  slot[0] = part.m;
  slot[1] = part.s;
  slot[2] = part.t;
}

/// Leaves the union of a warp's parts in shared memory.
__device__ __forceinline__ void leave_part(const RowPart& mine, float scale, RowShared* shared) {
  const RowPart part = warp_union(mine, scale);
  if (threadIdx.x % kWarp == 0) put_part(shared->parts + 3 * (threadIdx.x / kWarp), part);
}

/// The union of `count` parts that lie in shared memory, in every lane of the calling warp.
__device__ __forceinline__ RowPart union_of(const float* parts, int count, float scale) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  RowPart part = empty_part();
  if (lane < count) part = RowPart{parts[3 * lane], parts[3 * lane + 1], parts[3 * lane + 2]};
  return warp_union(part, scale);
}

template <typename T>
__device__ __forceinline__ RowInputs row_inputs(const RowArgs<T>& a, const RowLoss& loss, const T* in, int64_t token) {
  RowInputs r = {token, -1, 0.0f, {}};
  const int64_t target = a.targets[token];
  if (target >= 0 && target < a.width) r.target = static_cast<int>(target);
  if (r.target >= 0) r.target_logit = math::to_float(in[r.target]);
  if (a.grad != nullptr) r.loss = loss.load(token);
  return r;
}

/// Log-prob and entropy of a row, NaN for a row without a distribution or target, and from them the coefficients of its gradient. For the
/// first warp; the others read `shared` after a barrier. `stores`: this block stores the per-token results.
template <typename T>
__device__ __forceinline__ void row_outcome(const RowArgs<T>& a, const RowLoss& loss, const RowPart& part, bool stores, RowShared* shared) {
  const RowInputs& in = shared->inputs;
  // Counted from the maximum, so that no large number is added to ln s.
  const math::LogSumExp<float> sums{0.0f, part.s, product(part.t, kLn2)};
  float logprob = NAN, entropy = NAN;
  if (!math::lse_bad(sums) && math::finite(part.m) && in.target >= 0) {
    logprob = math::lse_log_prob(sums, product(in.target_logit - part.m, a.inverse_temperature));
    entropy = math::lse_entropy(sums);
  }
  if (threadIdx.x != 0) return;
  if (stores) {
    a.logprob[in.token] = logprob;
    a.entropy[in.token] = entropy;
  }
  if (a.grad == nullptr) return;
  const Exponents exponents(part.m, a.scale);
  shared->scale = exponents.scale;
  shared->base = exponents.base;
  const RowSlopes slopes = loss.slopes(in.loss, logprob, entropy);
  shared->writes = !slopes.bad && (slopes.g != 0.0f || slopes.h != 0.0f) ? 1 : 0;
  shared->fill = slopes.bad && !a.zero_bad_rows ? NAN : 0.0f;
  const math::GradientRow<float> c = math::gradient_row(slopes.g, slopes.h, part.s, entropy, a.inverse_temperature);
  const float correction = exp2_fast(-exponents.error), per_d = product(c.per_d, kLn2);  // d is in log2 here
  shared->constant = product(correction, fmaf(-exponents.error, per_d, c.constant));
  shared->per_d = product(correction, per_d);
  shared->at_target = math::gradient_at_target(slopes.g, slopes.h, logprob, entropy, a.inverse_temperature);
}

/// What the gradient of a row is made of, as row_outcome left it.
struct GradientTerms {
  float scale, base, constant, per_d;

  __device__ __forceinline__ explicit GradientTerms(const RowShared* shared)
      : scale(shared->scale), base(shared->base), constant(shared->constant), per_d(shared->per_d) {}

  /// One element, all but the target's. Without ENTROPY per_d is 0, and the bits are those of the longer form.
  template <bool ENTROPY>
  __device__ __forceinline__ float element(float x) const {
    const float d = fmaf(x, scale, -base);
    const float e = exp2_fast(d);
    return product(e, ENTROPY ? fmaf(per_d, fmaxf(d, kLowestExponent), constant) : constant);
  }

  template <typename T, bool ENTROPY>
  __device__ __forceinline__ uint4 group(const uint4& group) const {
    float x[Lanes<T>::kCount];
    Lanes<T>::unpack(group, x);
#pragma unroll
    for (int i = 0; i < Lanes<T>::kCount; ++i) x[i] = element<ENTROPY>(x[i]);
    return Lanes<T>::pack(x);
  }
};

}  // namespace tppo::cuda
