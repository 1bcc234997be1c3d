// SPDX-License-Identifier: Apache-2.0
// Matrix products of float32 elements with float32 multiplications (no TF32).
//
// Each of 16 x 16 threads computes 8 x 8 elements, as four blocks of 4 x 4 so that a warp reads neighbouring 16 bytes of shared memory. Slices
// of k pass through two buffers; the next one is held in registers while the present one is multiplied.
#pragma once

#include "gemm_tile.cuh"

namespace tppo::cuda {

constexpr int kFloatSlice = 8;
/// Floats from one k to the next in shared memory: a multiple of 4 that spreads a transposing store over the banks.
constexpr int kFloatLine = kTile + 4;
constexpr int kFloatBuffer = kFloatSlice * kFloatLine;
constexpr size_t kFloatSharedBytes = sizeof(float) * 2 * 2 * kFloatBuffer;
constexpr int kFloatThreads = 256;
constexpr int kFloatPieces = kTile * kFloatSlice / 4 / kFloatThreads;

/// A thread's part of a slice on its way from global to shared memory.
template <bool ALONG_K>
struct FloatPieces {
  float4 v[kFloatPieces];

  static __device__ __forceinline__ void place(int i, int& row, int& k) {
    constexpr int kInLine = (ALONG_K ? kFloatSlice : kTile) / 4;
    const int q = static_cast<int>(threadIdx.x) + i * kFloatThreads;
    row = ALONG_K ? q / kInLine : q % kInLine * 4;
    k = ALONG_K ? q % kInLine * 4 : q / kInLine;
  }

  __device__ __forceinline__ void fetch(const Operand<float, ALONG_K>& operand, int64_t first_k) {
#pragma unroll
    for (int i = 0; i < kFloatPieces; ++i) {
      int row, k;
      place(i, row, k);
      const typename Operand<float, ALONG_K>::Piece piece = operand.piece(row, first_k + k);
      if (operand.aligned && piece.count == 4)
        v[i] = *reinterpret_cast<const float4*>(piece.from);
      else
        v[i] = make_float4(piece.count > 0 ? piece.from[0] : 0.0f, piece.count > 1 ? piece.from[1] : 0.0f,
                           piece.count > 2 ? piece.from[2] : 0.0f, piece.count > 3 ? piece.from[3] : 0.0f);
    }
  }

  __device__ __forceinline__ void store(float* buffer) const {
#pragma unroll
    for (int i = 0; i < kFloatPieces; ++i) {
      int row, k;
      place(i, row, k);
      float* const to = buffer + k * kFloatLine + row;
      if constexpr (ALONG_K) {
        to[0] = v[i].x;
        to[kFloatLine] = v[i].y;
        to[2 * kFloatLine] = v[i].z;
        to[3 * kFloatLine] = v[i].w;
      } else {
        *reinterpret_cast<float4*>(to) = v[i];
      }
    }
  }
};

/// Elements [first, first + 4) and [first + 64, first + 68) of a line.
__device__ __forceinline__ void load_eight(float (&x)[8], const float* line, int first) {
  const float4 low = *reinterpret_cast<const float4*>(line + first);
  const float4 high = *reinterpret_cast<const float4*>(line + kTile / 2 + first);
  x[0] = low.x, x[1] = low.y, x[2] = low.z, x[3] = low.w;
  x[4] = high.x, x[5] = high.y, x[6] = high.z, x[7] = high.w;
}

template <Product PRODUCT>
__global__ void __launch_bounds__(kFloatThreads, 2) float_gemm_kernel(Gemm<float> g) {
  constexpr bool kAAlongK = PRODUCT != Product::kWeightGrad, kBAlongK = PRODUCT == Product::kLogits;
  TPPO_SHARED(float, shared);
  const TileOrigin origin(g);
  const Operand<float, kAAlongK> a(g.a, g.a_stride, g.m, g.k, origin.row);
  const Operand<float, kBAlongK> b(g.b, g.b_stride, g.n, g.k, origin.column);
  FloatPieces<kAAlongK> a_next;
  FloatPieces<kBAlongK> b_next;
  const int row = static_cast<int>(threadIdx.x) / 16 * 4, column = static_cast<int>(threadIdx.x) % 16 * 4;
  float c[8][8] = {};

  const Slices<PRODUCT, kFloatSlice, float> slices(g, origin.row);
  if (PRODUCT == Product::kLogits && slices.end == 0) return;
  int s = slices.from(0), buffer = 0;
  if (s < slices.end) {
    a_next.fetch(a, static_cast<int64_t>(s) * kFloatSlice);
    b_next.fetch(b, static_cast<int64_t>(s) * kFloatSlice);
  }
  while (s < slices.end) {
    float* const a_now = shared + buffer * 2 * kFloatBuffer;
    float* const b_now = a_now + kFloatBuffer;
    a_next.store(a_now);
    b_next.store(b_now);
    __syncthreads();  // the buffer is full; nobody reads the other one any more, since its readers have passed here
    s = slices.from(s + 1);
    if (s < slices.end) {
      a_next.fetch(a, static_cast<int64_t>(s) * kFloatSlice);
      b_next.fetch(b, static_cast<int64_t>(s) * kFloatSlice);
    }
#pragma unroll 1  // more would keep the operands of later steps in registers that there are not
    for (int i = 0; i < kFloatSlice; ++i) {
      float x[8], y[8];
      load_eight(x, a_now + i * kFloatLine, row);
      load_eight(y, b_now + i * kFloatLine, column);
#pragma unroll
      for (int p = 0; p < 8; ++p)
#pragma unroll
        for (int q = 0; q < 8; ++q) c[p][q] = fmaf(x[p], y[q], c[p][q]);
    }
    buffer ^= 1;
  }

  const Epilogue<float, PRODUCT> out(g, origin);
#pragma unroll
  for (int p = 0; p < 8; ++p)
#pragma unroll
    for (int q = 0; q < 8; q += 2)
      out.put(row + p % 4 + p / 4 * (kTile / 2), column + q % 4 + q / 4 * (kTile / 2), c[p][q], c[p][q + 1]);
}

}  // namespace tppo::cuda
