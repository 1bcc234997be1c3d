// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace tppo::cpu {

/// Median of `count` >= 1 non-negative numbers; the mean of the two middle ones for an even count. Allocates nothing.
double median(const int32_t* values, int64_t count);

}  // namespace tppo::cpu
