// SPDX-License-Identifier: Apache-2.0
// Rows of F32, BF16 or F16 in 16-byte vectors, at any alignment and length, without touching a byte outside the row.
//
// Rows are dealt out by *groups*: group g holds elements [g kCount, (g + 1) kCount) of the row wherever the row lies in memory. So which
// thread adds up which elements, and with it every bit of the sums, depends on the length of the row alone.
#pragma once

#include "gpu.cuh"

namespace tppo::cuda {

/// The elements of a 16-byte vector.
template <typename T>
struct Lanes;

template <>
struct Lanes<float> {
  static constexpr int kCount = 4;
  static constexpr uint32_t kMinusInfinity = 0xff800000u;

  static __device__ __forceinline__ void unpack(const uint4& v, float (&x)[kCount]) {
    x[0] = __uint_as_float(v.x);
    x[1] = __uint_as_float(v.y);
    x[2] = __uint_as_float(v.z);
    x[3] = __uint_as_float(v.w);
  }
  static __device__ __forceinline__ uint4 pack(const float (&x)[kCount]) {
    return make_uint4(__float_as_uint(x[0]), __float_as_uint(x[1]), __float_as_uint(x[2]), __float_as_uint(x[3]));
  }
  /// Largest element of a word, and the words of a running maximum. Both drop NaN.
  static __device__ __forceinline__ float largest(uint32_t word) { return __uint_as_float(word); }
  static __device__ __forceinline__ uint32_t larger(uint32_t a, uint32_t b) {
    return __float_as_uint(fmaxf(__uint_as_float(a), __uint_as_float(b)));
  }
};

/// What the two 16-bit types have in common; Half has unpack_two, pack_two and larger.
template <typename Half>
struct HalfLanes {
  static constexpr int kCount = 8;

  static __device__ __forceinline__ void unpack(const uint4& v, float (&x)[kCount]) {
    Half::unpack_two(v.x, x[0], x[1]);
    Half::unpack_two(v.y, x[2], x[3]);
    Half::unpack_two(v.z, x[4], x[5]);
    Half::unpack_two(v.w, x[6], x[7]);
  }
  static __device__ __forceinline__ uint4 pack(const float (&x)[kCount]) {
    return make_uint4(Half::pack_two(x[0], x[1]), Half::pack_two(x[2], x[3]), Half::pack_two(x[4], x[5]), Half::pack_two(x[6], x[7]));
  }
  static __device__ __forceinline__ float largest(uint32_t word) {
    float low, high;
    Half::unpack_two(word, low, high);
    return fmaxf(low, high);
  }
};

template <>
struct Lanes<math::bf16> : HalfLanes<Lanes<math::bf16>> {
  static constexpr uint32_t kMinusInfinity = 0xff80ff80u;

  static __device__ __forceinline__ void unpack_two(uint32_t u, float& low, float& high) {
    low = __uint_as_float(u << 16);
    high = __uint_as_float(u & 0xffff0000u);
  }
  static __device__ __forceinline__ uint32_t pack_two(float low, float high) { return pack_bf16(low, high); }
  static __device__ __forceinline__ uint32_t larger(uint32_t a, uint32_t b) { return max_bf16x2(a, b); }
};

template <>
struct Lanes<math::f16> : HalfLanes<Lanes<math::f16>> {
  static constexpr uint32_t kMinusInfinity = 0xfc00fc00u;

  static __device__ __forceinline__ void unpack_two(uint32_t u, float& low, float& high) { unpack_f16(u, low, high); }
  static __device__ __forceinline__ uint32_t pack_two(float low, float high) { return pack_f16(low, high); }
  static __device__ __forceinline__ uint32_t larger(uint32_t a, uint32_t b) { return max_f16x2(a, b); }
};

/// A vector of -inf.
template <typename T>
__device__ __forceinline__ uint4 nothing() {
  constexpr uint32_t kFill = Lanes<T>::kMinusInfinity;
  return make_uint4(kFill, kFill, kFill, kFill);
}

/// Bytes by which p lies past a 16-byte boundary.
__device__ __forceinline__ uint32_t misalignment(const void* p) { return static_cast<uint32_t>(reinterpret_cast<uintptr_t>(p) & 15u); }

/// The 16 bytes from byte `start` (0 to 15, a multiple of 2) of the 32 bytes a, b.
__device__ __forceinline__ uint4 cut_out(const uint4& a, const uint4& b, uint32_t start) {
  uint32_t w[7] = {a.x, a.y, a.z, a.w, b.x, b.y, b.z};
  if (start & 8u) {
#pragma unroll
    for (int i = 0; i < 5; ++i) w[i] = w[i + 2];
    w[5] = b.w;
  }
  if (start & 4u) {
#pragma unroll
    for (int i = 0; i < 5; ++i) w[i] = w[i + 1];
  }
  const uint32_t bits = (start & 2u) * 8u;
  return make_uint4(funnel_right(w[0], w[1], bits), funnel_right(w[1], w[2], bits), funnel_right(w[2], w[3], bits), funnel_right(w[3], w[4], bits));
}

/// Groups of a row, padded with -inf.
template <typename T>
struct GroupReader {
  static constexpr int kCount = Lanes<T>::kCount;

  const T* row;
  const uint4* vectors;  // the 16-byte boundary at or before the row
  uint32_t shift;        // bytes from there to the row
  int width, groups;
  int first_plain, end_plain;  // these groups lie in vectors that lie in the row

