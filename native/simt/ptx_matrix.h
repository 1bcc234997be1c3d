// SPDX-License-Identifier: Apache-2.0
// The twins of native/cuda/ptx_matrix.cuh.
#pragma once

#include "ptx.h"

namespace tppo::cuda {

template <bool TRANSPOSE>
void load_matrices(uint32_t (&out)[4], const void* shared_row) {
  simt::check_shared(shared_row, 16);
  const simt::Deposit* const lanes = simt::warp_gather(simt::WarpFunction::kLoadMatrices, {{reinterpret_cast<uintptr_t>(shared_row)}});
  const int row = simt::current->lane / 4, pair = simt::current->lane % 4 * 2;
  const auto element = [&](int matrix, int r, int c) {
    uint16_t bits;
    memcpy(&bits, reinterpret_cast<const char*>(lanes[8 * matrix + r].words[0]) + 2 * c, sizeof bits);
    return static_cast<uint32_t>(bits);
  };
  for (int m = 0; m < 4; ++m)
    out[m] = TRANSPOSE ? element(m, pair, row) | element(m, pair + 1, row) << 16 : element(m, row, pair) | element(m, row, pair + 1) << 16;
}

/// Sums in float32 from the first k to the last. The tensor cores keep fewer bits in an order of their own.
template <typename T>
void multiply_add(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  const auto two = [](uint32_t low, uint32_t high) { return low | static_cast<uint64_t>(high) << 32; };
  const simt::Deposit* const lanes = simt::warp_gather(simt::WarpFunction::kMultiplyAdd, {{two(a[0], a[1]), two(a[2], a[3]), two(b0, b1)}});
  const auto half = [](uint32_t word, int i) { return low_half(word >> 16 * (i % 2), T{}); };
  const int row = simt::current->lane / 4, column = simt::current->lane % 4 * 2;
  for (int k = 0; k < 16; ++k) {
    const int holder = k % 8 / 2;  // of its row's four lanes
    const auto a_at = [&](int lower) { return half(static_cast<uint32_t>(lanes[4 * row + holder].words[k / 8] >> 32 * lower), k); };
    const auto b_at = [&](int q) { return half(static_cast<uint32_t>(lanes[4 * q + holder].words[2] >> 32 * (k / 8)), k); };
    c[0] += a_at(0) * b_at(column);
    c[1] += a_at(0) * b_at(column + 1);
    c[2] += a_at(1) * b_at(column);
    c[3] += a_at(1) * b_at(column + 1);
  }
}

}  // namespace tppo::cuda
