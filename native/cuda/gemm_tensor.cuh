// SPDX-License-Identifier: Apache-2.0
// Matrix products of 16-bit elements on the tensor cores.
//
// Eight warps compute 64 x 32 elements each. Slices of kSlice k of both operands pass through kStages buffers in shared memory: while one is
// multiplied, the next ones are on their way. 16-byte pieces are permuted within a buffer so that the eight rows of a matrix that
// load_matrices reads lie in different banks.
#pragma once

#include "gemm_tile.cuh"
#if defined(__CUDACC__)
#include "ptx_matrix.cuh"
#else
#include "../simt/ptx_matrix.h"
#endif

namespace tppo::cuda {

constexpr int kSlice = 32;
constexpr int kStages = 3;
constexpr int kPieceElements = 8;
constexpr int kPiecesInSlice = kTile * kSlice / kPieceElements;
constexpr size_t kTensorSharedBytes = sizeof(uint4) * 2 * kStages * kPiecesInSlice;
constexpr int kWarpRows = 64, kWarpColumns = 32;
constexpr int kWarpsAcross = kTile / kWarpColumns;
constexpr int kRowBlocks = kWarpRows / 16, kColumnBlocks = kWarpColumns / 8;
static_assert(kWarpsAcross * (kTile / kWarpRows) == kGemmWarps, "warps cover the tile");

/// A slice of an operand in shared memory.
template <bool ALONG_K>
struct Slice {
  static constexpr int kPiecesInLine = (ALONG_K ? kSlice : kTile) / kPieceElements;
  uint4* pieces;

  /// The piece that begins at this row and k; eight rows (ALONG_K) or eight k's in a row of equal piece lie in different banks.
  __device__ __forceinline__ uint4* at(int row, int k) const {
    const int line = ALONG_K ? row : k;
    const int piece = (ALONG_K ? k : row) / kPieceElements;
    return pieces + line * kPiecesInLine + (piece ^ (ALONG_K ? line / 2 % kPiecesInLine : line % 8));
  }
};

/// Starts the copy of a slice; every thread of the block takes part.
template <typename T, bool ALONG_K>
__device__ __forceinline__ void fetch(const Operand<T, ALONG_K>& operand, int64_t first_k, const Slice<ALONG_K>& slice) {
  constexpr int kPiecesInLine = Slice<ALONG_K>::kPiecesInLine;
#pragma unroll
  for (int i = 0; i < kPiecesInSlice / kGemmThreads; ++i) {
    const int q = static_cast<int>(threadIdx.x) + i * kGemmThreads;
    const int line = q / kPiecesInLine, along = q % kPiecesInLine * kPieceElements;
    const int row = ALONG_K ? line : along, k = ALONG_K ? along : line;
    const typename Operand<T, ALONG_K>::Piece piece = operand.piece(row, first_k + k);
    uint4* const to = slice.at(row, k);
    if (operand.aligned) {
      copy_async(to, piece.from, piece.count * static_cast<int>(sizeof(T)));
    } else {
      uint32_t w[4];
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        const uint32_t low = 2 * j < piece.count ? piece.from[2 * j].bits : 0u;
        const uint32_t high = 2 * j + 1 < piece.count ? piece.from[2 * j + 1].bits : 0u;
        w[j] = low | high << 16;
      }
      *to = make_uint4(w[0], w[1], w[2], w[3]);
    }
  }
}

/// 16 rows by 16 k at (row, k) as multiply_add takes its a; with ROWS_FIRST false the middle two matrices change places, which makes it the
/// b's of two blocks of 8 columns.
template <bool ROWS_FIRST, bool ALONG_K>
__device__ __forceinline__ void load_block(uint32_t (&out)[4], const Slice<ALONG_K>& slice, int row, int k, int lane) {
  const int matrix = lane / 8, line = lane % 8;
  const int second_row = 8 * (ROWS_FIRST ? matrix % 2 : matrix / 2), second_k = 8 * (ROWS_FIRST ? matrix / 2 : matrix % 2);
  if constexpr (ALONG_K)
    load_matrices<false>(out, slice.at(row + second_row + line, k + second_k));
  else
    load_matrices<true>(out, slice.at(row + second_row, k + second_k + line));
}

template <typename T, Product PRODUCT>
__global__ void __launch_bounds__(kGemmThreads, 2) tensor_gemm_kernel(Gemm<T> g) {
  constexpr bool kAAlongK = PRODUCT != Product::kWeightGrad, kBAlongK = PRODUCT == Product::kLogits;
  TPPO_SHARED(uint4, shared);
  const TileOrigin origin(g);
  const Operand<T, kAAlongK> a(g.a, g.a_stride, g.m, g.k, origin.row);
  const Operand<T, kBAlongK> b(g.b, g.b_stride, g.n, g.k, origin.column);
  const auto a_slice = [&](int stage) { return Slice<kAAlongK>{shared + stage * 2 * kPiecesInSlice}; };
  const auto b_slice = [&](int stage) { return Slice<kBAlongK>{shared + (stage * 2 + 1) * kPiecesInSlice}; };
  const int slices = static_cast<int>((g.k + kSlice - 1) / kSlice);
  const auto fetch_slice = [&](int s) {
    if (s < slices) {
      fetch(a, static_cast<int64_t>(s) * kSlice, a_slice(s % kStages));
      fetch(b, static_cast<int64_t>(s) * kSlice, b_slice(s % kStages));
    }
    copy_async_commit();  // also an empty group, so that their number tells what has arrived
  };

  const int lane = static_cast<int>(threadIdx.x) % kWarp, warp = static_cast<int>(threadIdx.x) / kWarp;
  const int row = warp / kWarpsAcross * kWarpRows, column = warp % kWarpsAcross * kWarpColumns;
  float c[kRowBlocks][kColumnBlocks][4] = {};
  for (int s = 0; s < kStages - 1; ++s) fetch_slice(s);
  for (int s = 0; s < slices; ++s) {
    copy_async_wait<kStages - 2>();
    __syncthreads();  // everyone's part of slice s is there, and everyone is done with slice s - 1, whose buffer is next
    fetch_slice(s + kStages - 1);
#pragma unroll
    for (int k = 0; k < kSlice; k += 16) {
      uint32_t a_block[kRowBlocks][4], b_block[kColumnBlocks / 2][4];
#pragma unroll
      for (int i = 0; i < kRowBlocks; ++i) load_block<true>(a_block[i], a_slice(s % kStages), row + 16 * i, k, lane);
#pragma unroll
      for (int j = 0; j < kColumnBlocks / 2; ++j) load_block<false>(b_block[j], b_slice(s % kStages), column + 16 * j, k, lane);
#pragma unroll
      for (int i = 0; i < kRowBlocks; ++i)
#pragma unroll
        for (int j = 0; j < kColumnBlocks; ++j) multiply_add<T>(c[i][j], a_block[i], b_block[j / 2][j % 2 * 2], b_block[j / 2][j % 2 * 2 + 1]);
    }
  }

  const Epilogue<T, PRODUCT> out(g, origin);
#pragma unroll
  for (int i = 0; i < kRowBlocks; ++i)
#pragma unroll
    for (int j = 0; j < kColumnBlocks; ++j) {
      const int r = row + 16 * i + lane / 4, q = column + 8 * j + lane % 4 * 2;
      out.put(r, q, c[i][j][0], c[i][j][1]);
      out.put(r + 8, q, c[i][j][2], c[i][j][3]);
    }
}

}  // namespace tppo::cuda
