// SPDX-License-Identifier: Apache-2.0
// Random words of the class balance: Philox for tokens beside each other.
#include "../math/philox.h"
#include "token_kernels.h"
#include "vector.inl"

namespace tppo::cpu {
namespace {

/// 32-bit words in the low halves; what lies above them is of no account.
typedef uint64_t Words __attribute__((vector_size(kLanes * 4)));
constexpr int kWords = kLanes / 2;
typedef uint32_t LowWords __attribute__((vector_size(kWords * 4)));

/// Products of the low halves.
TPPO_INLINE Words product(Words a, uint32_t b) {
#if defined(__AVX512F__)
  return bits_of<Words>(_mm512_mul_epu32(bits_of<__m512i>(a), _mm512_set1_epi64(b)));
#elif defined(__AVX2__)
  return bits_of<Words>(_mm256_mul_epu32(bits_of<__m256i>(a), _mm256_set1_epi64x(b)));
#else
  return bits_of<Words>(vmull_u32(vmovn_u64(bits_of<uint64x2_t>(a)), vdup_n_u32(b)));
#endif
}

void balance_words(uint32_t position, uint32_t sample, uint64_t step, uint64_t seed, int64_t n, uint32_t* words) {
  Words lanes;
  for (int i = 0; i < kWords; ++i) lanes[i] = static_cast<uint64_t>(i);
  for (int64_t i = 0; i < n; i += kWords) {
    Words c0 = lanes + (position + static_cast<uint64_t>(i)), c1 = Words{} + sample, c2 = Words{} + step, c3 = Words{} + (step >> 32);
    uint32_t k0 = static_cast<uint32_t>(seed), k1 = static_cast<uint32_t>(seed >> 32);
    // math::philox_round, with each word in a half of a vector's element.
    for (int round = 0; round < math::kPhiloxRounds; ++round) {
      const Words a = product(c0, math::kPhiloxFactor0), b = product(c2, math::kPhiloxFactor1);
      c0 = (b >> 32) ^ c1 ^ k0;
      c2 = (a >> 32) ^ c3 ^ k1;
      c1 = b;
      c3 = a;
      k0 += math::kPhiloxStep0;
      k1 += math::kPhiloxStep1;
    }
    const LowWords result = __builtin_convertvector(c0, LowWords);
    if (i + kWords <= n)
      store(words + i, result);
    else
      for (int64_t k = i; k < n; ++k) words[k] = result[k - i];
  }
}

}  // namespace
}  // namespace tppo::cpu
