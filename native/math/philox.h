// SPDX-License-Identifier: Apache-2.0
// Philox4x32-10, a counter-based random generator (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011).
#pragma once

#include "hd.h"

namespace tppo::math {

constexpr int kPhiloxRounds = 10;
constexpr uint32_t kPhiloxFactor0 = 0xD2511F53u, kPhiloxFactor1 = 0xCD9E8D57u;  // of words 0 and 2
constexpr uint32_t kPhiloxStep0 = 0x9E3779B9u, kPhiloxStep1 = 0xBB67AE85u;      // of the key's halves, from round to round

struct Philox {
  uint32_t word[4];
};

TPPO_HD Philox philox_round(const Philox& c, uint32_t k0, uint32_t k1) {
  const uint64_t a = static_cast<uint64_t>(kPhiloxFactor0) * c.word[0];
  const uint64_t b = static_cast<uint64_t>(kPhiloxFactor1) * c.word[2];
  return Philox{{static_cast<uint32_t>(b >> 32) ^ c.word[1] ^ k0, static_cast<uint32_t>(b),
                 static_cast<uint32_t>(a >> 32) ^ c.word[3] ^ k1, static_cast<uint32_t>(a)}};
}

/// The four random words of `counter` under the key `seed`.
TPPO_HD Philox philox(Philox counter, uint64_t seed) {
  uint32_t k0 = static_cast<uint32_t>(seed);
  uint32_t k1 = static_cast<uint32_t>(seed >> 32);
  for (int round = 0; round < kPhiloxRounds; ++round) {
    counter = philox_round(counter, k0, k1);
    k0 += kPhiloxStep0;
    k1 += kPhiloxStep1;
  }
  return counter;
}

}  // namespace tppo::math
