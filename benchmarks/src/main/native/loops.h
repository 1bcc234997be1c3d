/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What the kernels are measured against, besides libtorch: how fast this machine moves bytes, and the operations as plain C loops.
 * Only the benchmarks use it; JavaCPP compiles it into the binding of NativeLoops.
 */
#ifndef TPPO_BENCHMARKS_LOOPS_H
#define TPPO_BENCHMARKS_LOOPS_H

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#if defined(__linux__)
#include <sys/mman.h>
#endif

/* ---------------------------------------------------------------- memory */

/** Zeroed memory, touched, on huge pages where the system gives them. NULL when there is none. */
static void* loops_allocate(int64_t bytes) {
  const size_t page = size_t(2) << 20;
  const size_t size = (size_t(bytes) + page - 1) / page * page;
  void* memory = aligned_alloc(page, std::max(size, page));
#if defined(__linux__)
  if (memory != nullptr) madvise(memory, size, MADV_HUGEPAGE);
#endif
  if (memory != nullptr) memset(memory, 0, size);
  return memory;
}

static void loops_free(void* memory) { free(memory); }

/* ---------------------------------------------------------------- streams */

/// Runs body(begin, end) `repeats` times over this thread's part of 0..count, in steps of 64, on every thread; returns seconds per
/// repeat, from the moment at which all threads are there. Threads do not wait for one another between repeats.
template <typename Body>
static double loops_parallel(int64_t count, int threads, int repeats, Body body) {
  using Clock = std::chrono::steady_clock;
  std::atomic<int> missing(threads);
  std::vector<Clock::time_point> ends(threads);
  Clock::time_point start;
  auto work = [&](int index) {
    missing.fetch_sub(1);
    while (missing.load() > 0) {
    }
    if (index == 0) start = Clock::now();
    const int64_t begin = count * index / threads / 64 * 64;
    const int64_t end = index + 1 == threads ? count : count * (index + 1) / threads / 64 * 64;
    for (int r = 0; r < repeats; ++r) body(begin, end);
    ends[index] = Clock::now();
  };
  std::vector<std::thread> others;
  for (int i = 1; i < threads; ++i) others.emplace_back(work, i);
  work(0);
  for (std::thread& other : others) other.join();
  const Clock::time_point last = *std::max_element(ends.begin(), ends.end());
  return std::chrono::duration<double>(last - start).count() / repeats;
}

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define LOOPS_WIDEST __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define LOOPS_WIDEST
#endif

/// Sixteen floats; the compiler splits them where registers are narrower.
typedef float loops_vector __attribute__((vector_size(64), aligned(64)));

LOOPS_WIDEST static void loops_scale_part(float* x, float factor, int64_t begin, int64_t end) {
  int64_t i = begin;
  for (; i + 32 <= end; i += 32) {
    loops_vector* v = reinterpret_cast<loops_vector*>(x + i);
    const loops_vector a = v[0] * factor, b = v[1] * factor;
    v[0] = a;
    v[1] = b;
  }
  for (; i < end; ++i) x[i] *= factor;
}

/** x *= factor in place, `repeats` times; x at a multiple of 64 bytes. Seconds per time. */
static double loops_scale(float* x, float factor, int64_t count, int threads, int repeats) {
  return loops_parallel(count, threads, repeats, [=](int64_t begin, int64_t end) { loops_scale_part(x, factor, begin, end); });
}

LOOPS_WIDEST static void loops_gae_stream_part(const float* rewards, const float* values, const uint8_t* mask, float* advantages,
                                               float* returns, int64_t begin, int64_t end) {
  for (int64_t i = begin; i < end; ++i) {
    advantages[i] = rewards[i] + float(mask[i]);
    returns[i] = rewards[i] + values[i];
  }
}

