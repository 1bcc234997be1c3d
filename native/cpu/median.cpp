// SPDX-License-Identifier: Apache-2.0
#include "median.h"

namespace tppo::cpu {
namespace {

/// k-th smallest (k from 0) by bisection over the values: 31 counting passes, but no copy of the input.
int32_t kth_smallest(const int32_t* values, int64_t count, int64_t k) {
  int32_t low = 0;
  int32_t high = INT32_MAX;
  while (low < high) {
    const int32_t middle = low + (high - low) / 2;
    int64_t not_above = 0;
    for (int64_t i = 0; i < count; ++i) not_above += values[i] <= middle;
    if (not_above > k)
      high = middle;
    else
      low = middle + 1;
  }
  return low;
}

}  // namespace

double median(const int32_t* values, int64_t count) {
  const double upper = kth_smallest(values, count, count / 2);
  return count % 2 == 1 ? upper : (upper + kth_smallest(values, count, count / 2 - 1)) / 2.0;
}

}  // namespace tppo::cpu
