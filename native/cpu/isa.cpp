// SPDX-License-Identifier: Apache-2.0
#include "isa.h"

#include <atomic>
#include <cstring>
#include <initializer_list>

#include "../status.h"

namespace tppo::cpu {
namespace {

struct Isa {
  const char* name;
  const RowKernels* rows;
  const TokenKernels* tokens;
  const GemmKernels* gemm;
  const DecoderKernels* decoder;
  bool (*present)();
};

bool always() { return true; }

#if defined(__x86_64__)
// Every feature that -march=x86-64-v3 and -v4 may use; __builtin_cpu_supports also asks whether the system saves the wide registers.
bool has_v3() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
         __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("f16c") && __builtin_cpu_supports("lzcnt") &&
         __builtin_cpu_supports("movbe");
}
bool has_v4() {
  return has_v3() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
bool has_v4_bf16() { return has_v4() && __builtin_cpu_supports("avx512bf16"); }
#endif

/// Best first.
const Isa kIsas[] = {
#if defined(__x86_64__)
    {"x86-64-v4-bf16", &row_kernels_v4_bf16, &token_kernels_v4, &gemm_kernels_v4, &decoder_kernels_v4, has_v4_bf16},
    {"x86-64-v4", &row_kernels_v4, &token_kernels_v4, &gemm_kernels_v4, &decoder_kernels_v4, has_v4},
    {"x86-64-v3", &row_kernels_v3, &token_kernels_v3, &gemm_kernels_v3, &decoder_kernels_v3, has_v3},
#endif
#if defined(__aarch64__)
    {"neon", &row_kernels_neon, &token_kernels_neon, &gemm_kernels_neon, &decoder_kernels_neon, always},
#endif
    {"portable", &row_kernels_portable, &token_kernels_portable, &gemm_kernels_portable, &decoder_kernels_portable, always},
};

const Isa* best() {
  for (const Isa& isa : kIsas)
    if (isa.present()) return &isa;
  return &kIsas[sizeof kIsas / sizeof kIsas[0] - 1];
}

std::atomic<const Isa*> chosen{nullptr};

const Isa& current() {
  const Isa* isa = chosen.load(std::memory_order_acquire);
  if (isa == nullptr) chosen.store(isa = best(), std::memory_order_release);
  return *isa;
}

}  // namespace

const RowKernels& row_kernels() { return *current().rows; }

const TokenKernels& token_kernels() { return *current().tokens; }

const GemmKernels& gemm_kernels() { return *current().gemm; }

const DecoderKernels& decoder_kernels() { return *current().decoder; }

const char* isa_name() { return current().name; }

int32_t set_isa(const char* name) {
  if (strcmp(name, "auto") == 0) {
    chosen.store(best(), std::memory_order_release);
    return TPPO_OK;
  }
  for (const Isa& isa : kIsas) {
    if (strcmp(name, isa.name) != 0) continue;
    if (!isa.present()) return fail(TPPO_UNSUPPORTED, "tppo_set_cpu_isa: this CPU has no %s", name);
    chosen.store(&isa, std::memory_order_release);
    return TPPO_OK;
  }
  for (const char* known : {"x86-64-v4-bf16", "x86-64-v4", "x86-64-v3", "neon"})
    if (strcmp(name, known) == 0) return fail(TPPO_UNSUPPORTED, "tppo_set_cpu_isa: %s is not for the processors of this library", name);
  return fail(TPPO_INVALID_ARGUMENT, "tppo_set_cpu_isa: isa is \"%s\", expected auto, x86-64-v4-bf16, x86-64-v4, x86-64-v3, neon or portable", name);
}

}  // namespace tppo::cpu
