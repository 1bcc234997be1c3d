// SPDX-License-Identifier: Apache-2.0
// Matrix products: which kernel serves which elements.
#include "gemm_float.cuh"
#include "gemm_tensor.cuh"

namespace tppo::cuda {
namespace {

template <Product PRODUCT, typename T>
void launch_product(Launcher& launch, const Gemm<T>& g) {
  if constexpr (std::is_same_v<T, float>)
    launch(float_gemm_kernel<PRODUCT>, Grid{tiles(g), kGemmThreads, kFloatSharedBytes}, g);
  else
    launch(tensor_gemm_kernel<T, PRODUCT>, Grid{tiles(g), kGemmThreads, kTensorSharedBytes}, g);
}

}  // namespace

template <typename T>
void gemm(Launcher& launch, Product product, const Gemm<T>& g) {
  if (product == Product::kLogits)
    launch_product<Product::kLogits>(launch, g);
  else if (product == Product::kHiddenGrad)
    launch_product<Product::kHiddenGrad>(launch, g);
  else
    launch_product<Product::kWeightGrad>(launch, g);
}

template void gemm(Launcher&, Product, const Gemm<float>&);
template void gemm(Launcher&, Product, const Gemm<math::bf16>&);
template void gemm(Launcher&, Product, const Gemm<math::f16>&);

}  // namespace tppo::cuda
