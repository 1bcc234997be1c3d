// SPDX-License-Identifier: Apache-2.0
// Argument checks of the C API. The first failure is kept and becomes the message; all later checks are then skipped.
#pragma once

#include "status.h"

namespace tppo {

/// Checks of one call. Names are those of the fields in tppo.h, so that the message tells the caller what to change.
class Check {
 public:
  /// device < 0: host memory, whose contents are checked too. shapes_only: pointers are not looked at (size queries).
  Check(const char* operation, int32_t device, bool shapes_only);

  bool ok() const { return status_ == TPPO_OK; }
  int32_t status() const { return status_; }
  bool on_cpu() const { return device_ < 0; }
  /// Pointers and contents are to be checked.
  bool pointers() const { return ok() && !shapes_only_; }
  bool contents() const { return pointers() && on_cpu(); }

  void fail(const char* format, ...) __attribute__((format(printf, 2, 3)));
  void at_least(const char* name, int64_t value, int64_t low);
  /// A number of items: at least `low`, and small enough that no size computed from it overflows.
  void count(const char* name, int64_t value, int64_t low = 0);
  void one_of(const char* name, int32_t value, int32_t low, int32_t high);
  void dtype(int32_t value);
  /// Finite and within [low, high]; `open_low`: low itself is refused.
  void real(const char* name, double value, double low, double high, bool open_low = false);

  /// Bytes of rows * stride elements (the last row only `width`), or -1 after an overflow was reported.
  int64_t rows(const char* name, int64_t rows, int64_t width, int64_t stride, int64_t element);
  /// num_tokens and num_sequences of the padded or packed layout; cu_seqlens is checked with it.
  void layout(int64_t num_tokens, int64_t num_sequences, const int32_t* cu_seqlens);

  /// Registers arrays (bytes 0: nothing will be touched, any address will do). Alignment is that of the element.
  void input(const char* name, const void* address, int64_t bytes, int64_t element, bool required);
  void output(const char* name, const void* address, int64_t bytes, int64_t element, bool required = false);
  /// The two arrays may be one and the same.
  void may_be_same(const char* output, const char* input);
  /// Reports overlaps among the registered arrays; the last check.
  int32_t finish();

 private:
  struct Array {
    const char* name;
    uintptr_t begin, end;
    bool written;
  };
  void add(const char* name, const void* address, int64_t bytes, int64_t element, bool required, bool written);
  bool allowed(const Array& output, const Array& other) const;

  static constexpr int kMaxArrays = 32, kMaxPairs = 8;
  const char* operation_;
  int32_t device_;
  bool shapes_only_;
  int32_t status_ = TPPO_OK;
  Array arrays_[kMaxArrays];
  int array_count_ = 0;
  const char* pairs_[kMaxPairs][2];
  int pair_count_ = 0;
};

}  // namespace tppo
