// SPDX-License-Identifier: Apache-2.0
// The inner loops of the matrix products, in float32 on panels: slices of a matrix a few vectors wide, one row after the other. Compiled
// once per instruction set from gemm_kernels.inl.
//
// Each element of a product is one chain of multiply-adds along the depth, whatever tile it falls into; so its bits depend on the
// instruction set and on where the caller cuts the depth, and on nothing else.
#pragma once

#include <cstdint>

namespace tppo::cpu {

/// Floats in the widest row of a panel.
constexpr int64_t kMaxPanelWidth = 32;
/// Most rows of a panel that products are given at a time: with the tile that meets it, it stays in the nearest caches.
constexpr int64_t kPanelDepth = 256;

/// Copies into a panel, as floats; columns beyond `columns` become 0.
struct PackKernels {
  /// panel[k][j] = source[k * stride + j]
  void (*straight)(const void* source, int64_t stride, int64_t depth, int64_t columns, float* panel);
  /// panel[k][j] = source[j * stride + k]
  void (*transposed)(const void* source, int64_t stride, int64_t depth, int64_t columns, float* panel);
};

struct GemmKernels {
  int64_t width;  // of a panel
  int64_t rows;   // of a tile
  PackKernels pack[3];  // by TPPO_F32, TPPO_BF16, TPPO_F16

  /// c[i][j] = sum over k of a[i * stride + k] panel[k][j], or with `add` c[i][j] += that sum. All columns of the panel are written.
  void (*multiply)(const float* a, int64_t stride, int64_t rows, const float* panel, int64_t depth, float* c, int64_t c_stride, bool add);
  /// c[i][j] goes on as the chain that adds a[k * stride + i] panel[k][j] for k = 0, 1, ... Only `columns` columns are touched.
  void (*continue_transposed)(const float* a, int64_t stride, int64_t rows, const float* panel, int64_t depth, int64_t columns, float* c,
                              int64_t c_stride);
};

extern const GemmKernels gemm_kernels_portable;
#if defined(__x86_64__)
extern const GemmKernels gemm_kernels_v3;
extern const GemmKernels gemm_kernels_v4;
#elif defined(__aarch64__)
extern const GemmKernels gemm_kernels_neon;
#endif

}  // namespace tppo::cpu
