// SPDX-License-Identifier: Apache-2.0
// Body of the kernels of the matrix products, on GCC's vector types. The including file sets TPPO_VECTOR_BYTES (width of a register),
// TPPO_TILE_ROWS (rows of a tile; twice as many registers hold its sums) and TPPO_GEMM_KERNELS (the table's name), and is compiled for its
// instruction set. Internal linkage throughout: an inline function shared with another file could be linked in its AVX-512 form and run on a
// CPU without it. As nothing is contracted by the compiler, a chain is of fused multiply-adds where fma() says so.
#if defined(__AVX2__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#include <type_traits>

#include "gemm_kernels.h"
#include "../math/hd.h"

namespace tppo::cpu {
namespace {

#define TPPO_INLINE static inline __attribute__((always_inline))

constexpr int kLanes = TPPO_VECTOR_BYTES / 4;
constexpr int kVectors = 2;  // of a panel's row
constexpr int64_t kWidth = kVectors * kLanes;
constexpr int64_t kLine = 16;  // floats of a cache line
static_assert(kWidth <= kMaxPanelWidth && kMaxPanelWidth % kWidth == 0, "callers round up to the widest panel");

typedef float F __attribute__((vector_size(TPPO_VECTOR_BYTES)));
typedef int32_t I __attribute__((vector_size(TPPO_VECTOR_BYTES)));
typedef uint32_t U __attribute__((vector_size(TPPO_VECTOR_BYTES)));
typedef uint16_t H __attribute__((vector_size(TPPO_VECTOR_BYTES / 2)));

template <typename V, typename T>
TPPO_INLINE V load(const T* p) {
  V v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
TPPO_INLINE void store(float* p, F v) { __builtin_memcpy(p, &v, sizeof v); }
TPPO_INLINE F splat(float x) { return x - F{}; }  // not a sum: -0 + 0 would be 0

#if TPPO_VECTOR_BYTES == 64
TPPO_INLINE F fma(F a, F b, F c) { return _mm512_fmadd_ps(a, b, c); }
#elif TPPO_VECTOR_BYTES == 32
TPPO_INLINE F fma(F a, F b, F c) { return _mm256_fmadd_ps(a, b, c); }
#elif defined(TPPO_GEMM_NEON)
TPPO_INLINE F fma(F a, F b, F c) { return vfmaq_f32(c, a, b); }
#else
TPPO_INLINE F fma(F a, F b, F c) { return a * b + c; }
#endif

// kLanes numbers in their order.
TPPO_INLINE F load_floats(const float* p) { return load<F>(p); }
TPPO_INLINE F load_floats(const math::bf16* p) {
  const U u = __builtin_convertvector(load<H>(p), U) << 16;
  return load<F>(&u);
}
TPPO_INLINE F load_floats(const math::f16* p) {
#if TPPO_VECTOR_BYTES == 64
  return _mm512_cvtph_ps(load<__m256i>(p));
#elif TPPO_VECTOR_BYTES == 32
  return _mm256_cvtph_ps(load<__m128i>(p));
#elif defined(TPPO_GEMM_NEON)
  return vcvt_f32_f16(load<float16x4_t>(p));
#else
  F v;
  for (int i = 0; i < kLanes; ++i) v[i] = math::to_float(p[i]);
  return v;
#endif
}

template <typename T>
void pack_straight(const void* source, int64_t stride, int64_t depth, int64_t columns, float* panel) {
  const T* row = static_cast<const T*>(source);
  if (columns >= kWidth) {
    for (int64_t k = 0; k < depth; ++k, row += stride, panel += kWidth) {
      // The panel beside this one is packed next; rows are too far apart for the processor to guess it.
      for (int64_t j = 0; j < kWidth; j += kLine) __builtin_prefetch(row + kWidth + j, 0, 2);
      for (int j = 0; j < kVectors; ++j) store(panel + j * kLanes, load_floats(row + j * kLanes));
    }
    return;
  }
  for (int64_t k = 0; k < depth; ++k, row += stride, panel += kWidth)
    for (int64_t j = 0; j < kWidth; ++j) panel[j] = j < columns ? math::to_float(row[j]) : 0.0f;
}

/// Swaps the lanes whose index has bit kBit with the vectors whose index has it; over all bits this transposes.
template <int kBit>
TPPO_INLINE void exchange(F (&v)[kLanes]) {
  I low, high;
  for (int i = 0; i < kLanes; ++i) {
    low[i] = (i & kBit) == 0 ? i : i - kBit + kLanes;
    high[i] = (i & kBit) == 0 ? i + kBit : i + kLanes;
  }
#pragma GCC unroll 16
  for (int i = 0; i < kLanes; ++i) {
    if ((i & kBit) != 0) continue;
    const F a = v[i], b = v[i + kBit];
    v[i] = __builtin_shuffle(a, b, low);
    v[i + kBit] = __builtin_shuffle(a, b, high);
  }
}

TPPO_INLINE void transpose(F (&v)[kLanes]) {
  exchange<1>(v);
  exchange<2>(v);
  if constexpr (kLanes > 4) exchange<4>(v);
  if constexpr (kLanes > 8) exchange<8>(v);
}

template <typename T>
void pack_transposed(const void* source, int64_t stride, int64_t depth, int64_t columns, float* panel) {
  const T* const rows = static_cast<const T*>(source);
  const int64_t whole = columns >= kWidth ? depth - depth % kLanes : 0;
  for (int64_t k = 0; k < whole; k += kLanes)
    for (int64_t j = 0; j < kWidth; j += kLanes) {
      F v[kLanes];
#pragma GCC unroll 16
      for (int i = 0; i < kLanes; ++i) {
        const T* const p = rows + (j + i) * stride + k;
        __builtin_prefetch(p + kWidth * stride, 0, 2);  // the next panel
        v[i] = load_floats(p);
      }
      transpose(v);
#pragma GCC unroll 16
      for (int i = 0; i < kLanes; ++i) store(panel + (k + i) * kWidth + j, v[i]);
    }
  for (int64_t k = whole; k < depth; ++k)
    for (int64_t j = 0; j < kWidth; ++j) panel[k * kWidth + j] = j < columns ? math::to_float(rows[j * stride + k]) : 0.0f;
}

/// One step along the depth for a tile: kRows numbers of a, `across` apart, times a row of the panel.
template <int kRows>
TPPO_INLINE void step(const float* a, int64_t across, const float* panel, F (&sum)[kRows][kVectors]) {
  const F b0 = load<F>(panel), b1 = load<F>(panel + kLanes);
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
    const F x = splat(a[r * across]);
    sum[r][0] = fma(x, b0, sum[r][0]);
    sum[r][1] = fma(x, b1, sum[r][1]);
  }
}

template <int kRows>
void multiply_tile(const float* a, int64_t stride, const float* panel, int64_t depth, float* c, int64_t c_stride, bool add) {
  F sum[kRows][kVectors];
  for (int r = 0; r < kRows; ++r) sum[r][0] = sum[r][1] = F{};
  for (int64_t k = 0; k < depth; ++k) step<kRows>(a + k, stride, panel + k * kWidth, sum);
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r)
    for (int j = 0; j < kVectors; ++j) {
      float* const p = c + r * c_stride + j * kLanes;
      store(p, add ? load<F>(p) + sum[r][j] : sum[r][j]);
    }
}

template <int kRows>
void continue_tile(const float* a, int64_t stride, const float* panel, int64_t depth, float* c, int64_t c_stride) {
  F sum[kRows][kVectors];
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
    float* const p = c + r * c_stride;
    sum[r][0] = load<F>(p);
    sum[r][1] = load<F>(p + kLanes);
    // The rows of the next tile, and below what it reads of a.
    for (int64_t j = 0; j < kWidth; j += kLine) __builtin_prefetch(p + kRows * c_stride + j, 1, 2);
  }
  for (int64_t k = 0; k < depth; ++k) {
    __builtin_prefetch(a + k * stride + kLine, 0, 2);
    step<kRows>(a + k * stride, 1, panel + k * kWidth, sum);
  }
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r)
    for (int j = 0; j < kVectors; ++j) store(c + r * c_stride + j * kLanes, sum[r][j]);
}

