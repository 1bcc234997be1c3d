// SPDX-License-Identifier: Apache-2.0
// x *= factor, in place.
#include "flat.cuh"

namespace tppo::cuda {
namespace {

struct Scale {
  double host_factor;
  const double* device_factor;
  float* x;
  float factor;

  /// False: nothing is to be done.
  __device__ bool begin() {
    const double f = device_factor != nullptr ? *device_factor : 1.0;
    factor = static_cast<float>(host_factor * f);
    return math::finite(f);
  }
  __device__ void four(int64_t i) const {
    float4* const p = reinterpret_cast<float4*>(x + i);
    float4 v = *p;
    v.x *= factor;
    v.y *= factor;
    v.z *= factor;
    v.w *= factor;
    *p = v;
  }
  __device__ void one(int64_t i) const { x[i] *= factor; }
};

}  // namespace

uint64_t scale_workspace(const tppo_scale_args&, int32_t) { return 0; }

int32_t scale(const tppo_scale_args& a, const Call& call) {
  Launcher launch("tppo_scale", call);
  launch_flat(launch, Scale{a.factor, a.device_factor, a.x, 0.0f}, a.length, aligned_16(a.x));
  return launch.status();
}

}  // namespace tppo::cuda
