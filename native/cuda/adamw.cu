// SPDX-License-Identifier: Apache-2.0
// One AdamW step on a flat tensor, in place.
#include "../math/adamw.h"

#include "flat.cuh"

namespace tppo::cuda {
namespace {

struct AdamW {
  math::AdamwStep<float> step;
  const double* grad_scale;  // nullable
  const float* grad;
  float* param;
  float* exp_avg;
  float* exp_avg_sq;
  float scale;

  /// False: the gradient is not finite, and the step is left out.
  __device__ bool begin() {
    const double s = grad_scale != nullptr ? *grad_scale : 1.0;
    scale = static_cast<float>(s);
    return math::finite(s);
  }
  __device__ void four(int64_t i) const {
    const float4 g = *reinterpret_cast<const float4*>(grad + i);
    float4 p = *reinterpret_cast<float4*>(param + i);
    float4 m = *reinterpret_cast<float4*>(exp_avg + i);
    float4 v = *reinterpret_cast<float4*>(exp_avg_sq + i);
    math::adamw_update(step, g.x * scale, &p.x, &m.x, &v.x);
    math::adamw_update(step, g.y * scale, &p.y, &m.y, &v.y);
    math::adamw_update(step, g.z * scale, &p.z, &m.z, &v.z);
    math::adamw_update(step, g.w * scale, &p.w, &m.w, &v.w);
    *reinterpret_cast<float4*>(param + i) = p;
    *reinterpret_cast<float4*>(exp_avg + i) = m;
    *reinterpret_cast<float4*>(exp_avg_sq + i) = v;
  }
  __device__ void one(int64_t i) const { math::adamw_update(step, grad[i] * scale, param + i, exp_avg + i, exp_avg_sq + i); }
};

}  // namespace

uint64_t adamw_workspace(const tppo_adamw_args&, int32_t) { return 0; }

int32_t adamw(const tppo_adamw_args& a, const Call& call) {
  Launcher launch("tppo_adamw", call);
  const math::AdamwStep<float> step = math::adamw_step<float>(a.lr, a.beta1, a.beta2, a.eps, a.weight_decay, a.step);
  const bool aligned = aligned_16(a.grad) && aligned_16(a.param) && aligned_16(a.exp_avg) && aligned_16(a.exp_avg_sq);
  launch_flat(launch, AdamW{step, a.grad_scale, a.grad, a.param, a.exp_avg, a.exp_avg_sq, 0.0f}, a.length, aligned);
  return launch.status();
}

}  // namespace tppo::cuda
