// SPDX-License-Identifier: Apache-2.0
// Generalised advantage estimation. One warp walks one sequence from its end in chunks of 128 tokens, four neighbours to a lane. Within a
// chunk the recurrence is a scan over affine maps; from chunk to chunk two numbers are carried.
#include "../math/gae.h"

#include "sequences.cuh"

namespace tppo::cuda {
namespace {

constexpr int kPerLane = 4;
constexpr int kChunk = kPerLane * kWarp;
constexpr int kWarpsPerBlock = 4;

struct GaeArgs {
  const float* rewards;
  const float* values;
  const uint8_t* mask;
  float* advantages;
  float* returns;
  Sequences sequences;
  double gamma, lambda;
};

/// The tokens of one lane in one chunk.
struct LaneTokens {
  float reward[kPerLane], value[kPerLane];
  bool valid[kPerLane];
};

__device__ __forceinline__ LaneTokens load_tokens(const GaeArgs& a, const Span& span, int64_t first) {
  LaneTokens t;
#pragma unroll
  for (int j = 0; j < kPerLane; ++j) {
    const int64_t i = first + j;
    t.valid[j] = i >= span.begin && i < span.end && counts(a.mask, i);
    t.reward[j] = t.valid[j] ? a.rewards[i] : 0.0f;
    t.value[j] = t.valid[j] ? a.values[i] : 0.0f;
  }
  return t;
}

/// The composition of this lane's map with those of all later lanes.
__device__ __forceinline__ math::AffineMap<double> compose_later(math::AffineMap<double> map, int lane) {
#pragma unroll
  for (int distance = 1; distance < kWarp; distance *= 2) {
    const math::AffineMap<double> later{__shfl_down_sync(kAllLanes, map.offset, distance), __shfl_down_sync(kAllLanes, map.factor, distance)};
    if (lane + distance < kWarp) map = math::compose(map, later);
  }
  return map;
}

/// Advantages of one chunk; returns what it hands to the chunk before it.
__device__ __forceinline__ math::GaeCarry<double> chunk_advantages(const GaeArgs& a, const LaneTokens& t, const math::GaeCarry<double>& carry,
                                                                   int lane, double (&advantage)[kPerLane]) {
  double first_value = 0.0;
  bool any = false;
#pragma unroll
  for (int j = kPerLane - 1; j >= 0; --j) {
    if (t.valid[j]) first_value = t.value[j];
    any = any || t.valid[j];
  }
  // The value of the next valid token comes from the nearest later lane that has one.
  const unsigned lanes = __ballot_sync(kAllLanes, any);
  const unsigned later = lane == kWarp - 1 ? 0u : lanes >> (lane + 1);
  const double from_lane = __shfl_sync(kAllLanes, first_value, later != 0u ? lane + __ffs(static_cast<int>(later)) : lane);
  const double next_value = later != 0u ? from_lane : carry.value;

  // The step from an unknown later advantage: its offset is the advantage for A_next = 0, its factor is gamma lambda.
  const double factor = a.gamma * a.lambda;
  math::AffineMap<double> map{0.0, 1.0};
  double value = next_value;
#pragma unroll
  for (int j = kPerLane - 1; j >= 0; --j) {
    if (!t.valid[j]) continue;
    const math::GaeCarry<double> alone = math::gae_step<double>(a.gamma, a.lambda, t.reward[j], t.value[j], math::GaeCarry<double>{value, 0.0});
    map = math::compose(math::AffineMap<double>{alone.advantage, factor}, map);
    value = t.value[j];
  }
  const math::AffineMap<double> all = compose_later(map, lane);
  const double here = all.offset + all.factor * carry.advantage;  // advantage of the first valid token from this lane on
  const double after = __shfl_down_sync(kAllLanes, here, 1);
  math::GaeCarry<double> next{next_value, lane == kWarp - 1 ? carry.advantage : after};
#pragma unroll
  for (int j = kPerLane - 1; j >= 0; --j) {
    if (t.valid[j]) next = math::gae_step<double>(a.gamma, a.lambda, t.reward[j], t.value[j], next);
    advantage[j] = next.advantage;
  }
  const double chunk_value = __shfl_sync(kAllLanes, first_value, lanes != 0u ? __ffs(static_cast<int>(lanes)) - 1 : 0);
  return math::GaeCarry<double>{lanes != 0u ? chunk_value : carry.value, __shfl_sync(kAllLanes, here, 0)};
}

__global__ void __launch_bounds__(kWarp* kWarpsPerBlock) gae_kernel(GaeArgs a) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int64_t step = static_cast<int64_t>(gridDim.x) * kWarpsPerBlock;
  for (int64_t b = static_cast<int64_t>(blockIdx.x) * kWarpsPerBlock + threadIdx.x / kWarp; b < a.sequences.count; b += step) {
    const Span span = a.sequences.span(b);
    math::GaeCarry<double> carry{0.0, 0.0};
    int64_t first = span.end - kChunk + lane * kPerLane;
    LaneTokens tokens = load_tokens(a, span, first);
    for (int64_t left = span.end - span.begin; left > 0; left -= kChunk, first -= kChunk) {
      const LaneTokens now = tokens;
      tokens = load_tokens(a, span, first - kChunk);  // on its way while this chunk is scanned
      double advantage[kPerLane];
      carry = chunk_advantages(a, now, carry, lane, advantage);
#pragma unroll
      for (int j = 0; j < kPerLane; ++j) {
        const int64_t i = first + j;
        if (i < span.begin) continue;
        a.advantages[i] = now.valid[j] ? static_cast<float>(advantage[j]) : 0.0f;
        if (a.returns != nullptr) a.returns[i] = now.valid[j] ? static_cast<float>(advantage[j] + now.value[j]) : 0.0f;
      }
    }
  }
}

}  // namespace

uint64_t gae_workspace(const tppo_gae_args&, int32_t) { return 0; }

int32_t gae(const tppo_gae_args& a, const Call& call) {
  Launcher launch("tppo_gae", call);
  const GaeArgs args{a.rewards,  a.values, a.mask, a.advantages, a.returns, Sequences(a.cu_seqlens, a.num_tokens, a.num_sequences),
                     a.gamma, a.lambda};
  const int64_t blocks = (a.num_sequences + kWarpsPerBlock - 1) / kWarpsPerBlock;
  const int64_t most = static_cast<int64_t>(launch.multiprocessors()) * 16;
  if (a.num_tokens > 0) launch(gae_kernel, Grid{blocks < most ? blocks : most, kWarp * kWarpsPerBlock, 0}, args);
  return launch.status();
}

}  // namespace tppo::cuda
