// SPDX-License-Identifier: Apache-2.0
// Body of the decoder's kernels; the including file sets TPPO_DECODER_KERNELS (the table's name) and is compiled for its instruction set.
//
// A dot product runs along kLanes chains of fused multiply-adds, in blocks of kDepthBlock; a block's lanes are added up in the fixed tree of
// sum_lanes, and the blocks in order. That needs no packing of the weights, so that one row costs no more than reading them, and the
// order is the same in tiles of many rows.
#include <type_traits>

#include "decoder_kernels.h"
#include "vector.inl"

namespace tppo::cpu {
namespace {

typedef uint16_t H __attribute__((vector_size(kLanes * 2)));

constexpr int64_t kDepthBlock = 1024;
/// Half of the nearest cache in bytes.
constexpr int64_t kNearest = 16 << 10;
constexpr int kTileRows = 4;
/// Columns of a tile: the sums of kTileRows rows fill half of the registers; with fewer rows there are more, since a chain must wait for itself.
template <int kRows>
constexpr int tile_columns() {
  return kRows == 1 ? 8 : kRows == 2 || kLanes != 8 ? 4 : 2;
}

// kLanes weights in their order.
TPPO_INLINE F load_weights(const float* p) { return load<F>(p); }
TPPO_INLINE F load_weights(const math::bf16* p) { return bits_of<F>(__builtin_convertvector(load<H>(p), U) << 16); }
TPPO_INLINE F load_weights(const math::f16* p) {
#if defined(__AVX512F__)
  return _mm512_cvtph_ps(load<__m256i>(p));
#elif defined(__AVX2__)
  return _mm256_cvtph_ps(load<__m128i>(p));
#else
  return vcvt_f32_f16(load<float16x4_t>(p));
#endif
}

/// The first n < kLanes of them, then zeros.
template <typename T>
TPPO_INLINE F load_some(const T* p, int64_t n) {
  T some[kLanes] = {};
  for (int64_t i = 0; i < n; ++i) some[i] = p[i];
  return load_weights(some);
}

/// Of the lanes of v, those whose index has bit kBit and those that have it not, swapped.
template <int kBit>
TPPO_INLINE F swap_lanes(F v) {
  I order;
  for (int i = 0; i < kLanes; ++i) order[i] = i ^ kBit;
  return __builtin_shuffle(v, order);
}

/// In lanes without bit kBit the sum of two lanes of a, kBit apart; in the others that of b.
template <int kBit>
TPPO_INLINE F add_halves(F a, F b) {
  I low, high;
  for (int i = 0; i < kLanes; ++i) {
    low[i] = (i & kBit) == 0 ? i : i - kBit + kLanes;
    high[i] = (i & kBit) == 0 ? i + kBit : i + kLanes;
  }
  return __builtin_shuffle(a, b, low) + __builtin_shuffle(a, b, high);
}

/// Lane i of the result, i < kCount (a power of two), is the sum of the lanes of v[i]: halves are added, then quarters, and so on.
template <int kCount, int kBit = kLanes / 2, int kSize>
TPPO_INLINE F sum_lanes(F (&v)[kSize]) {
  if constexpr (kBit == 0) {
    return v[0];
  } else if constexpr (kCount > kBit) {
#pragma GCC unroll 16
    for (int i = 0; i < kBit; ++i) v[i] = add_halves<kBit>(v[i], v[i + kBit]);
    return sum_lanes<kBit, kBit / 2>(v);
  } else {
#pragma GCC unroll 16
    for (int i = 0; i < kCount; ++i) v[i] = v[i] + swap_lanes<kBit>(v[i]);
    return sum_lanes<kCount, kBit / 2>(v);
  }
}

template <int kRows, int kColumns, typename T>
void product_tile(const float* x, int64_t x_stride, const T* w, int64_t w_stride, int64_t depth, float* out, int64_t out_stride, bool add) {
  constexpr int kSums = kRows * kColumns, kGroupSums = kSums < kLanes ? kSums : kLanes;
  F sum[kSums];  // in registers, as all loops over it are unrolled
#pragma GCC unroll 16
  for (int i = 0; i < kSums; ++i) sum[i] = splat(0.0f);
  int64_t k = 0;
  for (; k + kLanes <= depth; k += kLanes) {
    F a[kRows];
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) a[r] = load<F>(x + r * x_stride + k);
#pragma GCC unroll 8
    for (int c = 0; c < kColumns; ++c) {
      const F b = load_weights(w + c * w_stride + k);
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r) sum[r * kColumns + c] = fma(a[r], b, sum[r * kColumns + c]);
    }
  }
  if (k < depth)
#pragma GCC unroll 8
    for (int c = 0; c < kColumns; ++c) {
      const F b = load_some(w + c * w_stride + k, depth - k);
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r) sum[r * kColumns + c] = fma(load_some(x + r * x_stride + k, depth - k), b, sum[r * kColumns + c]);
    }
  float sums[kSums < kLanes ? kLanes : kSums];
