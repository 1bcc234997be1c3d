// SPDX-License-Identifier: Apache-2.0
#include "../math/balance_mask.h"

#include <algorithm>

#include "cpu_backend.h"
#include "isa.h"
#include "thread_pool.h"
#include "workspace.h"

namespace tppo::cpu {
namespace {

constexpr int64_t kAtATime = 256;           // tokens whose random words exist at a time
constexpr int64_t kMostIn32Bits = 1 << 20;  // tokens counted in 32 bits, which are faster in vectors than 64

/// For each class how many of the tokens it has for which counts(i) is 1.
template <typename Counts>
void count_classes(const tppo_balance_mask_args& a, int64_t begin, int64_t end, double* classes, Counts counts) {
  std::fill(classes, classes + 3, 0.0);
  while (begin < end) {
    int32_t n[3] = {0, 0, 0};
    for (const int64_t stop = std::min(begin + kMostIn32Bits, end); begin < stop; ++begin)
      for (int32_t k = 0; k < 3; ++k) n[k] += counts(begin) & (a.labels[begin] == k);
    for (int k = 0; k < 3; ++k) classes[k] += n[k];
  }
}

void keep_sequence(const tppo_balance_mask_args& a, const TokenKernels& kernels, math::BalanceRule rule, uint32_t sample, int64_t begin, int64_t end) {
  uint32_t words[kAtATime] = {};  // of no account where no class is thinned
  uint8_t keep[kAtATime];          // apart from the arguments, so that the compiler may take several tokens at a time
  for (int64_t i = begin; i < end; i += kAtATime) {
    const int64_t n = std::min(kAtATime, end - i);
    const int32_t* const labels = a.labels + i;
    const uint8_t* const mask = a.mask != nullptr ? a.mask + i : nullptr;
    if (rule.thinned >= 0) kernels.balance_words(static_cast<uint32_t>(i - begin), sample, a.step, a.seed, n, words);
    for (int64_t k = 0; k < n; ++k) keep[k] = math::balance_keep(rule, labels[k], words[k]) & valid(mask, k);
    std::copy(keep, keep + n, a.out + i);
  }
}

}  // namespace

uint64_t balance_mask_workspace(const tppo_balance_mask_args& a, int32_t) {
  Workspace w;
  w.take<double>(a.num_sequences * 3);
  return w.size();
}

int32_t balance_mask(const tppo_balance_mask_args& a, const Call& call) {
  const Sequences sequences(a);
  // Past the last valid token of a sequence nothing is counted or kept.
  const auto last = [&](int64_t b) { return valid_end(a.mask, sequences.begin(b), sequences.end(b)); };
  double* const partial = Workspace(call.workspace).take<double>(sequences.count * 3);
  double counts[3] = {}, kept[3];
  const bool given = a.count1 >= 0;
  if (!given || a.stats != nullptr) {
    parallel(sequences.count, a.num_tokens / 2 + sequences.count * 10, [&](int64_t b) {
      count_classes(a, sequences.begin(b), last(b), partial + 3 * b, [&](int64_t i) { return valid(a.mask, i); });
    });
    add_blocks(partial, sequences.count, 3, counts);
  }
  const math::BalanceRule rule =
      math::balance_rule(given ? a.count1 : static_cast<int64_t>(counts[1]), given ? a.count2 : static_cast<int64_t>(counts[2]), a.rho);

  const TokenKernels& kernels = token_kernels();
  parallel(sequences.count, a.num_tokens * 2 + sequences.count * 30, [&](int64_t b) {
    const uint32_t sample = a.sample_ids != nullptr ? a.sample_ids[b] : static_cast<uint32_t>(a.first_sample + b);
    const int64_t begin = sequences.begin(b), end = last(b);
    keep_sequence(a, kernels, rule, sample, begin, end);
    std::fill(a.out + end, a.out + sequences.end(b), uint8_t{0});
    if (a.stats != nullptr) count_classes(a, begin, end, partial + 3 * b, [&](int64_t i) { return a.out[i]; });
  });
  if (a.stats != nullptr) {
    add_blocks(partial, sequences.count, 3, kept);
    std::copy(counts, counts + 3, a.stats + TPPO_BALANCE_COUNT0);
    std::copy(kept + 1, kept + 3, a.stats + TPPO_BALANCE_KEPT1);
  }
  return TPPO_OK;
}

}  // namespace tppo::cpu
