// SPDX-License-Identifier: Apache-2.0
// Carves typed arrays out of the caller's workspace, and sums partial results in their fixed order; tokens under masks and in sequences.
#pragma once

#include <algorithm>
#include <cstdint>

#include "../status.h"

namespace tppo::cpu {

/// The same carving with a NULL base adds up the size that is needed.
class Workspace {
 public:
  explicit Workspace(void* base = nullptr) : base_(base == nullptr ? nullptr : static_cast<char*>(align_up(base, kAlign))) {}

  template <typename T>
  T* take(int64_t count) {
    T* const p = base_ == nullptr ? nullptr : reinterpret_cast<T*>(base_ + used_);
    used_ += (static_cast<uint64_t>(count) * sizeof(T) + kAlign - 1) / kAlign * kAlign;
    return p;
  }

  /// Bytes to ask the caller for, room for alignment included.
  uint64_t size() const { return used_ == 0 ? 0 : used_ + kAlign - 1; }

 private:
  static constexpr uint64_t kAlign = 64;
  char* base_;
  uint64_t used_ = 0;
};

/// Number of blocks of `block` items that hold n items.
inline int64_t blocks_of(int64_t n, int64_t block) { return (n + block - 1) / block; }

/// sums[k] = sum over blocks of partial[block * width + k], in block order.
inline void add_blocks(const double* partial, int64_t blocks, int width, double* sums) {
  for (int k = 0; k < width; ++k) sums[k] = 0.0;
  for (int64_t b = 0; b < blocks; ++b)
    for (int k = 0; k < width; ++k) sums[k] += partial[b * width + k];
}

/// True where the token counts.
inline bool valid(const uint8_t* mask, int64_t i) { return mask == nullptr || mask[i] != 0; }

/// How many tokens count.
inline int64_t valid_tokens(const uint8_t* mask, int64_t n) {
  if (mask == nullptr) return n;
  // Bytes count 16 tokens at a time: counters of 64 bits, converted one by one, would take most of a whitening.
  typedef uint8_t Counts __attribute__((vector_size(16)));
  int64_t count = 0, i = 0;
  while (i + 16 <= n) {
    Counts counts{};
    for (int k = 0; k < 255 && i + 16 <= n; ++k, i += 16) {  // as many as a byte can count
      Counts m;
      __builtin_memcpy(&m, mask + i, sizeof m);
      counts -= reinterpret_cast<Counts>(m != 0);
    }
    for (int k = 0; k < 16; ++k) count += counts[k];
  }
  for (; i < n; ++i) count += mask[i] != 0;
  return count;
}

/// Where the last valid token of [begin, end) ends; `begin` where none is.
inline int64_t valid_end(const uint8_t* mask, int64_t begin, int64_t end) {
  if (mask == nullptr) return end;
  uint64_t eight;
  for (; end - begin >= 8; end -= 8) {
    __builtin_memcpy(&eight, mask + end - 8, sizeof eight);
    if (eight != 0) break;
  }
  while (end > begin && mask[end - 1] == 0) --end;
  return end;
}

/// Token bounds of the sequences of a padded or packed layout.
struct Sequences {
  int64_t count, length;  // length: of padded sequences
  const int32_t* cu_seqlens;

  template <typename Args>
  explicit Sequences(const Args& a)
      : count(a.num_sequences), length(a.num_sequences > 0 ? a.num_tokens / a.num_sequences : 0), cu_seqlens(a.cu_seqlens) {}

  int64_t begin(int64_t b) const { return cu_seqlens != nullptr ? cu_seqlens[b] : b * length; }
  int64_t end(int64_t b) const { return begin(b + 1); }

  /// Of one task, where adding up its sums takes about as long as a short sequence. Neither lengths nor padding may tell.
  static int64_t per_task(int64_t sequences) { return std::min<int64_t>(std::max<int64_t>(sequences / 64, 1), 8); }
};

}  // namespace tppo::cpu
