// SPDX-License-Identifier: Apache-2.0
// Counts of valid tokens and sequences.
#include "sequences.cuh"

namespace tppo::cuda {
namespace {

struct CountTokens {
  static constexpr int kSums = 1;
  const uint8_t* mask;
  Counted* counted;

  __device__ void begin(double*) const {}
  __device__ void element(int64_t i, double* sums) const { sums[0] += mask[i] != 0 ? 1.0 : 0.0; }
  __device__ void finish(const double* sums) const { *counted = Counted{sums[0], 0.0, static_cast<float>(inverse(sums[0]))}; }
};

/// Ends count_sequences_kernel.
struct CountSequences {
  static constexpr int kSums = 1;
  double given;
  Counted* counted;

  __device__ void begin(double*) const {}
  __device__ void finish(const double* sums) const {
    const double normalizer = given > 0.0 ? given : sums[0];
    *counted = Counted{normalizer, sums[0], static_cast<float>(inverse(normalizer))};
  }
};

constexpr int kWarpsPerBlock = kMapThreads / kWarp;

/// First of the ascending entries rows[0..count) that is at least `token`.
__device__ __forceinline__ int64_t first_row(const Tokens& tokens, int64_t token) {
  int64_t low = 0, high = tokens.count;
  while (low < high) {
    const int64_t middle = (low + high) / 2;
    if (tokens.rows[middle] < token)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

/// One warp per sequence.
__global__ void __launch_bounds__(kMapThreads)
    count_sequences_kernel(Sequences sequences, Tokens tokens, int32_t* divisors, double* partials) {
  TPPO_SHARED(double, shared);
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int64_t step = static_cast<int64_t>(gridDim.x) * kWarpsPerBlock;
  double sums[1] = {};
  for (int64_t b = static_cast<int64_t>(blockIdx.x) * kWarpsPerBlock + threadIdx.x / kWarp; b < sequences.count; b += step) {
    Span entries = sequences.span(b);
    if (tokens.rows != nullptr) entries = Span{first_row(tokens, entries.begin), first_row(tokens, entries.end)};
    int32_t valid = 0;
    for (int64_t k = entries.begin + lane; k < entries.end; k += kWarp) valid += tokens.valid(k) ? 1 : 0;
    valid = warp_sum(valid);
    if (lane == 0) sums[0] += valid > 0 ? 1.0 : 0.0;
    if (divisors == nullptr) continue;
    for (int64_t k = entries.begin + lane; k < entries.end; k += kWarp) {
      const int64_t i = tokens.token(k);
      if (tokens.exists(i) && tokens.valid(i)) divisors[i] = valid;
    }
  }
  block_sums(sums, shared, partials);
}

}  // namespace

int64_t token_count_partials(int64_t num_tokens) { return map_partials<CountTokens>(num_tokens); }

Normalizer count_tokens(Launcher& launch, double given, const Tokens& tokens, double* partials, Counted* counted) {
  if (given > 0.0) return Normalizer::of(given);
  if (tokens.mask == nullptr) return Normalizer::of(static_cast<double>(tokens.count));
  reduce(launch, CountTokens{tokens.mask, counted}, tokens.count, partials);
  return Normalizer::of(counted);
}

int64_t sequence_count_partials(int64_t count) { return map_blocks(count, kWarpsPerBlock); }

Normalizer count_sequences(Launcher& launch, double given, const Sequences& sequences, const Tokens& tokens, int32_t* divisors, double* partials,
                           Counted* counted) {
  const int blocks = map_blocks(sequences.count, kWarpsPerBlock);
  launch(count_sequences_kernel, Grid{blocks, kMapThreads, block_sums_bytes(1)}, sequences, tokens, divisors, partials);
  finish(launch, CountSequences{given, counted}, partials, blocks);
  return Normalizer::of(counted);
}

}  // namespace tppo::cuda
