// SPDX-License-Identifier: Apache-2.0
#include "../math/hd.h"

#include "cpu_backend.h"
#include "thread_pool.h"
#include "workspace.h"

namespace tppo::cpu {
namespace {

constexpr int64_t kBlock = 16384;

}  // namespace

uint64_t scale_workspace(const tppo_scale_args&, int32_t) { return 0; }

int32_t scale(const tppo_scale_args& a, const Call&) {
  const double device_factor = a.device_factor != nullptr ? *a.device_factor : 1.0;
  if (!math::finite(device_factor)) return TPPO_OK;
  const float factor = static_cast<float>(a.factor * device_factor);
  parallel(blocks_of(a.length, kBlock), a.length / 4, [&](int64_t block) {
    const int64_t end = (block + 1) * kBlock < a.length ? (block + 1) * kBlock : a.length;
    for (int64_t i = block * kBlock; i < end; ++i) a.x[i] *= factor;
  });
  return TPPO_OK;
}

}  // namespace tppo::cpu
