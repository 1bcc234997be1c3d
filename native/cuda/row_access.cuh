// SPDX-License-Identifier: Apache-2.0
// Rows of F32 or BF16 in 16-byte vectors, at any alignment and length, without touching a byte outside the row.
//
// Reading for the statistics goes by *groups*: group g holds elements [g kCount, (g + 1) kCount) of the row wherever the row lies in memory.
// So which thread adds up which elements, and with it every bit of the sums, depends on the length of the row alone.
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
};

template <>
struct Lanes<math::bf16> {
  static constexpr int kCount = 8;
  static constexpr uint32_t kMinusInfinity = 0xff80ff80u;

  static __device__ __forceinline__ void unpack_two(uint32_t u, float& low, float& high) {
    low = __uint_as_float(u << 16);
    high = __uint_as_float(u & 0xffff0000u);
  }
  static __device__ __forceinline__ void unpack(const uint4& v, float (&x)[kCount]) {
    unpack_two(v.x, x[0], x[1]);
    unpack_two(v.y, x[2], x[3]);
    unpack_two(v.z, x[4], x[5]);
    unpack_two(v.w, x[6], x[7]);
  }
  static __device__ __forceinline__ uint4 pack(const float (&x)[kCount]) {
    return make_uint4(pack_bf16(x[0], x[1]), pack_bf16(x[2], x[3]), pack_bf16(x[4], x[5]), pack_bf16(x[6], x[7]));
  }
};

/// Bytes by which p lies past a 16-byte boundary.
__device__ __forceinline__ uint32_t misalignment(const void* p) { return static_cast<uint32_t>(reinterpret_cast<uintptr_t>(p) & 15u); }

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
  __device__ __forceinline__ uint4 straddling(int g) const {
    const uint4 a = load_keep(vectors + g);
    const uint4 b = load_keep(vectors + g + 1);
    uint32_t w[7] = {a.x, a.y, a.z, a.w, b.x, b.y, b.z};
    uint32_t last = b.w;
    if (shift & 8u) {
#pragma unroll
      for (int i = 0; i < 5; ++i) w[i] = w[i + 2];
      w[5] = last;
    }
    if (shift & 4u) {
#pragma unroll
      for (int i = 0; i < 5; ++i) w[i] = w[i + 1];
    }
    const uint32_t bits = (shift & 2u) * 8u;
    return make_uint4(funnel_right(w[0], w[1], bits), funnel_right(w[1], w[2], bits), funnel_right(w[2], w[3], bits),
                      funnel_right(w[3], w[4], bits));
  }

  /// Any group, also beyond the row.
  __device__ __forceinline__ uint4 any(int g) const {
    constexpr uint32_t kFill = Lanes<T>::kMinusInfinity;
    if (plain(g, g)) return shift == 0 ? aligned(g) : straddling(g);
    return g < groups ? edge(g) : make_uint4(kFill, kFill, kFill, kFill);
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
template <typename T, int THREADS>
__device__ __forceinline__ void fill_row(T* row, int width, float value) {
  constexpr int kCount = Lanes<T>::kCount;
  const AlignedCut cut = AlignedCut::of(row, width);
  float all[kCount];
#pragma unroll
  for (int i = 0; i < kCount; ++i) all[i] = value;
  const uint4 packed = Lanes<T>::pack(all);
  uint4* const body = reinterpret_cast<uint4*>(row + cut.head);
  const int thread = static_cast<int>(threadIdx.x);
  if (thread < cut.head) math::store(row + thread, value);
  for (int v = thread; v < cut.vectors; v += THREADS) store_stream(body + v, packed);
  const int tail = cut.head + cut.vectors * kCount + thread;
  if (tail < width) math::store(row + tail, value);
}

/// out[j] = f(in[j]) for a whole row; all threads of the block take part. `out` may be `in`: element j is read and written by one thread.
/// Vectors where both rows lie alike relative to 16 bytes, else single elements.
template <typename T, int THREADS, typename F>
__device__ __forceinline__ void transform_row(const T* in, T* out, int width, const F& f) {
  constexpr int kCount = Lanes<T>::kCount;
  constexpr int kInFlight = 4;
  const int thread = static_cast<int>(threadIdx.x);
  if (misalignment(in) != misalignment(out)) {
    for (int64_t j = thread; j < width; j += THREADS) math::store(out + j, f(math::to_float(in[j])));
    return;
  }
  const AlignedCut cut = AlignedCut::of(out, width);
  const uint4* const source = reinterpret_cast<const uint4*>(in + cut.head);
  uint4* const target = reinterpret_cast<uint4*>(out + cut.head);
  if (thread < cut.head) math::store(out + thread, f(math::to_float(in[thread])));
  for (int first = thread; first < cut.vectors; first += kInFlight * THREADS) {
    uint4 v[kInFlight];
#pragma unroll
    for (int u = 0; u < kInFlight; ++u)
      if (first + u * THREADS < cut.vectors) v[u] = load_last(source + first + u * THREADS);
#pragma unroll
    for (int u = 0; u < kInFlight; ++u) {
      if (first + u * THREADS < cut.vectors) {
        float x[kCount];
        Lanes<T>::unpack(v[u], x);
#pragma unroll
        for (int i = 0; i < kCount; ++i) x[i] = f(x[i]);
        store_stream(target + first + u * THREADS, Lanes<T>::pack(x));
      }
    }
  }
  const int tail = cut.head + cut.vectors * kCount + thread;
  if (tail < width) math::store(out + tail, f(math::to_float(in[tail])));
}

}  // namespace tppo::cuda
