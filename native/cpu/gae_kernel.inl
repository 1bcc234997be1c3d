// SPDX-License-Identifier: Apache-2.0
// Advantages of some sequences.
//
// Valid tokens are taken in blocks of a vector's width, counted back from the last valid one: which tokens share a block, and with it every bit
// of the result, depends on the valid tokens alone, not on padding, holes or packing. Within a block the recurrence is a scan in float32; from
// block to block it is carried in double, so that rounding does not grow with the length.
#include "sequence_results.inl"
#include "token_kernels.h"
#include "vector.inl"

namespace tppo::cpu {
namespace {

/// Lane i of the result is lane i + COUNT of `low`, followed by the first lanes of `high`.
template <int COUNT>
TPPO_INLINE F shift_down(F low, F high) {
#if defined(__AVX512F__)
  return _mm512_castsi512_ps(_mm512_alignr_epi32(_mm512_castps_si512(high), _mm512_castps_si512(low), COUNT));
#elif defined(__AVX2__)
  const __m256i middle = _mm256_castps_si256(_mm256_permute2f128_ps(low, high, 0x21));
  if constexpr (COUNT == 4) return _mm256_castsi256_ps(middle);
  return _mm256_castsi256_ps(_mm256_alignr_epi8(middle, _mm256_castps_si256(low), 4 * COUNT % 16));
#else
  return vextq_f32(low, high, COUNT);
#endif
}

/// The first lanes from memory, zeros in the others; `count` < kLanes.
TPPO_INLINE F load_first(const float* p, int count) {
#if defined(__AVX512F__)
  return _mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << count) - 1), p);
#else
  float x[kLanes] = {};
  for (int i = 0; i < count; ++i) x[i] = p[i];
  return load<F>(x);
#endif
}

/// Factors of a call. All powers are rounded from double.
struct Factors {
  float gamma, gamma_rest;     // gamma as a sum of two floats
  float power[kLanes];         // (gamma lambda)^(i + 1)
  float to_carry[2 * kLanes];  // to_carry[i] = (gamma lambda)^(kLanes - i) for i < kLanes, then 0
  double carry[kLanes + 1];    // (gamma lambda)^i

  explicit Factors(const GaeBatch& s) : to_carry{} {
    gamma = static_cast<float>(s.gamma);
    gamma_rest = static_cast<float>(s.gamma - gamma);
    carry[0] = 1.0;
    for (int i = 1; i <= kLanes; ++i) carry[i] = carry[i - 1] * (s.gamma * s.lambda);
    for (int i = 0; i < kLanes; ++i) {
      power[i] = static_cast<float>(carry[i + 1]);
      to_carry[i] = static_cast<float>(carry[kLanes - i]);
    }
  }
};

/// What a block hands to the one before it.
struct Carry {
  float value = 0.0f;
  double advantage = 0.0;
};

template <int DISTANCE, int BLOCKS>
TPPO_INLINE void scan(const Factors& f, F (&d)[BLOCKS]) {
  if constexpr (DISTANCE < kLanes) {
    for (int k = 0; k < BLOCKS; ++k) d[k] = fma(splat(f.power[DISTANCE - 1]), shift_down<DISTANCE>(d[k], splat(0.0f)), d[k]);
    scan<2 * DISTANCE>(f, d);
  }
}

/// r + gamma V_next - V; kOne: gamma is 1.
template <bool kOne>
TPPO_INLINE F delta(const Factors& f, F reward, F next, F value) {
  // Values are close to each other and may be far larger than rewards: their difference comes first.
  if (kOne) return (next - value) + reward;
  return fma(splat(f.gamma), next, -value) + fma(splat(f.gamma_rest), next, reward);
}

/// What the last of `count` lanes leaves to the block before it.
TPPO_INLINE void hand_over(const Factors& f, int count, float first_advantage, float first_value, Carry& carry) {
  carry.advantage = __builtin_fma(carry.advantage, f.carry[count], static_cast<double>(first_advantage));
  carry.value = first_value;
}

/// Advantages of the `count` first lanes; the others hold zeros and are of no account.
TPPO_INLINE F part(const Factors& f, F reward, F value, int count, Carry& carry) {
  const F next = lane_numbers() == count - 1 ? splat(carry.value) : shift_down<1>(value, value);
  const F all = f.gamma == 1.0f && f.gamma_rest == 0.0f ? delta<true>(f, reward, next, value) : delta<false>(f, reward, next, value);
  F d[1] = {lane_numbers() < count ? all : splat(0.0f)};
  scan<1>(f, d);
  const F advantage = fma(load<F>(f.to_carry + (kLanes - count)), splat(static_cast<float>(carry.advantage)), d[0]);
  hand_over(f, count, d[0][0], value[0], carry);
  return advantage;
}

