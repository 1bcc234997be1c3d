// SPDX-License-Identifier: Apache-2.0
// The library is column-major: our row-major C = op(A) op(B) is its C' = op(B)' op(A)', so the operands change places and a row stride is a
// leading dimension.
#include "cublaslt.cuh"

#include <dlfcn.h>
#include <stdlib.h>

#include <mutex>

#include "cublaslt_api.h"

namespace tppo::cuda {
namespace {

constexpr uint64_t kScratchBytes = uint64_t{32} << 20;
constexpr uint64_t kScratchAlignment = 256;
constexpr int kMostDevices = 64;

struct Library {
  lt::Create create;
  lt::MatmulDescCreate desc_create;
  lt::MatmulDescSetAttribute desc_set;
  lt::MatmulDescDestroy desc_destroy;
  lt::LayoutCreate layout_create;
  lt::LayoutDestroy layout_destroy;
  lt::PreferenceCreate preference_create;
  lt::PreferenceSetAttribute preference_set;
  lt::PreferenceDestroy preference_destroy;
  lt::AlgoGetHeuristic heuristic;
  lt::Matmul matmul;
  bool loaded = false;

  Library() {
    const char* const wanted = getenv("TPPO_CUBLASLT");
    if (wanted == nullptr || wanted[0] != '1') return;
    void* const handle = dlopen("libcublasLt.so.13", RTLD_NOW | RTLD_LOCAL);
    loaded = handle != nullptr && find(handle, "cublasLtCreate", create) && find(handle, "cublasLtMatmulDescCreate", desc_create) &&
             find(handle, "cublasLtMatmulDescSetAttribute", desc_set) && find(handle, "cublasLtMatmulDescDestroy", desc_destroy) &&
             find(handle, "cublasLtMatrixLayoutCreate", layout_create) && find(handle, "cublasLtMatrixLayoutDestroy", layout_destroy) &&
             find(handle, "cublasLtMatmulPreferenceCreate", preference_create) &&
             find(handle, "cublasLtMatmulPreferenceSetAttribute", preference_set) &&
             find(handle, "cublasLtMatmulPreferenceDestroy", preference_destroy) &&
             find(handle, "cublasLtMatmulAlgoGetHeuristic", heuristic) && find(handle, "cublasLtMatmul", matmul);
  }

  template <typename F>
  static bool find(void* handle, const char* name, F& function) {
    function = reinterpret_cast<F>(dlsym(handle, name));
    return function != nullptr;
  }
};

const Library& library() {
  static const Library found;
  return found;
}

/// The handle of the current device, made at its first use and kept; NULL if it cannot be made.
lt::Handle handle_of(int32_t device) {
  static std::mutex mutex;
  static lt::Handle handles[kMostDevices] = {};
  if (device >= kMostDevices) return nullptr;
  const std::lock_guard<std::mutex> lock(mutex);
  if (handles[device] == nullptr && library().create(&handles[device]) != lt::kSuccess) handles[device] = nullptr;
  return handles[device];
}

/// What describes one product; whatever was made is given back at the end.
struct Plan {
  lt::MatmulDesc desc = nullptr;
  lt::Layout a = nullptr, b = nullptr, c = nullptr;
  lt::Preference preference = nullptr;
  bool ok = true;

  Plan() = default;
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;
  ~Plan() {
    const Library& l = library();
    if (preference != nullptr) l.preference_destroy(preference);
    for (const lt::Layout layout : {a, b, c})
      if (layout != nullptr) l.layout_destroy(layout);
    if (desc != nullptr) l.desc_destroy(desc);
  }

  void check(int status) { ok = ok && status == lt::kSuccess; }
  void transpose(int which, bool transposed) {
    const int32_t operation = transposed ? lt::kTransposed : lt::kAsIs;
    if (ok) check(library().desc_set(desc, which, &operation, sizeof operation));
  }
  void layout(lt::Layout& made, int type, int64_t rows, int64_t columns, int64_t stride) {
    if (ok) check(library().layout_create(&made, type, static_cast<uint64_t>(rows), static_cast<uint64_t>(columns), stride));
  }
  template <typename V>
  void prefer(int attribute, V value) {
    if (ok) check(library().preference_set(preference, attribute, &value, sizeof value));
  }
};

/// Largest power of two up to 256 that divides the address.
uint32_t alignment_of(const void* p) {
  const uint32_t low = static_cast<uint32_t>(reinterpret_cast<uintptr_t>(p) & 255u);
  return low == 0 ? 256u : low & (0u - low);
}

template <typename T>
bool enqueue(Launcher& launch, Product product, const Gemm<T>& g, int type, void* scratch) {
  const Library& l = library();
  if (!l.loaded) return false;
  const lt::Handle handle = handle_of(launch.device());
  if (handle == nullptr) return false;
  const bool logits = product == Product::kLogits, weight_grad = product == Product::kWeightGrad;
  Plan plan;
  plan.check(l.desc_create(&plan.desc, lt::kCompute32F, lt::kFloat32));
  plan.transpose(lt::kDescTransA, logits);
  plan.transpose(lt::kDescTransB, weight_grad);
  plan.layout(plan.a, type, logits ? g.k : g.n, logits ? g.n : g.k, g.b_stride);
  plan.layout(plan.b, type, weight_grad ? g.m : g.k, weight_grad ? g.k : g.m, g.a_stride);
  plan.layout(plan.c, weight_grad ? lt::kFloat32 : type, g.n, g.m, g.c_stride);
  if (plan.ok) plan.check(l.preference_create(&plan.preference));
  plan.prefer(lt::kPrefMaxWorkspace, kScratchBytes);
  plan.prefer(lt::kPrefReductionSchemes, lt::kNoReduction);
  const void* const addresses[4] = {g.b, g.a, g.c, g.c};
  for (int i = 0; i < 4; ++i) plan.prefer(lt::kPrefAlignmentA + i, alignment_of(addresses[i]));
  lt::HeuristicResult best = {};
  int found = 0;
  if (plan.ok) plan.check(l.heuristic(handle, plan.desc, plan.a, plan.b, plan.c, plan.c, plan.preference, 1, &best, &found));
  if (!plan.ok || found < 1 || best.state != lt::kSuccess || best.workspace_size > kScratchBytes) return false;
  const float alpha = 1.0f, beta = weight_grad ? 1.0f : 0.0f;
  return l.matmul(handle, plan.desc, &alpha, g.b, plan.a, g.a, plan.b, &beta, g.c, plan.c, g.c, plan.c, &best.algo,
                  align_up(scratch, kScratchAlignment), kScratchBytes, launch.stream()) == lt::kSuccess;
}

}  // namespace

uint64_t cublaslt_scratch_bytes() { return library().loaded ? kScratchBytes + kScratchAlignment - 1 : 0; }

bool cublaslt_gemm(Launcher& launch, Product product, const Gemm<math::bf16>& g, void* scratch) {
  return enqueue(launch, product, g, lt::kBfloat16, scratch);
}
bool cublaslt_gemm(Launcher& launch, Product product, const Gemm<math::f16>& g, void* scratch) {
  return enqueue(launch, product, g, lt::kFloat16, scratch);
}

}  // namespace tppo::cuda
