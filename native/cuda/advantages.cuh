// SPDX-License-Identifier: Apache-2.0
// The kernel of gae and token_advantages. A team of warps takes one sequence at a time, from its end in chunks of kPerLane neighbouring tokens
// to a lane: one warp for short sequences, a block for long ones, so that a sequence of the length of a chunk is read with all loads in
// flight. Within a chunk the recurrence is a scan over affine maps, first over lanes, then over warps; from chunk to chunk its carry and the
// number of valid tokens behind are handed on.
#pragma once

#include "../math/gae.h"
#include "moments.cuh"
#include "shape_rewards.cuh"

namespace tppo::cuda {

constexpr int kPerLane = 4;
constexpr int kTeamWarps = kMapThreads / kWarp;

/// Warps of a team for sequences of this mean length.
inline int team_warps(int64_t tokens, int64_t sequences) { return sequences > 0 && tokens / sequences > 2 * kPerLane * kWarp ? kTeamWarps : 1; }

/// Blocks of the kernel, each of kMapThreads threads.
inline int advantage_blocks(int64_t tokens, int64_t sequences) {
  return map_blocks(sequences, kTeamWarps / team_warps(tokens, sequences));
}

struct AdvantageArgs {
  tppo_gae_args gae;
  tppo_shape_rewards_args shape;
  Sequences sequences;
  double* shape_partials;      // nullable
  Moments* moments_partials;   // nullable: of the advantages
};

/// What the warps of a team tell one another.
struct WarpReport {
  double first_value;  // of its first valid token
  math::AffineMap<double> map;
  int32_t valid;  // number of its valid tokens
};

constexpr size_t kAdvantageBytes = sizeof(double) * TPPO_SHAPE_REWARDS_STATS * kTeamWarps;
static_assert(kAdvantageBytes >= sizeof(WarpReport) * kTeamWarps && kAdvantageBytes >= kMomentsBytes, "one piece of memory serves all in turn");

template <int WARPS>
__device__ __forceinline__ void team_barrier() {
  if constexpr (WARPS > 1)
    __syncthreads();
  else
    __syncwarp();
}

/// Neighbouring elements of an array.
template <typename T>
struct alignas(kPerLane * sizeof(T)) Neighbours {
  T at[kPerLane];
};

/// Those of elements [first, first + kPerLane) that are wanted, the others 0. `whole`: all of them may be read.
template <typename T>
__device__ __forceinline__ void load_lane(const T* array, int64_t first, bool whole, const bool (&wanted)[kPerLane], T (&out)[kPerLane]) {
  const T* const p = array + first;
  if (whole && reinterpret_cast<uintptr_t>(p) % sizeof(Neighbours<T>) == 0) {
    const Neighbours<T> all = *reinterpret_cast<const Neighbours<T>*>(p);
#pragma unroll
    for (int j = 0; j < kPerLane; ++j) out[j] = wanted[j] ? all.at[j] : T{};
  } else {
#pragma unroll
    for (int j = 0; j < kPerLane; ++j) out[j] = wanted[j] ? p[j] : T{};
  }
}

/// Stores elements [first, first + kPerLane), or those of them that lie in the span.
__device__ __forceinline__ void store_lane(float* array, int64_t first, const Span& span, const float (&in)[kPerLane]) {
  float* const p = array + first;
  if (first >= span.begin && first + kPerLane <= span.end && reinterpret_cast<uintptr_t>(p) % sizeof(Neighbours<float>) == 0) {
    *reinterpret_cast<float4*>(p) = make_float4(in[0], in[1], in[2], in[3]);
  } else {
#pragma unroll
    for (int j = 0; j < kPerLane; ++j)
      if (first + j >= span.begin && first + j < span.end) p[j] = in[j];
  }
}
static_assert(kPerLane == 4, "a float4 holds them");

/// The tokens of one lane in one chunk.
struct LaneTokens {
  float reward[kPerLane], value[kPerLane];
  bool valid[kPerLane];
  bool whole;  // all of them lie in the sequence
};

__device__ __forceinline__ LaneTokens load_tokens(const tppo_gae_args& a, const Span& span, int64_t first) {
  LaneTokens t;
  t.whole = first >= span.begin && first + kPerLane <= span.end;
#pragma unroll
  for (int j = 0; j < kPerLane; ++j) t.valid[j] = first + j >= span.begin && first + j < span.end;
  if (a.mask != nullptr) {
    uint8_t mask[kPerLane];
    load_lane(a.mask, first, t.whole, t.valid, mask);
#pragma unroll
    for (int j = 0; j < kPerLane; ++j) t.valid[j] = mask[j] != 0;
  }
  load_lane(a.values, first, t.whole, t.valid, t.value);
#pragma unroll
  for (int j = 0; j < kPerLane; ++j) t.reward[j] = 0.0f;
  if (a.rewards != nullptr) load_lane(a.rewards, first, t.whole, t.valid, t.reward);
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

/// Number of valid tokens of a sequence, for a team whose chunks hold kPerLane * kWarp * WARPS tokens. `reports` is free again after the next
/// barrier of the team but one.
template <int WARPS>
__device__ __forceinline__ int64_t count_valid(const uint8_t* mask, const Span& span, int thread, WarpReport* reports) {
  if (mask == nullptr) return span.end - span.begin;
  int32_t valid = 0;
  for (int64_t i = span.begin + thread; i < span.end; i += WARPS * kWarp) valid += mask[i] != 0 ? 1 : 0;
  valid = warp_sum(valid);
  if (thread % kWarp == 0) reports[thread / kWarp].valid = valid;
  team_barrier<WARPS>();
  int64_t all = 0;
#pragma unroll
  for (int w = 0; w < WARPS; ++w) all += reports[w].valid;
  team_barrier<WARPS>();
  return all;
}

/// Number of valid tokens of the chunk after this lane's tokens, and of all of it.
template <int WARPS>
__device__ __forceinline__ int count_after(const LaneTokens& t, int thread, WarpReport* reports, int& total) {
  int mine = 0;
#pragma unroll
  for (int j = 0; j < kPerLane; ++j) mine += t.valid[j] ? 1 : 0;
  const int lane = thread % kWarp;
  int from_here = mine;
#pragma unroll
  for (int distance = 1; distance < kWarp; distance *= 2) {
    const int later = __shfl_down_sync(kAllLanes, from_here, distance);
    if (lane + distance < kWarp) from_here += later;
  }
  if (lane == 0) reports[thread / kWarp].valid = from_here;
  team_barrier<WARPS>();
  int after = from_here - mine;
  total = 0;
#pragma unroll
  for (int w = 0; w < WARPS; ++w) {
    const int n = reports[w].valid;
    if (w > thread / kWarp) after += n;
    total += n;
  }
  return after;
}

/// Advantages of one chunk; `carry` becomes what it hands to the chunk before it. A barrier of the team must have passed since `reports` was
/// last read.
template <int WARPS>
__device__ __forceinline__ void chunk_advantages(const tppo_gae_args& a, const LaneTokens& t, int thread, WarpReport* reports,
                                                 math::GaeCarry<double>& carry, double (&advantage)[kPerLane]) {
  const int lane = thread % kWarp, warp = thread / kWarp;
  double first_value = 0.0;
  bool any = false;
#pragma unroll
  for (int j = kPerLane - 1; j >= 0; --j) {
    if (t.valid[j]) first_value = t.value[j];
    any = any || t.valid[j];
  }
  // The value of the next valid token comes from the nearest later lane that has one, else from the nearest later warp, else from the carry.
  const unsigned lanes = __ballot_sync(kAllLanes, any);
  const double of_warp = __shfl_sync(kAllLanes, first_value, lanes != 0u ? __ffs(static_cast<int>(lanes)) - 1 : 0);
  if (lane == 0) {
    reports[warp].first_value = of_warp;
    reports[warp].valid = lanes != 0u ? 1 : 0;
  }
  team_barrier<WARPS>();
  double beyond = carry.value;  // the next valid token's value, seen from the end of this warp
  double chunk_value = carry.value;
#pragma unroll
  for (int w = WARPS - 1; w >= 0; --w) {
    if (reports[w].valid == 0) continue;
    chunk_value = reports[w].first_value;
    if (w > warp) beyond = chunk_value;
  }
  const unsigned later = lane == kWarp - 1 ? 0u : lanes >> (lane + 1);
  const double from_lane = __shfl_sync(kAllLanes, first_value, later != 0u ? lane + __ffs(static_cast<int>(later)) : lane);
  const double next_value = later != 0u ? from_lane : beyond;

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
  if (lane == 0) reports[warp].map = all;
  team_barrier<WARPS>();
  double after_warp = carry.advantage;  // advantage of the first valid token behind this warp
  double chunk_advantage = carry.advantage;
#pragma unroll
  for (int w = WARPS - 1; w >= 0; --w) {
    chunk_advantage = reports[w].map.offset + reports[w].map.factor * chunk_advantage;
    if (w > warp) after_warp = chunk_advantage;
  }
  const double here = all.offset + all.factor * after_warp;  // advantage of the first valid token from this lane on
  const double after = __shfl_down_sync(kAllLanes, here, 1);
  math::GaeCarry<double> next{next_value, lane == kWarp - 1 ? after_warp : after};
#pragma unroll
  for (int j = kPerLane - 1; j >= 0; --j) {
    if (t.valid[j]) next = math::gae_step<double>(a.gamma, a.lambda, t.reward[j], t.value[j], next);
    advantage[j] = next.advantage;
  }
  carry = math::GaeCarry<double>{chunk_value, chunk_advantage};
}

/// Stores a lane's results and adds its stored advantages to `moments` if they are wanted.
__device__ __forceinline__ void store_tokens(const tppo_gae_args& a, const Span& span, int64_t first, const LaneTokens& t,
                                             const double (&advantage)[kPerLane], bool wants_moments, PivotSums& moments) {
  float advantages[kPerLane], returns[kPerLane];
#pragma unroll
  for (int j = 0; j < kPerLane; ++j) {
    advantages[j] = t.valid[j] ? static_cast<float>(advantage[j]) : 0.0f;
    returns[j] = t.valid[j] ? static_cast<float>(advantage[j] + t.value[j]) : 0.0f;
  }
  store_lane(a.advantages, first, span, advantages);
  if (a.returns != nullptr) store_lane(a.returns, first, span, returns);
  if (!wants_moments) return;
#pragma unroll
  for (int j = 0; j < kPerLane; ++j)
    if (t.valid[j]) moments.add(advantages[j]);
}

/// What shaping reads of a lane's tokens.
struct LaneInputs {
  float score[kPerLane], logprob[kPerLane], ref_logprob[kPerLane];
  int32_t label[kPerLane], position[kPerLane];
};

__device__ __forceinline__ LaneInputs load_inputs(const tppo_shape_rewards_args& a, int64_t first, const LaneTokens& t) {
  LaneInputs in = {};
  if (a.classes == nullptr)
    load_lane(a.scores, first, t.whole, t.valid, in.score);
  else
    load_lane(a.classes, first, t.whole, t.valid, in.label);
  if (a.logprobs != nullptr) {
    load_lane(a.logprobs, first, t.whole, t.valid, in.logprob);
    load_lane(a.ref_logprobs, first, t.whole, t.valid, in.ref_logprob);
  }
  if (a.positions != nullptr) load_lane(a.positions, first, t.whole, t.valid, in.position);
  return in;
}

/// Shapes the rewards of a lane's tokens. `after`: valid tokens of the sequence behind them, of `valid` in all.
__device__ __forceinline__ void shape_tokens(const AdvantageArgs& a, int64_t b, const Span& span, int64_t first, int64_t after, int64_t valid,
                                             const LaneInputs& in, LaneTokens& t, double* sums) {
  const Shape shape{a.shape};
#pragma unroll
  for (int j = kPerLane - 1; j >= 0; --j) {
    const int64_t i = first + j;
    if (!t.valid[j]) {
      if (i >= span.begin && i < span.end) shape.blank(i);
      continue;
    }
    const double terminal = after == 0 && a.shape.terminal_rewards != nullptr ? static_cast<double>(a.shape.terminal_rewards[b]) : 0.0;
    const double l = static_cast<double>(a.shape.positions != nullptr ? in.position[j] : valid - after);
    // Rounded, as it is stored.
    const Shape::Inputs token{in.score[j], in.logprob[j], in.ref_logprob[j], in.label[j]};
    t.reward[j] = static_cast<float>(shape.token(i, token, l, terminal, sums, a.shape_partials != nullptr));
    ++after;
  }
}

template <int WARPS, bool SHAPES>
__global__ void __launch_bounds__(kMapThreads, 2) advantages_kernel(AdvantageArgs a) {
  constexpr int kChunk = kPerLane * kWarp * WARPS;
  constexpr int kTeams = kTeamWarps / WARPS;
  TPPO_SHARED(double, shared);
  after_previous_kernel();
  next_kernel_may_begin();
  const int thread = static_cast<int>(threadIdx.x) % (WARPS * kWarp);
  const int team = static_cast<int>(threadIdx.x) / (WARPS * kWarp);
  WarpReport* const reports = reinterpret_cast<WarpReport*>(shared) + team * WARPS;
  double sums[TPPO_SHAPE_REWARDS_STATS] = {};
  PivotSums moments;
  for (int64_t b = static_cast<int64_t>(blockIdx.x) * kTeams + team; b < a.sequences.count; b += static_cast<int64_t>(gridDim.x) * kTeams) {
    const Span span = a.sequences.span(b);
    int64_t first = span.end - kChunk + thread * kPerLane;
    LaneTokens tokens = load_tokens(a.gae, span, first);
    const int64_t valid = SHAPES ? count_valid<WARPS>(a.gae.mask, span, thread, reports) : 0;
    int64_t behind = 0;
    math::GaeCarry<double> carry{0.0, 0.0};
    for (int64_t left = span.end - span.begin; left > 0; left -= kChunk, first -= kChunk) {
      LaneTokens now = tokens;
      tokens = load_tokens(a.gae, span, first - kChunk);  // on its way while this chunk is scanned
      if constexpr (SHAPES) {
        const LaneInputs in = load_inputs(a.shape, first, now);
        int64_t after = span.end - first - kPerLane;
        if (a.gae.mask != nullptr) {
          int total = 0;
          after = behind + count_after<WARPS>(now, thread, reports, total);
          behind += total;
        }
        shape_tokens(a, b, span, first, after, valid, in, now, sums);
        team_barrier<WARPS>();
      }
      double advantage[kPerLane];
      chunk_advantages<WARPS>(a.gae, now, thread, reports, carry, advantage);
      store_tokens(a.gae, span, first, now, advantage, a.moments_partials != nullptr, moments);
    }
    team_barrier<WARPS>();
  }
  if (a.moments_partials != nullptr) {
    __syncthreads();
    const PivotSums all = block_union(moments, shared);
    if (threadIdx.x == 0) a.moments_partials[blockIdx.x] = all.moments();
  }
  if (SHAPES && a.shape_partials != nullptr) {
    __syncthreads();
    block_sums(sums, shared, a.shape_partials);
  }
}

template <bool SHAPES>
void launch_advantages(Launcher& launch, const AdvantageArgs& a) {
  const Grid grid = Grid{advantage_blocks(a.gae.num_tokens, a.gae.num_sequences), kMapThreads, kAdvantageBytes}.following();
  if (team_warps(a.gae.num_tokens, a.gae.num_sequences) == 1)
    launch(advantages_kernel<1, SHAPES>, grid, a);
  else
    launch(advantages_kernel<kTeamWarps, SHAPES>, grid, a);
}

}  // namespace tppo::cuda
