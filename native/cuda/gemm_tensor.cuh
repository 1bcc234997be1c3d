// SPDX-License-Identifier: Apache-2.0
// Matrix products of 16-bit elements on the tensor cores.
//
// Four warps compute 64 x 64 elements each. Slices of kSlice k of both operands pass through kStages buffers in shared memory: while one is
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
static_assert(kSlice == 32, "the kernel multiplies two blocks of 16 k to a slice");
constexpr int kStages = 3;
constexpr int kPieceElements = 8;
constexpr int kPiecesInSlice = kTile * kSlice / kPieceElements;
constexpr size_t kTensorSharedBytes = sizeof(uint4) * 2 * kStages * kPiecesInSlice;
constexpr int kTensorThreads = 128;
constexpr int kWarpRows = 64, kWarpColumns = 64;
constexpr int kWarpsAcross = kTile / kWarpColumns;
constexpr int kRowBlocks = kWarpRows / 16, kColumnBlocks = kWarpColumns / 8;
static_assert(kWarpsAcross * (kTile / kWarpRows) * kWarp == kTensorThreads, "warps cover the tile");

/// How a slice of an operand lies in shared memory: lines of pieces, in which a piece takes the place (piece ^ f(line)), so that eight rows
/// (ALONG_K) or eight k's in a row of equal piece lie in different banks.
template <bool ALONG_K>
struct Layout {
  static constexpr int kPiecesInLine = (ALONG_K ? kSlice : kTile) / kPieceElements;
  static __device__ __forceinline__ int at(int line, int piece) {
    return line * kPiecesInLine + (piece ^ (ALONG_K ? line / 2 % kPiecesInLine : line % 8));
  }
};

/// Copies slices of an operand to shared memory. A thread takes kPieces pieces of a slice, kLines lines apart, of which it knows the first.
template <typename T, bool ALONG_K>
class Fetcher {
 public:
  __device__ __forceinline__ explicit Fetcher(const Operand<T, ALONG_K>& operand) : operand_(operand) {
    const int thread = static_cast<int>(threadIdx.x);
    line_ = thread / kPiecesInLine;
    along_ = thread % kPiecesInLine * kPieceElements;
    place_ = Layout<ALONG_K>::at(line_, thread % kPiecesInLine);
    from_ = ALONG_K ? operand.data + (operand.first_row + line_) * operand.stride + along_
                    : operand.data + line_ * operand.stride + operand.first_row + along_;
    rows_ = at_most(operand.rows - operand.first_row, kTile);
    whole_slices_ = operand.aligned && rows_ == kTile ? static_cast<int>(operand.k / kSlice) : 0;
  }

  /// Starts the copy of slice s to `to`; every thread of the block takes part.
  __device__ __forceinline__ void fetch(int s, uint4* to) const {
    const int64_t first_k = static_cast<int64_t>(s) * kSlice;
    const T* from = from_ + first_k * (ALONG_K ? 1 : operand_.stride);
    if (s < whole_slices_) {
#pragma unroll
      for (int i = 0; i < kPieces; ++i) copy_async(to + place_ + i * kTensorThreads, from + i * kLines * operand_.stride);
      return;
    }
    const int k = at_most(operand_.k - first_k, kSlice);
    const int lines = (ALONG_K ? rows_ : k) - line_;  // from the first one on
    const int left = (ALONG_K ? k : rows_) - along_;
    const int count = left < 0 ? 0 : at_most(left, kPieceElements);
#pragma unroll
    for (int i = 0; i < kPieces; ++i) {
      copy(to + place_ + i * kTensorThreads, from, i * kLines < lines ? count : 0);
      from += kLines * operand_.stride;
    }
  }

 private:
  static constexpr int kPiecesInLine = Layout<ALONG_K>::kPiecesInLine;
  static constexpr int kPieces = kPiecesInSlice / kTensorThreads;
  static constexpr int kLines = kTensorThreads / kPiecesInLine;
  static_assert(kLines % 8 == 0, "the thread's pieces are permuted alike");

  static __device__ __forceinline__ int at_most(int64_t n, int most) { return n < most ? static_cast<int>(n) : most; }

  __device__ __forceinline__ void copy(uint4* to, const T* from, int count) const {
    if (operand_.aligned) {
      copy_async(to, count > 0 ? from : operand_.data, count * static_cast<int>(sizeof(T)));
    } else {
      uint32_t w[4];
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        const uint32_t low = 2 * j < count ? from[2 * j].bits : 0u;
        const uint32_t high = 2 * j + 1 < count ? from[2 * j + 1].bits : 0u;
        w[j] = low | high << 16;
      }
      *to = make_uint4(w[0], w[1], w[2], w[3]);
    }
  }

  Operand<T, ALONG_K> operand_;
  const T* from_;  // the thread's first piece of slice 0
  int line_, along_, place_;
  int rows_;          // of the tile that exist
  int whole_slices_;  // the first ones, of which every piece exists
};

