// SPDX-License-Identifier: Apache-2.0
// The part of cuBLASLt's C interface that cublaslt.cu calls, declared here because a CUDA toolkit may come without its header. Values and
// layouts are those of the documented interface of cuBLASLt 12 and 13.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace tppo::cuda::lt {

using Handle = struct OpaqueHandle*;
using MatmulDesc = struct OpaqueMatmulDesc*;
using Layout = struct OpaqueLayout*;
using Preference = struct OpaquePreference*;

constexpr int kSuccess = 0;                // CUBLAS_STATUS_SUCCESS
constexpr int kCompute32F = 68;            // CUBLAS_COMPUTE_32F
constexpr int kFloat32 = 0;                // CUDA_R_32F
constexpr int kFloat16 = 2;                // CUDA_R_16F
constexpr int kBfloat16 = 14;              // CUDA_R_16BF
constexpr int kDescTransA = 3;             // CUBLASLT_MATMUL_DESC_TRANSA, int32
constexpr int kDescTransB = 4;             // CUBLASLT_MATMUL_DESC_TRANSB, int32
constexpr int32_t kAsIs = 0;               // CUBLAS_OP_N
constexpr int32_t kTransposed = 1;         // CUBLAS_OP_T
constexpr int kPrefMaxWorkspace = 1;       // CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, uint64
constexpr int kPrefReductionSchemes = 3;   // CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, uint32
constexpr int kPrefAlignmentA = 5;         // CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, uint32; then B, C and D
constexpr uint32_t kNoReduction = 0;       // CUBLASLT_REDUCTION_SCHEME_NONE: no algorithm that splits k

struct Algo {
  uint64_t data[8];
};
struct HeuristicResult {
  Algo algo;
  size_t workspace_size;
  int state;
  float waves;
  int reserved[4];
};
static_assert(sizeof(HeuristicResult) == 96, "cublasLtMatmulHeuristicResult_t");

using Create = int (*)(Handle*);
using MatmulDescCreate = int (*)(MatmulDesc*, int compute_type, int scale_type);
using MatmulDescSetAttribute = int (*)(MatmulDesc, int attribute, const void* value, size_t size);
using MatmulDescDestroy = int (*)(MatmulDesc);
using LayoutCreate = int (*)(Layout*, int type, uint64_t rows, uint64_t columns, int64_t leading_dimension);
using LayoutDestroy = int (*)(Layout);
using PreferenceCreate = int (*)(Preference*);
using PreferenceSetAttribute = int (*)(Preference, int attribute, const void* value, size_t size);
using PreferenceDestroy = int (*)(Preference);
using AlgoGetHeuristic = int (*)(Handle, MatmulDesc, Layout a, Layout b, Layout c, Layout d, Preference, int requested, HeuristicResult*,
                                 int* returned);
using Matmul = int (*)(Handle, MatmulDesc, const void* alpha, const void* a, Layout, const void* b, Layout, const void* beta, const void* c,
                       Layout, void* d, Layout, const Algo*, void* workspace, size_t workspace_size, void* stream);

}  // namespace tppo::cuda::lt
