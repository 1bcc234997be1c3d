// SPDX-License-Identifier: Apache-2.0
// Matrix products: which kernel serves which elements.
#include "cublaslt.cuh"
#include "gemm_float.cuh"
#include "gemm_tensor.cuh"

namespace tppo::cuda {
namespace {

template <Product PRODUCT, typename T>
void launch_product(Launcher& launch, const Gemm<T>& g) {
  if constexpr (std::is_same_v<T, float>)
    launch(float_gemm_kernel<PRODUCT>, Grid{tiles(g), kFloatThreads, kFloatSharedBytes}, g);
  else
    launch(tensor_gemm_kernel<T, PRODUCT>, Grid{tiles(g), kTensorThreads, kTensorSharedBytes}, g);
}

constexpr int kZeroThreads = 256;

/// Writes 0 to the rows that do not count, one block a row.
template <typename T>
__global__ void __launch_bounds__(kZeroThreads) zero_rows_kernel(Gemm<T> g) {
  const int64_t row = blockIdx.x;
  if (g.rows(row)) return;
  for (int64_t i = threadIdx.x; i < g.n; i += kZeroThreads) static_cast<T*>(g.c)[row * g.c_stride + i] = T{};
}

/// By cuBLASLt, if it is in use and serves this product. It knows no rows that do not count.
template <typename T>
bool by_cublaslt(Launcher& launch, Product product, const Gemm<T>& g, void* scratch) {
  if constexpr (std::is_same_v<T, float>) {
    return false;
  } else {
    if (!launch.ok() || !cublaslt_gemm(launch, product, g, scratch)) return false;
    if (product == Product::kHiddenGrad && (g.rows.mask != nullptr || g.rows.weights != nullptr))
      launch(zero_rows_kernel<T>, Grid{g.m, kZeroThreads, 0}, g);
    return true;
  }
}

}  // namespace

uint64_t gemm_scratch_bytes() { return cublaslt_scratch_bytes(); }

template <typename T>
void gemm(Launcher& launch, Product product, const Gemm<T>& g, void* scratch) {
  if (by_cublaslt(launch, product, g, scratch)) return;
  if (product == Product::kLogits)
    launch_product<Product::kLogits>(launch, g);
  else if (product == Product::kHiddenGrad)
    launch_product<Product::kHiddenGrad>(launch, g);
  else
    launch_product<Product::kWeightGrad>(launch, g);
}

template void gemm(Launcher&, Product, const Gemm<float>&, void*);
template void gemm(Launcher&, Product, const Gemm<math::bf16>&, void*);
template void gemm(Launcher&, Product, const Gemm<math::f16>&, void*);

}  // namespace tppo::cuda
