// SPDX-License-Identifier: Apache-2.0
// Stands in for libcublasLt.so.13 in the tests: the calls that native/cuda/cublaslt.cu makes, on the host, after NVIDIA's documentation
// (column-major, D = alpha op(A) op(B) + beta C). Strict: what the documentation does not allow is refused. Has no algorithm for an inner
// dimension that is no multiple of 4, so that the way back to our own kernels is taken too. Says at the end how many products it made.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "../math/hd.h"

namespace {

enum { kSuccess = 0, kInvalidValue = 7, kNotSupported = 15 };
enum { kR32F = 0, kR16F = 2, kR16BF = 14 };

struct Desc {
  int32_t transposed[2] = {0, 0};
};
struct Layout {
  int type;
  int64_t rows, columns, stride;
};
struct Preference {
  uint64_t workspace = 0;
  uint32_t reduction_schemes = 7, alignment[4] = {256, 256, 256, 256};
};
struct Result {
  uint64_t algo[8];
  uint64_t workspace;
  int state;
  float waves;
  int reserved[4];
};

struct Count {
  int products = 0;
  ~Count() { printf("stand-in for cuBLASLt: %d products\n", products); }
} count;

constexpr uint64_t kAlgo = 0x746c616c676fu;

float load(const Layout& l, const void* data, int64_t row, int64_t column) {
  const int64_t i = column * l.stride + row;
  if (l.type == kR32F) return static_cast<const float*>(data)[i];
  if (l.type == kR16F) return tppo::math::to_float(static_cast<const tppo::math::f16*>(data)[i]);
  return tppo::math::to_float(static_cast<const tppo::math::bf16*>(data)[i]);
}
void store(const Layout& l, void* data, int64_t row, int64_t column, float x) {
  const int64_t i = column * l.stride + row;
  if (l.type == kR32F)
    static_cast<float*>(data)[i] = x;
  else if (l.type == kR16F)
    tppo::math::store(static_cast<tppo::math::f16*>(data) + i, x);
  else
    tppo::math::store(static_cast<tppo::math::bf16*>(data) + i, x);
}

bool shapes_fit(const Desc& d, const Layout& a, const Layout& b, const Layout& c) {
  const bool ta = d.transposed[0] != 0, tb = d.transposed[1] != 0;
  return (ta ? a.columns : a.rows) == c.rows && (tb ? b.rows : b.columns) == c.columns && (ta ? a.rows : a.columns) == (tb ? b.columns : b.rows) &&
         a.type == b.type;
}

}  // namespace

extern "C" {

int cublasLtCreate(void** handle) {
  *handle = &count;
  return kSuccess;
}
int cublasLtMatmulDescCreate(Desc** desc, int compute_type, int scale_type) {
  if (compute_type != 68 || scale_type != kR32F) return kInvalidValue;
  *desc = new Desc;
  return kSuccess;
}
int cublasLtMatmulDescSetAttribute(Desc* desc, int attribute, const void* value, size_t size) {
  if ((attribute != 3 && attribute != 4) || size != sizeof(int32_t)) return kInvalidValue;
  memcpy(&desc->transposed[attribute - 3], value, size);
  return kSuccess;
}
int cublasLtMatmulDescDestroy(Desc* desc) {
  delete desc;
  return kSuccess;
}
int cublasLtMatrixLayoutCreate(Layout** layout, int type, uint64_t rows, uint64_t columns, int64_t stride) {
  if ((type != kR32F && type != kR16F && type != kR16BF) || stride < static_cast<int64_t>(rows)) return kInvalidValue;
  *layout = new Layout{type, static_cast<int64_t>(rows), static_cast<int64_t>(columns), stride};
  return kSuccess;
}
int cublasLtMatrixLayoutDestroy(Layout* layout) {
  delete layout;
  return kSuccess;
}
int cublasLtMatmulPreferenceCreate(Preference** preference) {
  *preference = new Preference;
  return kSuccess;
}
int cublasLtMatmulPreferenceSetAttribute(Preference* preference, int attribute, const void* value, size_t size) {
  if (size != (attribute == 1 ? sizeof(uint64_t) : sizeof(uint32_t))) return kInvalidValue;
  if (attribute == 1)
    memcpy(&preference->workspace, value, size);
  else if (attribute == 3)
    memcpy(&preference->reduction_schemes, value, size);
  else if (attribute >= 5 && attribute <= 8)
    memcpy(&preference->alignment[attribute - 5], value, size);
  else
    return kInvalidValue;
  return kSuccess;
}
int cublasLtMatmulPreferenceDestroy(Preference* preference) {
  delete preference;
  return kSuccess;
}

int cublasLtMatmulAlgoGetHeuristic(void*, Desc* desc, Layout* a, Layout* b, Layout* c, Layout* d, Preference* preference, int requested,
                                   Result* results, int* returned) {
  *returned = 0;
  if (requested < 1 || c != d || !shapes_fit(*desc, *a, *b, *c)) return kInvalidValue;
  if (preference->reduction_schemes != 0) return kNotSupported;  // sums whose order is not fixed
  if ((desc->transposed[0] != 0 ? a->rows : a->columns) % 4 != 0) return kNotSupported;
  *results = Result{{kAlgo, preference->alignment[0], preference->alignment[1], preference->alignment[2], preference->alignment[3]},
                    preference->workspace, kSuccess, 1.0f, {}};
  *returned = 1;
  return kSuccess;
}

int cublasLtMatmul(void*, Desc* desc, const float* alpha, const void* a, Layout* la, const void* b, Layout* lb, const float* beta, const void* c,
                   Layout* lc, void* d, Layout* ld, const uint64_t* algo, void* workspace, size_t workspace_size, void*) {
  const void* const addresses[4] = {a, b, c, d};
  for (int i = 0; i < 4; ++i)
    if (reinterpret_cast<uintptr_t>(addresses[i]) % algo[1 + i] != 0) return kInvalidValue;
  if (algo[0] != kAlgo || reinterpret_cast<uintptr_t>(workspace) % 256 != 0 || !shapes_fit(*desc, *la, *lb, *lc)) return kInvalidValue;
  memset(workspace, 0xff, workspace_size);
  const bool ta = desc->transposed[0] != 0, tb = desc->transposed[1] != 0;
  const int64_t inner = ta ? la->rows : la->columns;
  for (int64_t column = 0; column < ld->columns; ++column)
    for (int64_t row = 0; row < ld->rows; ++row) {
      float sum = 0.0f;
      for (int64_t k = 0; k < inner; ++k)
        sum += load(*la, a, ta ? k : row, ta ? row : k) * load(*lb, b, tb ? column : k, tb ? k : column);
      store(*ld, d, row, column, *alpha * sum + (*beta != 0.0f ? *beta * load(*lc, c, row, column) : 0.0f));
    }
  ++count.products;
  return kSuccess;
}

}  // extern "C"