/** Reads and writes the arrays of generalised advantage estimation, with no dependence between elements. Seconds per time. */
static double loops_gae_stream(const float* rewards, const float* values, const uint8_t* mask, float* advantages, float* returns,
                               int64_t count, int threads, int repeats) {
  return loops_parallel(count, threads, repeats, [=](int64_t begin, int64_t end) {
    loops_gae_stream_part(rewards, values, mask, advantages, returns, begin, end);
  });
}

typedef uint32_t loops_words __attribute__((vector_size(64), aligned(4)));

LOOPS_WIDEST static uint32_t loops_read_part(const uint32_t* x, int64_t begin, int64_t end) {
  loops_words sum[4] = {};
  int64_t i = begin;
  for (; i + 64 <= end; i += 64) {
    const loops_words* v = reinterpret_cast<const loops_words*>(x + i);
    for (int k = 0; k < 4; ++k) sum[k] ^= v[k];
  }
  const loops_words all = sum[0] ^ sum[1] ^ sum[2] ^ sum[3];
  uint32_t result = 0;
  for (int k = 0; k < 16; ++k) result ^= all[k];
  for (; i < end; ++i) result ^= x[i];
  return result;
}

/** Reads memory once, `words` of 4 bytes. Seconds. */
static double loops_read(const void* memory, int64_t words, int threads) {
  std::atomic<uint32_t> sum(0);
  const double seconds = loops_parallel(words, threads, 1, [&](int64_t begin, int64_t end) {
    sum ^= loops_read_part(static_cast<const uint32_t*>(memory), begin, end);
  });
  static volatile uint32_t keep;
  keep = sum;  // so that nobody leaves the reading out
  return seconds;
}

/** Copies; large copies leave the cache as it is. */
static void loops_copy(void* destination, const void* source, int64_t bytes, int threads) {
  loops_parallel(bytes, threads, 1, [=](int64_t begin, int64_t end) {
    memcpy(static_cast<char*>(destination) + begin, static_cast<const char*>(source) + begin, size_t(end - begin));
  });
}

/* ---------------------------------------------------------------- operations as plain loops, one thread */

/** Advantages and returns of a padded, masked batch. */
static void loops_gae(const float* rewards, const float* values, const uint8_t* mask, float* advantages, float* returns,
                      int64_t sequences, int64_t length, float gamma, float lambda) {
  for (int64_t b = 0; b < sequences; ++b) {
    float next = 0, carried = 0;
    for (int64_t i = (b + 1) * length - 1; i >= b * length; --i) {
      if (!mask[i]) {
        advantages[i] = returns[i] = 0;
        continue;
      }
      carried = rewards[i] + gamma * next - values[i] + gamma * lambda * carried;
      next = values[i];
      advantages[i] = carried;
      returns[i] = carried + values[i];
    }
  }
}

/** Clipped policy loss with a clip of 0.2, mean over tokens; its gradient replaces the logits. */
static double loops_policy_loss(float* logits, const int64_t* targets, const float* old_logprobs, const float* advantages,
                                int64_t tokens, int64_t vocab) {
  double loss = 0;
  for (int64_t t = 0; t < tokens; ++t) {
    float* row = logits + t * vocab;
    float max = row[0], sum = 0;
    for (int64_t v = 1; v < vocab; ++v) max = std::max(max, row[v]);
    for (int64_t v = 0; v < vocab; ++v) sum += expf(row[v] - max);
    const float log_sum = max + logf(sum);
    const float ratio = expf(row[targets[t]] - log_sum - old_logprobs[t]), a = advantages[t];
    const float clipped = std::min(std::max(ratio, 0.8f), 1.2f);
    loss -= std::min(ratio * a, clipped * a) / double(tokens);
    // d loss / d logprob: nothing flows where the clipped side is the smaller.
    const float slope = ratio * a <= clipped * a ? -ratio * a / float(tokens) : 0;
    for (int64_t v = 0; v < vocab; ++v) row[v] = -slope * expf(row[v] - log_sum);
    row[targets[t]] += slope;
  }
  return loss;
}

#endif