/// Calls f with `rows` (1 to TPPO_TILE_ROWS) as a constant.
template <int kRows = TPPO_TILE_ROWS, typename Body>
TPPO_INLINE void with_rows(int64_t rows, Body f) {
  if constexpr (kRows > 1) {
    if (rows < kRows) return with_rows<kRows - 1>(rows, f);
  }
  f(std::integral_constant<int, kRows>());
}

/// Cuts rows into tiles as even as can be, since a tile of few rows is slow, and calls f(first, rows of the tile as a constant).
template <typename Body>
TPPO_INLINE void for_each_tile(int64_t rows, Body f) {
  const int64_t tiles = (rows + TPPO_TILE_ROWS - 1) / TPPO_TILE_ROWS;
  for (int64_t t = 0; t < tiles; ++t) {
    const int64_t first = rows * t / tiles;
    with_rows(rows * (t + 1) / tiles - first, [&](auto n) { f(first, n); });
  }
}

void multiply(const float* a, int64_t stride, int64_t rows, const float* panel, int64_t depth, float* c, int64_t c_stride, bool add) {
  for_each_tile(rows, [&](int64_t first, auto n) {
    multiply_tile<decltype(n)::value>(a + first * stride, stride, panel, depth, c + first * c_stride, c_stride, add);
  });
}

void continue_transposed(const float* a, int64_t stride, int64_t rows, const float* panel, int64_t depth, int64_t columns, float* c,
                         int64_t c_stride) {
  for_each_tile(rows, [&](int64_t first, auto n) {
    constexpr int kRows = decltype(n)::value;
    float* const target = c + first * c_stride;
    if (columns >= kWidth) return continue_tile<kRows>(a + first, stride, panel, depth, target, c_stride);
    float whole[2 * kRows * kWidth] = {};  // the second half is what would be prefetched
    for (int r = 0; r < kRows; ++r)
      for (int64_t j = 0; j < columns; ++j) whole[r * kWidth + j] = target[r * c_stride + j];
    continue_tile<kRows>(a + first, stride, panel, depth, whole, kWidth);
    for (int r = 0; r < kRows; ++r)
      for (int64_t j = 0; j < columns; ++j) target[r * c_stride + j] = whole[r * kWidth + j];
  });
}

template <typename T>
constexpr PackKernels pack_kernels() {
  return PackKernels{pack_straight<T>, pack_transposed<T>};
}

}  // namespace

const GemmKernels TPPO_GEMM_KERNELS = {kWidth,
                                       TPPO_TILE_ROWS,
                                       {pack_kernels<float>(), pack_kernels<math::bf16>(), pack_kernels<math::f16>()},
                                       multiply,
                                       continue_transposed};

}  // namespace tppo::cpu