/// True when the BLOCKS * kLanes mask bytes at p are all valid.
template <int BLOCKS>
TPPO_INLINE bool all_valid(const uint8_t* p) {
#if defined(__AVX512BW__)
  if constexpr (BLOCKS * kLanes % 64 == 0) {
    uint64_t zeros = 0;
    for (int i = 0; i < BLOCKS * kLanes; i += 64) zeros |= _mm512_cmpeq_epi8_mask(load<__m512i>(p + i), _mm512_setzero_si512());
    return zeros == 0;
  }
#endif
  uint32_t any_zero = 0;
  for (int i = 0; i < BLOCKS * kLanes; i += 4) {
    const uint32_t w = load<uint32_t>(p + i);
    // Sets the high bit of a byte that is zero, and perhaps of bytes above it.
    any_zero |= (w - 0x01010101u) & ~w & 0x80808080u;
  }
  return any_zero == 0;
}

/// The same of the `count` first of less than kLanes.
TPPO_INLINE bool first_valid(const uint8_t* p, int count) {
#if defined(__AVX512BW__) && defined(__AVX512VL__)
  const __mmask16 first = static_cast<__mmask16>((1u << count) - 1);
  return _mm_mask_cmpeq_epi8_mask(first, _mm_maskz_loadu_epi8(first, p), _mm_setzero_si128()) == 0;
#else
  for (int i = 0; i < count; ++i)
    if (p[i] == 0) return false;
  return true;
#endif
}

/// How many of the last of the kLanes mask bytes at p are zero; one of them is not.
TPPO_INLINE int masked_at_end(const uint8_t* p) {
#if defined(__AVX512BW__) && defined(__AVX512VL__)
  const __m128i mask = load<__m128i>(p);
  const uint32_t valid = _mm_test_epi8_mask(mask, mask);
  return __builtin_clz(valid) - (32 - kLanes);
#else
  int count = 0;
  while (p[kLanes - 1 - count] == 0) ++count;
  return count;
#endif
}

TPPO_INLINE bool all_masked(const uint8_t* p) {
  uint32_t any = 0;
  for (int i = 0; i < kLanes; i += 4) any |= load<uint32_t>(p + i);
  return any == 0;
}

/// Blocks that run beside each other.
constexpr int kBeside = 8;
/// Tokens ahead of the blocks that rewards and values are fetched from memory: the processor does not foresee where the valid tokens of the next
/// sequence end. Measured; into the nearest cache it takes longer than not at all.
constexpr int64_t kAhead = 512;

/// One sequence of a batch.
template <typename Results>
struct Walker {
  const GaeBatch s;  // with pointers to the sequence
  const Factors& f;
  Carry carry;
  Results advantages, returns;  // returns only where s.returns is not NULL

  Walker(const GaeBatch& batch, const Factors& factors, int64_t begin, int64_t end)
      : s(from(batch, begin, end)), f(factors), advantages(s.advantages), returns(s.returns) {}

  static GaeBatch from(GaeBatch batch, int64_t begin, int64_t end) {
    batch.rewards += begin;
    batch.values += begin;
    if (batch.mask != nullptr) batch.mask += begin;
    batch.advantages += begin;
    if (batch.returns != nullptr) batch.returns += begin;
    batch.length = end - begin;
    return batch;
  }

  TPPO_INLINE_MEMBER void put(int64_t i, float advantage, float value) {
    advantages.put(i, advantage);
    if (s.returns != nullptr) returns.put(i, advantage + value);
  }

  /// Fetches the rewards and values of the tokens [begin, end) from memory.
  TPPO_INLINE_MEMBER void fetch(int64_t begin, int64_t end) const {
    for (int64_t i = begin; i < end; i += 16) {
      __builtin_prefetch(s.values + i, 0, 2);
      __builtin_prefetch(s.rewards + i, 0, 2);
    }
  }
  /// The last tokens, whose blocks come first.
  void fetch_last() const {
    int64_t end = s.length;
    if (s.mask != nullptr)
      while (end >= kLanes && all_masked(s.mask + end - kLanes)) end -= kLanes;
    fetch(end > kAhead ? end - kAhead : 0, end);
  }

