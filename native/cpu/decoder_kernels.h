// SPDX-License-Identifier: Apache-2.0
// The inner loops of the decoder, in float32. One table per instruction set: decoder_kernels_*.cpp.
//
// What is computed for a row never depends on the rows beside it: every element of a product is summed in the same order in whatever tile it
// lies, and everything else works on one row.
#pragma once

#include <cstdint>

namespace tppo::cpu {

/// The kernels that read weights of one type.
struct WeightKernels {
  /// out[i][j] = sum over k of x[i][k] w[j][k], for i < rows, j < columns, k < depth; with `add`, out[i][j] += that sum.
  void (*product)(const float* x, int64_t x_stride, int64_t rows, const void* w, int64_t w_stride, int64_t columns, int64_t depth, float* out,
                  int64_t out_stride, bool add);
  /// out = x / sqrt(mean of x^2 + eps) * weight
  void (*rms_norm)(const float* x, const void* weight, int64_t n, double eps, float* out);
  void (*widen)(const void* from, int64_t n, float* to);
  /// x += bias
  void (*add)(float* x, const void* bias, int64_t n);
};

struct DecoderKernels {
  WeightKernels of[3];  // by TPPO_F32, TPPO_BF16, TPPO_F16
  /// scores = softmax(scale * scores), scale > 0, n >= 1
  void (*softmax)(float* scores, int64_t n, float scale);
  /// out[i][d] goes on as the chain that adds p[i][k] v[k * width + d] for k = 0, 1, ...
  void (*accumulate)(const float* p, int64_t p_stride, int64_t rows, const float* v, int64_t keys, int64_t width, float* out, int64_t out_stride);
  /// gate = gate / (1 + exp(-gate)) * up
  void (*swiglu)(float* gate, const float* up, int64_t n);
};

extern const DecoderKernels decoder_kernels_portable;
#if defined(__x86_64__)
extern const DecoderKernels decoder_kernels_v3;
extern const DecoderKernels decoder_kernels_v4;
#elif defined(__aarch64__)
extern const DecoderKernels decoder_kernels_neon;
#endif

}  // namespace tppo::cpu
