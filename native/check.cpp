// SPDX-License-Identifier: Apache-2.0
#include "check.h"

#include <cstdarg>
#include <cstdio>
#include <cstring>

namespace tppo {

Check::Check(const char* operation, int32_t device, bool shapes_only)
    : operation_(operation), device_(device), shapes_only_(shapes_only) {}

void Check::fail(const char* format, ...) {
  if (!ok()) return;
  char text[512];
  va_list list;
  va_start(list, format);
  vsnprintf(text, sizeof text, format, list);
  va_end(list);
  status_ = tppo::fail(TPPO_INVALID_ARGUMENT, "%s: %s", operation_, text);
}

void Check::at_least(const char* name, int64_t value, int64_t low) {
  if (value < low) fail("%s is %lld, expected at least %lld", name, static_cast<long long>(value), static_cast<long long>(low));
}

void Check::count(const char* name, int64_t value, int64_t low) {
  at_least(name, value, low);
  constexpr int64_t kMost = INT64_C(1) << 56;
  if (value > kMost) fail("%s is %lld, more than 2^56", name, static_cast<long long>(value));
}

void Check::one_of(const char* name, int32_t value, int32_t low, int32_t high) {
  if (value < low || value > high) fail("%s is %d, expected one of its constants %d to %d", name, value, low, high);
}

void Check::dtype(int32_t value) {
  if (value == TPPO_F32 || value == TPPO_BF16 || value == TPPO_F16) return;
  fail("dtype is %d, expected TPPO_F32 (%d), TPPO_BF16 (%d) or TPPO_F16 (%d)", value, TPPO_F32, TPPO_BF16, TPPO_F16);
}

void Check::real(const char* name, double value, double low, double high, bool open_low) {
  if (value >= low && value <= high && !(open_low && value == low) && value - value == 0.0) return;
  fail("%s is %g, expected a finite number in %c%g, %g]", name, value, open_low ? '(' : '[', low, high);
}

int64_t Check::rows(const char* name, int64_t rows, int64_t width, int64_t stride, int64_t element) {
  if (!ok() || rows == 0) return 0;
  int64_t elements, bytes;
  if (__builtin_mul_overflow(rows - 1, stride, &elements) || __builtin_add_overflow(elements, width, &elements) ||
      __builtin_mul_overflow(elements, element, &bytes)) {
    fail("%s: %lld rows of stride %lld exceed 2^63 bytes", name, static_cast<long long>(rows), static_cast<long long>(stride));
    return -1;
  }
  return bytes;
}

void Check::layout(int64_t num_tokens, int64_t num_sequences, const int32_t* cu_seqlens) {
  count("num_tokens", num_tokens);
  count("num_sequences", num_sequences);
  if (!ok()) return;
  if (num_sequences == 0 && num_tokens > 0) return fail("num_sequences is 0 but num_tokens is %lld", static_cast<long long>(num_tokens));
  if (cu_seqlens == nullptr) {
    if (num_sequences > 0 && num_tokens % num_sequences != 0)
      fail("num_tokens %lld is not a multiple of num_sequences %lld; padded sequences have one length (give cu_seqlens for packed ones)",
           static_cast<long long>(num_tokens), static_cast<long long>(num_sequences));
    return;
  }
  if (num_tokens > INT32_MAX) return fail("num_tokens %lld exceeds the int32 of cu_seqlens", static_cast<long long>(num_tokens));
  input("cu_seqlens", cu_seqlens, (num_sequences + 1) * 4, 4, true);
  if (!contents()) return;
  if (cu_seqlens[0] != 0) return fail("cu_seqlens[0] is %d, expected 0", cu_seqlens[0]);
  for (int64_t b = 0; b < num_sequences; ++b)
    if (cu_seqlens[b + 1] < cu_seqlens[b])
      return fail("cu_seqlens[%lld] is %d, less than the %d before it", static_cast<long long>(b + 1), cu_seqlens[b + 1], cu_seqlens[b]);
  if (cu_seqlens[num_sequences] != num_tokens)
    fail("cu_seqlens[%lld] is %d, expected num_tokens %lld", static_cast<long long>(num_sequences), cu_seqlens[num_sequences],
         static_cast<long long>(num_tokens));
}

void Check::input(const char* name, const void* address, int64_t bytes, int64_t element, bool required) {
  add(name, address, bytes, element, required, false);
}

void Check::output(const char* name, const void* address, int64_t bytes, int64_t element, bool required) {
  add(name, address, bytes, element, required, true);
}

void Check::add(const char* name, const void* address, int64_t bytes, int64_t element, bool required, bool written) {
  if (!pointers() || bytes == 0) return;
  if (address == nullptr) {
    if (required) fail("%s is NULL", name);
    return;
  }
  const uintptr_t begin = reinterpret_cast<uintptr_t>(address);
  if (begin % static_cast<uintptr_t>(element) != 0) return fail("%s is not aligned to its %lld-byte elements", name, static_cast<long long>(element));
  uintptr_t end;
  if (__builtin_add_overflow(begin, static_cast<uintptr_t>(bytes), &end)) return fail("%s: %lld bytes from this address exceed the address space", name, static_cast<long long>(bytes));
  arrays_[array_count_++] = Array{name, begin, end, written};
}

void Check::may_be_same(const char* output, const char* input) {
  pairs_[pair_count_][0] = output;
  pairs_[pair_count_++][1] = input;
}

bool Check::allowed(const Array& output, const Array& other) const {
  if (output.begin != other.begin) return false;
  for (int p = 0; p < pair_count_; ++p)
    if (strcmp(pairs_[p][0], output.name) == 0 && strcmp(pairs_[p][1], other.name) == 0) return true;
  return false;
}

int32_t Check::finish() {
  for (int o = 0; o < array_count_ && ok(); ++o) {
    if (!arrays_[o].written) continue;
    for (int i = 0; i < array_count_; ++i) {
      if (i == o || (arrays_[i].written && i < o)) continue;
      const bool overlap = arrays_[o].begin < arrays_[i].end && arrays_[i].begin < arrays_[o].end;
      if (overlap && !allowed(arrays_[o], arrays_[i])) {
        fail("%s overlaps %s", arrays_[o].name, arrays_[i].name);
        break;
      }
    }
  }
  return status_;
}

}  // namespace tppo
