// SPDX-License-Identifier: Apache-2.0
// The instructions of the matrix products: loads of 8x8 matrices out of shared memory, and the tensor cores. A warp works on them together:
// every lane must call them. native/simt/ptx_matrix.h has their twins for the host.
//
// Lane l is "row l / 4, pair l % 4": of an 8x8 matrix of 16-bit elements it holds elements 2 (l % 4) and 2 (l % 4) + 1 of row l / 4.
#pragma once

#include <type_traits>

#include "../math/hd.h"

namespace tppo::cuda {

/// Four 8x8 matrices of 16-bit elements. Lane l gives the address of row l % 8 of matrix l / 8 (16 bytes, on a 16-byte boundary) and gets its
/// two elements of each matrix, or, with TRANSPOSE, of each matrix transposed.
template <bool TRANSPOSE>
__device__ __forceinline__ void load_matrices(uint32_t (&out)[4], const void* shared_row) {
  const uint32_t address = static_cast<uint32_t>(__cvta_generic_to_shared(shared_row));
  if constexpr (TRANSPOSE)
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(out[0]), "=r"(out[1]), "=r"(out[2]), "=r"(out[3])
                 : "r"(address)
                 : "memory");
  else
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(out[0]), "=r"(out[1]), "=r"(out[2]), "=r"(out[3])
                 : "r"(address)
                 : "memory");
}

/// c += a b for a of 16 x 16, b of 16 x 8, c of 16 x 8 in float32. a: its 8x8 matrices (rows 0-7, k 0-7), (8-15, 0-7), (0-7, 8-15), (8-15,
/// 8-15). b transposed: (columns 0-7, k 0-7), (0-7, 8-15). c: pairs of the matrices of rows 0-7, then of rows 8-15.
template <typename T>
__device__ __forceinline__ void multiply_add(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  if constexpr (std::is_same_v<T, math::bf16>)
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
  else
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

}  // namespace tppo::cuda
