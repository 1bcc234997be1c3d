// SPDX-License-Identifier: Apache-2.0
// exp, expm1 and log by one name for numbers and, on the CPU, for vectors of numbers, which have their own.
#pragma once

#include "hd.h"

namespace tppo::math {

template <typename T>
struct Elementary {
  static TPPO_HD T exp(T x) { return ::exp(x); }
  static TPPO_HD T expm1(T x) { return ::expm1(x); }
  static TPPO_HD T log(T x) { return ::log(x); }
};

}  // namespace tppo::math
