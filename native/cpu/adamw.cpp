// SPDX-License-Identifier: Apache-2.0
#include "../math/adamw.h"

#include "cpu_backend.h"
#include "thread_pool.h"
#include "workspace.h"

namespace tppo::cpu {
namespace {

constexpr int64_t kBlock = 8192;

/// The arrays do not overlap (checked), which lets the compiler vectorise.
void update_range(const math::AdamwStep<float>& step, float scale, int64_t n, const float* __restrict g, float* __restrict p,
                  float* __restrict m, float* __restrict v) {
  for (int64_t i = 0; i < n; ++i) {
    float pi = p[i], mi = m[i], vi = v[i];
    math::adamw_update(step, g[i] * scale, &pi, &mi, &vi);
    p[i] = pi;
    m[i] = mi;
    v[i] = vi;
  }
}

}  // namespace

uint64_t adamw_workspace(const tppo_adamw_args&, int32_t) { return 0; }

int32_t adamw(const tppo_adamw_args& a, const Call&) {
  const double grad_scale = a.grad_scale != nullptr ? *a.grad_scale : 1.0;
  if (!math::finite(grad_scale)) return TPPO_OK;
  const math::AdamwStep<float> step = math::adamw_step<float>(a.lr, a.beta1, a.beta2, a.eps, a.weight_decay, a.step);
  parallel(blocks_of(a.length, kBlock), a.length * 2, [&](int64_t block) {
    const int64_t at = block * kBlock;
    const int64_t n = a.length - at < kBlock ? a.length - at : kBlock;
    update_range(step, static_cast<float>(grad_scale), n, a.grad + at, a.param + at, a.exp_avg + at, a.exp_avg_sq + at);
  });
  return TPPO_OK;
}

}  // namespace tppo::cpu