  /// The BLOCKS blocks that end before `end`, all of them valid: step by step beside each other, since each is one long chain.
  template <bool kOne, int BLOCKS>
  TPPO_INLINE_MEMBER void whole(int64_t end) {
    if (Results::kFromMemory && BLOCKS == kBeside && end >= kAhead + BLOCKS * kLanes) fetch(end - kAhead - BLOCKS * kLanes, end - kAhead);
    F value[BLOCKS], d[BLOCKS];
    for (int k = 0; k < BLOCKS; ++k) value[k] = load<F>(s.values + end - (k + 1) * kLanes);
    for (int k = 0; k < BLOCKS; ++k) {
      // All but the last token's next value lie in memory as well, and loads are cheaper than moves between lanes.
      const F next = k == 0 ? shift_down<1>(value[k], splat(carry.value)) : load<F>(s.values + end - (k + 1) * kLanes + 1);
      d[k] = delta<kOne>(f, load<F>(s.rewards + end - (k + 1) * kLanes), next, value[k]);
    }
    scan<1>(f, d);
    const F to_carry = load<F>(f.to_carry);
    float carried[BLOCKS];
    for (int k = 0; k < BLOCKS; ++k) {
      carried[k] = static_cast<float>(carry.advantage);
      hand_over(f, kLanes, d[k][0], value[k][0], carry);
    }
    for (int k = 0; k < BLOCKS; ++k) d[k] = fma(to_carry, splat(carried[k]), d[k]);
    advantages.put_vectors(end, d);
    if (s.returns == nullptr) return;
    for (int k = 0; k < BLOCKS; ++k) d[k] = d[k] + value[k];
    returns.put_vectors(end, d);
  }

  /// Collects the next kLanes valid tokens before `end`, or those that are left; returns where it stopped.
  int64_t gathered(int64_t end) {
    int64_t from[kLanes];
    float reward[kLanes] = {}, value[kLanes] = {};
    int count = 0;
    int64_t i = end;
    for (; i > 0 && count < kLanes; --i) {
      if (s.mask != nullptr && s.mask[i - 1] == 0) {
        put(i - 1, 0.0f, 0.0f);
        continue;
      }
      from[count++] = i - 1;
    }
    if (count == 0) return i;
    for (int k = 0; k < count; ++k) {
      reward[k] = s.rewards[from[count - 1 - k]];
      value[k] = s.values[from[count - 1 - k]];
    }
    float advantage[kLanes];
    store(advantage, part(f, load<F>(reward), load<F>(value), count, carry));
    for (int k = 0; k < count; ++k) put(from[count - 1 - k], advantage[k], value[k]);
    return i;
  }

  /// The first `count` tokens, all of them valid.
  TPPO_INLINE_MEMBER void start(int count) {
    const F value = load_first(s.values, count);
    const F advantage = part(f, load_first(s.rewards, count), value, count, carry);
    advantages.put_first(advantage, count);
    if (s.returns != nullptr) returns.put_first(advantage + value, count);
  }

  /// The kLanes tokens that end before `end`, none of them valid.
  TPPO_INLINE_MEMBER void masked(int64_t end) {
    const F zeros[1] = {splat(0.0f)};
    advantages.put_vectors(end, zeros);
    if (s.returns != nullptr) returns.put_vectors(end, zeros);
  }

  template <bool kOne>
  void run() {
    if (Results::kFromMemory) fetch_last();
    int64_t end = s.length;
    while (end >= kLanes) {
      const uint8_t* const mask = s.mask;
      if (end >= kBeside * kLanes && (mask == nullptr || all_valid<kBeside>(mask + end - kBeside * kLanes))) {
        whole<kOne, kBeside>(end);
        end -= kBeside * kLanes;
      } else if (mask == nullptr || all_valid<1>(mask + end - kLanes)) {
        whole<kOne, 1>(end);
        end -= kLanes;
      } else if (all_masked(mask + end - kLanes)) {
        masked(end);
        end -= kLanes;
      } else if (mask[end - 1] == 0) {
        // To the next valid token, so that blocks after padding are whole again.
        const int count = masked_at_end(mask + end - kLanes);
        end -= count;
        advantages.put_zeros(end + count, count);
        if (s.returns != nullptr) returns.put_zeros(end + count, count);
      } else {
        end = gathered(end);
      }
    }
    if (end > 0 && (s.mask == nullptr || first_valid(s.mask, static_cast<int>(end)))) {
      start(static_cast<int>(end));
      return;
    }
    while (end > 0) end = gathered(end);
    advantages.finish();
    if (s.returns != nullptr) returns.finish();
  }
};

template <typename Results>
void walk(const GaeBatch& batch, const Factors& factors, int64_t begin, int64_t end) {
  Walker<Results> walker(batch, factors, begin, end);
  batch.gamma == 1.0 ? walker.template run<true>() : walker.template run<false>();
}

void gae(const GaeBatch& batch, int64_t first, int64_t last) {
  const Factors factors(batch);
  for (int64_t b = last - 1; b >= first; --b) {
    const int64_t begin = batch.cu_seqlens != nullptr ? batch.cu_seqlens[b] : b * batch.length;
    const int64_t end = batch.cu_seqlens != nullptr ? batch.cu_seqlens[b + 1] : begin + batch.length;
    batch.past_caches ? walk<LargeResults>(batch, factors, begin, end) : walk<CachedResults>(batch, factors, begin, end);
  }
  if (batch.past_caches) LargeResults::complete();
}

}  // namespace
}  // namespace tppo::cpu
