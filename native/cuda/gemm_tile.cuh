// SPDX-License-Identifier: Apache-2.0
// What the kernels of gemm.cu have in common: which tile a block computes, how elements reach it, how results leave it.
#pragma once

#include <type_traits>

#include "gemm.cuh"

namespace tppo::cuda {

/// A block computes kTile x kTile elements.
constexpr int kTile = 128;

template <typename T, Product PRODUCT>
using Result = std::conditional_t<PRODUCT == Product::kWeightGrad, float, T>;

/// The element of c at the upper left of a block's tile. Tiles along the shorter side come first, so that the blocks in work at a time share
/// the strips of the longer side, which are then read from memory once.
struct TileOrigin {
  int64_t row, column;

  template <typename T>
  __device__ explicit TileOrigin(const Gemm<T>& g) {
    const int64_t down = (g.m + kTile - 1) / kTile, across = (g.n + kTile - 1) / kTile;
    const int64_t index = blockIdx.x;
    row = kTile * (down <= across ? index % down : index / across);
    column = kTile * (down <= across ? index / down : index % across);
  }
};

template <typename T>
int64_t tiles(const Gemm<T>& g) {
  return ((g.m + kTile - 1) / kTile) * ((g.n + kTile - 1) / kTile);
}

/// Whether one of the tokens [first, first + COUNT) that lie before `end` counts: the same answer in all warps.
template <int COUNT>
__device__ __forceinline__ bool one_counts(const CountedRows& rows, int64_t first, int64_t end) {
  bool counts = false;
  for (int i = static_cast<int>(threadIdx.x) % kWarp; i < COUNT; i += kWarp) counts = counts || (first + i < end && rows(first + i));
  return __ballot_sync(kAllLanes, counts) != 0;
}

/// The slices of k that a block must multiply, SLICE k's each: all, none where no row of its tile counts, or those in which a token counts.
template <Product PRODUCT, int SLICE, typename T>
struct Slices {
  const Gemm<T>& g;
  int end;

  __device__ Slices(const Gemm<T>& gemm, int64_t tile_row) : g(gemm), end(static_cast<int>((gemm.k + SLICE - 1) / SLICE)) {
    if (PRODUCT != Product::kWeightGrad && !one_counts<kTile>(g.rows, tile_row, g.m)) end = 0;
  }
  /// The first one from s on; `end` if there is none.
  __device__ __forceinline__ int from(int s) const {
    if (PRODUCT == Product::kWeightGrad && !g.rows.all())
      while (s < end && !one_counts<SLICE>(g.rows, static_cast<int64_t>(s) * SLICE, g.k)) ++s;
    return s;
  }
};

/// A or B as seen by a block: `lines` lines in memory of `length` elements each. With ALONG_K a line holds the k of one row of the tile, else
/// the tile's rows for one k. (A row of the tile is a row of A, but a column of the product for B.)
template <typename T, bool ALONG_K>
struct Operand {
  static constexpr int kCount = 16 / static_cast<int>(sizeof(T));  // elements in 16 bytes
  const T* data;
  int64_t stride;
  int64_t rows, k;
  int64_t first_row;
  bool aligned;  // every line lies on a 16-byte boundary

  __device__ Operand(const T* matrix, int64_t row_stride, int64_t all_rows, int64_t all_k, int64_t tile_row)
      : data(matrix), stride(row_stride), rows(all_rows), k(all_k), first_row(tile_row),
        aligned(reinterpret_cast<uintptr_t>(matrix) % 16 == 0 && row_stride % kCount == 0) {}

  /// kCount elements of a line: how many of them exist, and where the first is.
  struct Piece {
    const T* from;
    int count;
  };
  __device__ __forceinline__ Piece piece(int row, int64_t at_k) const {
    const int64_t r = first_row + row;
    const int64_t line = ALONG_K ? r : at_k, lines = ALONG_K ? rows : k;
    const int64_t begin = ALONG_K ? at_k : r, length = ALONG_K ? k : rows;
    const int64_t left = line < lines ? length - begin : 0;
    if (left <= 0) return Piece{data, 0};
    return Piece{data + line * stride + begin, left < kCount ? static_cast<int>(left) : kCount};
  }
};

__device__ __forceinline__ float2 pair(const float*, float low, float high) { return make_float2(low, high); }
__device__ __forceinline__ uint32_t pair(const math::bf16*, float low, float high) { return pack_bf16(low, high); }
__device__ __forceinline__ uint32_t pair(const math::f16*, float low, float high) { return pack_f16(low, high); }

/// Where results go. The elements (row, column) and (row, column + 1) of a tile; column is even.
template <typename T, Product PRODUCT>
struct Epilogue {
  using R = Result<T, PRODUCT>;
  const Gemm<T>& g;
  TileOrigin origin;
  bool pairs;  // two elements at an even column lie on a boundary of their size

  __device__ Epilogue(const Gemm<T>& gemm, const TileOrigin& tile)
      : g(gemm), origin(tile), pairs(gemm.c_stride % 2 == 0 && reinterpret_cast<uintptr_t>(gemm.c) % (2 * sizeof(R)) == 0) {}

  __device__ __forceinline__ void put(int tile_row, int tile_column, float x, float y) const {
    const int64_t row = origin.row + tile_row, column = origin.column + tile_column;
    if (row >= g.m || column >= g.n) return;
    if (PRODUCT == Product::kHiddenGrad && !g.rows(row)) x = y = 0.0f;
    R* const out = static_cast<R*>(g.c) + row * g.c_stride + column;
    const bool two = column + 1 < g.n;
    if constexpr (PRODUCT == Product::kWeightGrad) {
      if (two && pairs) {
        float2* const both = reinterpret_cast<float2*>(out);
        const float2 old = *both;
        *both = make_float2(old.x + x, old.y + y);
      } else {
        out[0] += x;
        if (two) out[1] += y;
      }
    } else if (two && pairs) {
      const auto both = pair(out, x, y);
      *reinterpret_cast<std::remove_const_t<decltype(both)>*>(out) = both;
    } else {
      math::store(out, x);
      if (two) math::store(out + 1, y);
    }
  }
};

}  // namespace tppo::cuda