#pragma GCC unroll 16
  for (int i = 0; i < kSums; i += kGroupSums) {
    F group[kGroupSums];
#pragma GCC unroll 16
    for (int j = 0; j < kGroupSums; ++j) group[j] = sum[i + j];
    store(sums + i, sum_lanes<kGroupSums>(group));
  }
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 8
    for (int c = 0; c < kColumns; ++c) {
      float* const to = out + r * out_stride + c;
      *to = add ? *to + sums[r * kColumns + c] : sums[r * kColumns + c];
    }
}

/// A depth of at most kDepthBlock, all columns of kRows rows.
template <int kRows, typename T>
TPPO_INLINE void product_rows(const float* x, int64_t x_stride, const T* w, int64_t w_stride, int64_t columns, int64_t depth, float* out,
                              int64_t out_stride, bool add) {
  constexpr int kColumns = tile_columns<kRows>();
  int64_t j = 0;
  for (; j + kColumns <= columns; j += kColumns)
    product_tile<kRows, kColumns>(x, x_stride, w + j * w_stride, w_stride, depth, out + j, out_stride, add);
  for (; j < columns; ++j) product_tile<kRows, 1>(x, x_stride, w + j * w_stride, w_stride, depth, out + j, out_stride, add);
}

template <typename T>
void product_block(const float* x, int64_t x_stride, int64_t rows, const T* w, int64_t w_stride, int64_t columns, int64_t depth, float* out,
                   int64_t out_stride, bool add) {
  int64_t i = 0;
  for (; i + kTileRows <= rows; i += kTileRows)
    product_rows<kTileRows>(x + i * x_stride, x_stride, w, w_stride, columns, depth, out + i * out_stride, out_stride, add);
  if (i + 2 <= rows) {
    product_rows<2>(x + i * x_stride, x_stride, w, w_stride, columns, depth, out + i * out_stride, out_stride, add);
    i += 2;
  }
  if (i < rows) product_rows<1>(x + i * x_stride, x_stride, w, w_stride, columns, depth, out + i * out_stride, out_stride, add);
}

template <typename T>
void product(const float* x, int64_t x_stride, int64_t rows, const void* weights, int64_t w_stride, int64_t columns, int64_t depth, float* out,
             int64_t out_stride, bool add) {
  const T* const w = static_cast<const T*>(weights);
  // Weights that every tile of rows comes back to; that they are few columns lets them be read along their rows, as they lie.
  const int64_t fit = kNearest / static_cast<int64_t>(sizeof(T)) / (depth < kDepthBlock ? depth : kDepthBlock) / 8 * 8;
  const int64_t together = fit > 8 ? fit : 8;
  for (int64_t j = 0; j < columns; j += together)
    for (int64_t k = 0; k == 0 || k < depth; k += kDepthBlock)
      product_block(x + k, x_stride, rows, w + j * w_stride + k, w_stride, columns - j < together ? columns - j : together,
                    depth - k < kDepthBlock ? depth - k : kDepthBlock, out + j, out_stride, add || k > 0);
}

template <typename T>
void rms_norm(const float* x, const void* weight, int64_t n, double eps, float* out) {
  const T* const w = static_cast<const T*>(weight);
  F sum = splat(0.0f);
  int64_t k = 0;
  for (; k + kLanes <= n; k += kLanes) sum = fma(load<F>(x + k), load<F>(x + k), sum);
  if (k < n) sum = fma(load_some(x + k, n - k), load_some(x + k, n - k), sum);
  const float inverse = static_cast<float>(1.0 / __builtin_sqrt(sum_of(sum) / static_cast<double>(n) + eps));
  for (k = 0; k + kLanes <= n; k += kLanes) store(out + k, load<F>(x + k) * splat(inverse) * load_weights(w + k));
  for (; k < n; ++k) out[k] = x[k] * inverse * math::to_float(w[k]);
}

template <typename T>
void widen(const void* from, int64_t n, float* to) {
  const T* const w = static_cast<const T*>(from);
  int64_t k = 0;
  for (; k + kLanes <= n; k += kLanes) store(to + k, load_weights(w + k));
  for (; k < n; ++k) to[k] = math::to_float(w[k]);
}

template <typename T>
void add(float* x, const void* bias, int64_t n) {
  const T* const w = static_cast<const T*>(bias);
  int64_t k = 0;
  for (; k + kLanes <= n; k += kLanes) store(x + k, load<F>(x + k) + load_weights(w + k));
  for (; k < n; ++k) x[k] += math::to_float(w[k]);
}

/// Calls f(address of kStep floats) for whole steps of x, and for the rest in a copy that is filled up with `filler`.
template <typename Body>
TPPO_INLINE void for_each_step(float* x, int64_t n, float filler, Body f) {
  int64_t k = 0;
  for (; k + kStep <= n; k += kStep) f(x + k, k);
  if (k == n) return;
  float rest[kStep];
  for (int64_t i = 0; i < kStep; ++i) rest[i] = i < n - k ? x[k + i] : filler;
  f(rest, k);
  for (int64_t i = 0; i < n - k; ++i) x[k + i] = rest[i];
}

