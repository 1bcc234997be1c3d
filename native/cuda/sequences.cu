// SPDX-License-Identifier: Apache-2.0
// Counts of valid tokens and sequences.
#include "sequences.cuh"

namespace tppo::cuda {
namespace {

struct CountTokens {
  static constexpr int kSums = 1;
  const uint8_t* mask;

  __device__ void begin(double*) const {}
  __device__ void element(int64_t i, double* sums) const { sums[0] += mask[i] != 0 ? 1.0 : 0.0; }
};

constexpr int kWarpsPerBlock = kMapThreads / kWarp;

/// One warp per sequence.
__global__ void __launch_bounds__(kMapThreads)
    count_sequences_kernel(Sequences sequences, const uint8_t* mask, int32_t* per_sequence, double* partials) {
  TPPO_SHARED(double, shared);
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int64_t step = static_cast<int64_t>(gridDim.x) * kWarpsPerBlock;
  double sums[1] = {};
  for (int64_t b = static_cast<int64_t>(blockIdx.x) * kWarpsPerBlock + threadIdx.x / kWarp; b < sequences.count; b += step) {
    const Span span = sequences.span(b);
    int32_t valid = 0;
    for (int64_t i = span.begin + lane; i < span.end; i += kWarp) valid += counts(mask, i) ? 1 : 0;
    valid = warp_sum(valid);
    if (lane == 0) {
      per_sequence[b] = valid;
      sums[0] += valid > 0 ? 1.0 : 0.0;
    }
  }
  block_sums(sums, shared, partials);
}

}  // namespace

int64_t token_count_partials(int64_t n) { return map_partials<CountTokens>(n); }

Normalizer count_tokens(Launcher& launch, double given, const uint8_t* mask, int64_t n, double* partials) {
  if (given > 0.0) return Normalizer{given, nullptr, 0};
  if (mask == nullptr) return Normalizer{static_cast<double>(n), nullptr, 0};
  map(launch, CountTokens{mask}, n, partials);
  return Normalizer{0.0, partials, map_blocks(n)};
}

int64_t sequence_count_partials(int64_t count) { return map_blocks(count, kWarpsPerBlock); }

Normalizer count_sequences(Launcher& launch, const Sequences& sequences, const uint8_t* mask, int32_t* per_sequence, double* partials) {
  const int blocks = map_blocks(sequences.count, kWarpsPerBlock);
  launch(count_sequences_kernel, Grid{blocks, kMapThreads, block_sums_bytes(1)}, sequences, mask, per_sequence, partials);
  return Normalizer{0.0, partials, blocks};
}

}  // namespace tppo::cuda
