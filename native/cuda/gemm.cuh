// SPDX-License-Identifier: Apache-2.0
// The three matrix products behind an output layer, accumulated in float32 in an order that depends on the shapes alone: one block computes
// one tile of the result, from the first k to the last.
//
//                 A               B              C
//   kLogits       [m,k] hidden    [n,k] weight   [m,n]  = A B^T; rows that do not count hold anything
//   kHiddenGrad   [m,k] gradient  [k,n] weight   [m,n]  = A B; rows that do not count are 0
//   kWeightGrad   [k,m] gradient  [k,n] hidden   [m,n] += A^T B, float32; rows of A and B that do not count hold 0
//
// All row-major with a row stride. Any shape, stride and alignment of the element; 16-byte alignment of every row is fastest. Where no token of
// a tile, or of a slice of k, counts, nothing is read or multiplied: masked prompts and padding cost next to nothing.
#pragma once

#include "gpu.cuh"

namespace tppo::cuda {

enum class Product { kLogits, kHiddenGrad, kWeightGrad };

/// Which rows of a call count, as its loss sees it: mask (nullable) is not 0, and weights (nullable) is not 0.
struct CountedRows {
  const uint8_t* mask;
  const float* weights;

  /// Known without a look at the arrays.
  __device__ bool all() const { return mask == nullptr && weights == nullptr; }
  __device__ bool operator()(int64_t row) const { return (mask == nullptr || mask[row] != 0) && (weights == nullptr || weights[row] != 0.0f); }
  CountedRows from(int64_t first) const {
    return CountedRows{mask == nullptr ? nullptr : mask + first, weights == nullptr ? nullptr : weights + first};
  }
};

/// One product. Elements of a and b have type T; c has type T, or float for kWeightGrad.
template <typename T>
struct Gemm {
  const T* a;
  int64_t a_stride;
  const T* b;
  int64_t b_stride;
  void* c;
  int64_t c_stride;
  int64_t m, n, k;
  CountedRows rows;  // which tokens count
};

/// Enqueues the product. m, n and k are at least 1. scratch: gemm_scratch_bytes() bytes.
template <typename T>
void gemm(Launcher& launch, Product product, const Gemm<T>& g, void* scratch);

/// 0 unless cuBLASLt is in use (cublaslt.cuh).
uint64_t gemm_scratch_bytes();

}  // namespace tppo::cuda