void softmax(float* scores, int64_t n, float scale) {
  F largest = splat(-__builtin_inff());
  int64_t k = 0;
  for (; k + kLanes <= n; k += kLanes) largest = max(largest, load<F>(scores + k));
  float lanes[kLanes];
  store(lanes, largest);
  float most = lanes[0];
  for (int i = 1; i < kLanes; ++i) most = lanes[i] > most ? lanes[i] : most;
  for (; k < n; ++k) most = scores[k] > most ? scores[k] : most;
  const F from = splat(most), c = splat(scale * 1.44269504f);
  F sum[2] = {splat(0.0f), splat(0.0f)};
  for_each_step(scores, n, -__builtin_inff(), [&](float* x, int64_t) {
    F v[kGroup], e[kGroup];
    for (int g = 0; g < kGroup; ++g) v[g] = max(splat(-1000.0f), (load<F>(x + g * kLanes) - from) * c);
    exp2_of<5>(v, e);
    for (int g = 0; g < kGroup; ++g) sum[g % 2] += e[g];
    for (int g = 0; g < kGroup; ++g) store(x + g * kLanes, e[g]);
  });
  const float inverse = static_cast<float>(1.0 / sum_of(sum[0] + sum[1]));
  for (k = 0; k < n; ++k) scores[k] *= inverse;
}

void swiglu(float* gate, const float* up, int64_t n) {
  for_each_step(gate, n, 0.0f, [&](float* x, int64_t k) {
    F v[kGroup], e[kGroup];
    // 2^-t for t >= -126, where gate / (1 + 2^126) is as good as 0.
    for (int g = 0; g < kGroup; ++g) v[g] = -max(splat(-126.0f), load<F>(x + g * kLanes) * splat(1.44269504f));
    exp2_of<5>(v, e);
    for (int g = 0; g < kGroup; ++g) store(x + g * kLanes, load<F>(x + g * kLanes) / (splat(1.0f) + e[g]));
    for (int64_t i = 0; i < kStep && k + i < n; ++i) x[i] *= up[k + i];
  });
}

template <int kRows, int kVectors>
TPPO_INLINE void accumulate_tile(const float* p, int64_t p_stride, const float* v, int64_t keys, int64_t width, float* out, int64_t out_stride) {
  F sum[kRows][kVectors];
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 4
    for (int d = 0; d < kVectors; ++d) sum[r][d] = load<F>(out + r * out_stride + d * kLanes);
  for (int64_t k = 0; k < keys; ++k) {
    F x[kVectors];
#pragma GCC unroll 4
    for (int d = 0; d < kVectors; ++d) x[d] = load<F>(v + k * width + d * kLanes);
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) {
      const F weight = splat(p[r * p_stride + k]);
#pragma GCC unroll 4
      for (int d = 0; d < kVectors; ++d) sum[r][d] = fma(weight, x[d], sum[r][d]);
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 4
    for (int d = 0; d < kVectors; ++d) store(out + r * out_stride + d * kLanes, sum[r][d]);
}

template <int kRows>
void accumulate_rows(const float* p, int64_t p_stride, const float* v, int64_t keys, int64_t width, float* out, int64_t out_stride) {
  int64_t d = 0;
  for (; d + 4 * kLanes <= width; d += 4 * kLanes) accumulate_tile<kRows, 4>(p, p_stride, v + d, keys, width, out + d, out_stride);
  for (; d + kLanes <= width; d += kLanes) accumulate_tile<kRows, 1>(p, p_stride, v + d, keys, width, out + d, out_stride);
  if (d == width) return;
  for (int r = 0; r < kRows; ++r) {
    F sum = load_some(out + r * out_stride + d, width - d);
    for (int64_t k = 0; k < keys; ++k) sum = fma(splat(p[r * p_stride + k]), load_some(v + k * width + d, width - d), sum);
    float rest[kLanes];
    store(rest, sum);
    for (int64_t i = d; i < width; ++i) out[r * out_stride + i] = rest[i - d];
  }
}

void accumulate(const float* p, int64_t p_stride, int64_t rows, const float* v, int64_t keys, int64_t width, float* out, int64_t out_stride) {
  constexpr int kRows = kLanes == 8 ? 2 : 4;
  int64_t i = 0;
  for (; i + kRows <= rows; i += kRows) accumulate_rows<kRows>(p + i * p_stride, p_stride, v, keys, width, out + i * out_stride, out_stride);
  for (; i < rows; ++i) accumulate_rows<1>(p + i * p_stride, p_stride, v, keys, width, out + i * out_stride, out_stride);
}

template <typename T>
constexpr WeightKernels kernels_of() {
  return WeightKernels{product<T>, rms_norm<T>, widen<T>, add<T>};
}

}  // namespace

const DecoderKernels TPPO_DECODER_KERNELS = {
    {kernels_of<float>(), kernels_of<math::bf16>(), kernels_of<math::f16>()}, softmax, accumulate, swiglu};

}  // namespace tppo::cpu