  __device__ GroupReader(const T* address, int elements) : row(address), width(elements) {
    shift = misalignment(address);
    vectors = reinterpret_cast<const uint4*>(reinterpret_cast<uintptr_t>(address) & ~static_cast<uintptr_t>(15));
    groups = (width + kCount - 1) / kCount;
    first_plain = shift == 0 ? 0 : 1;
    end_plain = (width + static_cast<int>(shift / sizeof(T))) / kCount - (shift == 0 ? 0 : 1);
  }

  __device__ __forceinline__ bool plain(int first, int last) const { return first >= first_plain && last < end_plain; }

  /// Group g, to be called for plain groups of a row with shift 0.
  __device__ __forceinline__ uint4 aligned(int g) const { return load_keep(vectors + g); }

  /// Group g, to be called for plain groups: cut out of the two vectors that it straddles.
  __device__ __forceinline__ uint4 straddling(int g) const { return cut_out(load_keep(vectors + g), load_keep(vectors + g + 1), shift); }

  /// Any group, also beyond the row.
  __device__ __forceinline__ uint4 any(int g) const {
    if (plain(g, g)) return shift == 0 ? aligned(g) : straddling(g);
    return g < groups ? edge(g) : nothing<T>();
  }

 private:
  /// A group at either end of the row, element by element.
  __device__ __forceinline__ uint4 edge(int g) const {
    constexpr uint32_t kFill = Lanes<T>::kMinusInfinity;
    uint32_t w[4] = {kFill, kFill, kFill, kFill};
#pragma unroll
    for (int i = 0; i < kCount; ++i) {
      const int64_t j = static_cast<int64_t>(g) * kCount + i;
      if (j < width) {
        if constexpr (sizeof(T) == 4)
          w[i] = __float_as_uint(row[j]);
        else
          w[i / 2] = i % 2 == 0 ? (w[i / 2] & 0xffff0000u) | row[j].bits : (w[i / 2] & 0xffffu) | static_cast<uint32_t>(row[j].bits) << 16;
      }
    }
    return make_uint4(w[0], w[1], w[2], w[3]);
  }
};

/// Elements [begin, end) of a packed group to p[0], p[1], ...; p is where the group would begin.
template <typename T>
__device__ __forceinline__ void store_elements(T* p, const uint4& group, int begin, int end) {
  constexpr int kCount = Lanes<T>::kCount;
  const uint32_t w[4] = {group.x, group.y, group.z, group.w};
#pragma unroll
  for (int i = 0; i < kCount; ++i) {
    if (i < begin || i >= end) continue;
    if constexpr (sizeof(T) == 4)
      p[i] = __uint_as_float(w[i]);
    else
      p[i].bits = static_cast<uint16_t>(i % 2 == 0 ? w[i / 2] : w[i / 2] >> 16);
  }
}

/// Stores the group that begins at p, of which the row has `count` elements (0 to kCount); to be called by whole warps whose lanes hold
/// groups that follow one another. Where groups do not lie on 16-byte boundaries, each lane stores the vector that its group shares with the
/// group of the lane before it, and only the ends of the warp and of the row go element by element.
template <typename T>
__device__ __forceinline__ void store_group(T* p, const uint4& group, int count) {
  constexpr int kCount = Lanes<T>::kCount;
  const uint32_t shift = misalignment(p);
  if (shift == 0) {
    if (count == kCount)
      store_stream(reinterpret_cast<uint4*>(p), group);
    else
      store_elements(p, group, 0, count);
    return;
  }
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int lead = static_cast<int>((16u - shift) / sizeof(T));  // elements before the boundary inside the group
  uint4 before;
  before.x = __shfl_up_sync(kAllLanes, group.x, 1);
  before.y = __shfl_up_sync(kAllLanes, group.y, 1);
  before.z = __shfl_up_sync(kAllLanes, group.z, 1);
  before.w = __shfl_up_sync(kAllLanes, group.w, 1);
  const bool shares = lane > 0 && count >= lead;
  const unsigned sharing = __ballot_sync(kAllLanes, shares);
  const bool next_shares = lane + 1 < kWarp && (sharing >> (lane + 1) & 1u) != 0;
  if (shares) {
    uint4* const boundary = reinterpret_cast<uint4*>(reinterpret_cast<uintptr_t>(p) & ~static_cast<uintptr_t>(15));
    store_stream(boundary, cut_out(before, group, 16u - shift));
  }
  store_elements(p, group, shares ? lead : 0, next_shares && count > lead ? lead : count);
}

/// A row to be written, cut at 16-byte boundaries: elements [0, head), `vectors` whole vectors, the rest.
struct AlignedCut {
  int head, vectors;

  template <typename T>
  static __device__ __forceinline__ AlignedCut of(const T* row, int width) {
    const int head = static_cast<int>(((16u - misalignment(row)) & 15u) / sizeof(T));
    return head >= width ? AlignedCut{width, 0} : AlignedCut{head, (width - head) / Lanes<T>::kCount};
  }
};

/// Writes `value` to a whole row; all threads of the block take part.
template <typename T>
__device__ __forceinline__ void fill_row(T* row, int width, float value) {
  constexpr int kCount = Lanes<T>::kCount;
  const AlignedCut cut = AlignedCut::of(row, width);
  float all[kCount];
#pragma unroll
  for (int i = 0; i < kCount; ++i) all[i] = value;
  const uint4 packed = Lanes<T>::pack(all);
  uint4* const body = reinterpret_cast<uint4*>(row + cut.head);
  const int thread = static_cast<int>(threadIdx.x);
  const int threads = static_cast<int>(blockDim.x);
  if (thread < cut.head) math::store(row + thread, value);
  for (int v = thread; v < cut.vectors; v += threads) store_stream(body + v, packed);
  const int tail = cut.head + cut.vectors * kCount + thread;
  if (tail < width) math::store(row + tail, value);
}

}  // namespace tppo::cuda
