// SPDX-License-Identifier: Apache-2.0
// The decoder's kernels as plain loops in double, for any processor: what the others are compared with.
#include <cmath>

#include "../math/hd.h"
#include "decoder_kernels.h"

namespace tppo::cpu {
namespace {

template <typename T>
void product(const float* x, int64_t x_stride, int64_t rows, const void* w, int64_t w_stride, int64_t columns, int64_t depth, float* out,
             int64_t out_stride, bool add) {
  for (int64_t j = 0; j < columns; ++j) {
    const T* const column = static_cast<const T*>(w) + j * w_stride;
    for (int64_t i = 0; i < rows; ++i) {
      double sum = 0.0;
      for (int64_t k = 0; k < depth; ++k) sum += static_cast<double>(x[i * x_stride + k]) * math::to_float(column[k]);
      float* const to = out + i * out_stride + j;
      *to = add ? *to + static_cast<float>(sum) : static_cast<float>(sum);
    }
  }
}

template <typename T>
void rms_norm(const float* x, const void* weight, int64_t n, double eps, float* out) {
  double sum = 0.0;
  for (int64_t k = 0; k < n; ++k) sum += static_cast<double>(x[k]) * x[k];
  const float inverse = static_cast<float>(1.0 / std::sqrt(sum / static_cast<double>(n) + eps));
  for (int64_t k = 0; k < n; ++k) out[k] = x[k] * inverse * math::to_float(static_cast<const T*>(weight)[k]);
}

template <typename T>
void widen(const void* from, int64_t n, float* to) {
  for (int64_t k = 0; k < n; ++k) to[k] = math::to_float(static_cast<const T*>(from)[k]);
}

template <typename T>
void add(float* x, const void* bias, int64_t n) {
  for (int64_t k = 0; k < n; ++k) x[k] += math::to_float(static_cast<const T*>(bias)[k]);
}

void softmax(float* scores, int64_t n, float scale) {
  float max = scores[0];
  for (int64_t k = 1; k < n; ++k) max = scores[k] > max ? scores[k] : max;
  double sum = 0.0;
  for (int64_t k = 0; k < n; ++k) sum += std::exp((static_cast<double>(scores[k]) - max) * scale);
  for (int64_t k = 0; k < n; ++k) scores[k] = static_cast<float>(std::exp((static_cast<double>(scores[k]) - max) * scale) / sum);
}

void accumulate(const float* p, int64_t p_stride, int64_t rows, const float* v, int64_t keys, int64_t width, float* out, int64_t out_stride) {
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t k = 0; k < keys; ++k)
      for (int64_t d = 0; d < width; ++d) out[i * out_stride + d] += p[i * p_stride + k] * v[k * width + d];
}

void swiglu(float* gate, const float* up, int64_t n) {
  for (int64_t k = 0; k < n; ++k) gate[k] = static_cast<float>(gate[k] / (1.0 + std::exp(-static_cast<double>(gate[k])))) * up[k];
}

template <typename T>
constexpr WeightKernels kernels_of() {
  return WeightKernels{product<T>, rms_norm<T>, widen<T>, add<T>};
}

}  // namespace

const DecoderKernels decoder_kernels_portable = {
    {kernels_of<float>(), kernels_of<math::bf16>(), kernels_of<math::f16>()}, softmax, accumulate, swiglu};

}  // namespace tppo::cpu