/// Loads blocks of 16 rows by 16 k as multiply_add takes its a; with ROWS_FIRST false the middle two matrices change places, which makes them
/// the b's of two blocks of 8 columns.
template <bool ROWS_FIRST, bool ALONG_K>
class BlockLoader {
 public:
  /// `row`: the warp's first.
  __device__ __forceinline__ BlockLoader(int row, int lane) {
    const int matrix = lane / 8, line = lane % 8;
    const int second_row = 8 * (ROWS_FIRST ? matrix % 2 : matrix / 2), second_k = 8 * (ROWS_FIRST ? matrix / 2 : matrix % 2);
    place_ = ALONG_K ? Layout<true>::at(row + second_row + line, second_k / kPieceElements)
                     : Layout<false>::at(second_k + line, (row + second_row) / kPieceElements);
  }
  /// The warp's block number i at k, a multiple of 16. 16 lines further on pieces are permuted alike. Along a line the first piece has 0 in the bits
  /// that i (or k) sets, so an exclusive or adds them, and commutes with the permutation, which is one too.
  __device__ __forceinline__ void load(uint32_t (&out)[4], const uint4* slice, int i, int k) const {
    constexpr int kPiecesInBlock = 16 / kPieceElements;
    if constexpr (ALONG_K)
      load_matrices<false>(out, slice + ((place_ ^ k / kPieceElements) + i * 16 * Layout<true>::kPiecesInLine));
    else
      load_matrices<true>(out, slice + ((place_ ^ i * kPiecesInBlock) + k * Layout<false>::kPiecesInLine));
  }

 private:
  int place_;
};

template <typename T, Product PRODUCT>
__global__ void __launch_bounds__(kTensorThreads, 2) tensor_gemm_kernel(Gemm<T> g) {
  constexpr bool kAAlongK = PRODUCT != Product::kWeightGrad, kBAlongK = PRODUCT == Product::kLogits;
  constexpr int kStagePieces = 2 * kPiecesInSlice;
  TPPO_SHARED(uint4, shared);
  const TileOrigin origin(g);
  const Fetcher<T, kAAlongK> a(Operand<T, kAAlongK>(g.a, g.a_stride, g.m, g.k, origin.row));
  const Fetcher<T, kBAlongK> b(Operand<T, kBAlongK>(g.b, g.b_stride, g.n, g.k, origin.column));
  const Slices<PRODUCT, kSlice, T> slices(g, origin.row);
  if (PRODUCT == Product::kLogits && slices.end == 0) return;
  int next = slices.from(0), fetched = 0;
  uint4* free_stage = shared;
  const auto advanced = [&](auto* stage) { return stage == shared + (kStages - 1) * kStagePieces ? stage - (kStages - 1) * kStagePieces : stage + kStagePieces; };
  const auto fetch_next = [&] {
    if (next < slices.end) {
      a.fetch(next, free_stage);
      b.fetch(next, free_stage + kPiecesInSlice);
      free_stage = advanced(free_stage);
      next = slices.from(next + 1);
      ++fetched;
    }
    copy_async_commit();  // also an empty group, so that their number tells what has arrived
  };

  const int lane = static_cast<int>(threadIdx.x) % kWarp, warp = static_cast<int>(threadIdx.x) / kWarp;
  const int row = warp / kWarpsAcross * kWarpRows, column = warp % kWarpsAcross * kWarpColumns;
  const BlockLoader<true, kAAlongK> a_loader(row, lane);
  const BlockLoader<false, kBAlongK> b_loader(column, lane);
  float c[kRowBlocks][kColumnBlocks][4] = {};
  // The blocks of the next 16 k are loaded while those of the present ones are multiplied.
  uint32_t a_block[2][kRowBlocks][4], b_block[2][kColumnBlocks / 2][4];
  const auto load = [&](int buffer, const uint4* stage, int k) {
#pragma unroll
    for (int i = 0; i < kRowBlocks; ++i) a_loader.load(a_block[buffer][i], stage, i, k);
#pragma unroll
    for (int j = 0; j < kColumnBlocks / 2; ++j) b_loader.load(b_block[buffer][j], stage + kPiecesInSlice, j, k);
  };
  const auto multiply = [&](int buffer) {
#pragma unroll
    for (int i = 0; i < kRowBlocks; ++i)
#pragma unroll
      for (int j = 0; j < kColumnBlocks; ++j)
        multiply_add<T>(c[i][j], a_block[buffer][i], b_block[buffer][j / 2][j % 2 * 2], b_block[buffer][j / 2][j % 2 * 2 + 1]);
  };
  // Everyone's part of the next slice is there, and everyone has loaded the last of the present one, whose buffer is free from then on.
  const auto meet = [&] {
    copy_async_wait<kStages - 2>();
    __syncthreads();
  };
  for (int s = 0; s < kStages - 1; ++s) fetch_next();
  meet();
  const uint4* stage = shared;
  if (fetched > 0) load(0, stage, 0);
  for (int s = 0; s < fetched; ++s) {
    fetch_next();
    load(1, stage, 16);
    multiply(0);
    meet();
    stage = advanced(stage);
    if (s + 1 < fetched) load(0, stage, 0);
    multiply(1);
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
