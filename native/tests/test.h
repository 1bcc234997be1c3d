// SPDX-License-Identifier: Apache-2.0
// The little that the tests need: named cases, checks that say what they found, random numbers, and runs over every setting of the
// library that must not change a bit (threads, for some operations instruction sets) or may change only rounding.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "arrays.h"
#include "tppo.h"

namespace test {

inline int failures = 0;
inline std::vector<std::pair<const char*, void (*)()>>& cases() {
  static std::vector<std::pair<const char*, void (*)()>> list;
  return list;
}
struct Register {
  Register(const char* name, void (*body)()) { cases().emplace_back(name, body); }
};

#define TEST(name)                                       \
  static void name();                                    \
  static const test::Register register_##name{#name, name}; \
  static void name()

inline void failed(const char* file, int line, const std::string& what) {
  if (++failures <= 20) fprintf(stderr, "%s:%d: %s\n", file, line, what.c_str());
}

#define CHECK(condition) \
  do {                   \
    if (!(condition)) test::failed(__FILE__, __LINE__, "not true: " #condition); \
  } while (0)

/// |actual - expected| <= absolute + relative |expected|; two NaN or two equal infinities agree.
inline void check_near(const char* file, int line, const char* text, double actual, double expected, double absolute, double relative) {
  if (actual == expected || (std::isnan(actual) && std::isnan(expected))) return;
  if (std::fabs(actual - expected) <= absolute + relative * std::fabs(expected)) return;
  char buffer[300];
  snprintf(buffer, sizeof buffer, "%s is %.9g, expected %.9g", text, actual, expected);
  failed(file, line, buffer);
}
#define CHECK_NEAR(actual, expected, absolute, relative) \
  test::check_near(__FILE__, __LINE__, #actual, actual, expected, absolute, relative)

inline void check_ok(const char* file, int line, int32_t status) {
  if (status != TPPO_OK) failed(file, line, std::string("status ") + std::to_string(status) + ": " + tppo_last_error());
}
#define CHECK_OK(...) test::check_ok(__FILE__, __LINE__, __VA_ARGS__)

/// The call fails with `status` and its message contains `part`.
inline void check_error(const char* file, int line, int32_t actual, int32_t status, const char* part) {
  if (actual == status && strstr(tppo_last_error(), part) != nullptr) return;
  failed(file, line, "status " + std::to_string(actual) + " \"" + tppo_last_error() + "\", expected " + std::to_string(status) + " naming " + part);
}
#define CHECK_ERROR(call, status, part) test::check_error(__FILE__, __LINE__, call, status, part)
#define CHECK_INVALID(call, part) CHECK_ERROR(call, TPPO_INVALID_ARGUMENT, part)

/// A plain generator, equal everywhere.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed * 2654435769u + 88172645463325252u) {}
  double uniform() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return static_cast<double>(state_ >> 11) * 0x1p-53;
  }
  double normal() { return std::sqrt(-2.0 * std::log(uniform() + 1e-300)) * std::cos(6.283185307179586 * uniform()); }
  int64_t below(int64_t n) { return static_cast<int64_t>(uniform() * static_cast<double>(n)); }
  Vec<float> normals(int64_t n, double scale = 1.0) {
    Vec<float> v(static_cast<size_t>(n));
    for (float& x : v) x = static_cast<float>(scale * normal());
    return v;
  }
  /// Mask with holes; about `share` of it is 1.
  Vec<uint8_t> mask(int64_t n, double share) {
    Vec<uint8_t> v(static_cast<size_t>(n));
    for (uint8_t& x : v) x = uniform() < share;
    return v;
  }

 private:
  uint64_t state_;
};

inline const float kNaN = std::numeric_limits<float>::quiet_NaN();
inline const float kInf = std::numeric_limits<float>::infinity();
/// What may lie in a masked slot.
inline const float kPoison[] = {kNaN, kInf, -kInf, 1e30f, -1e30f};
/// What the tests fill outputs with before a call: a value that no operation may leave behind.
constexpr float kUnwritten = -12345.678f;

inline Vec<float> unwritten(int64_t n) { return Vec<float>(static_cast<size_t>(n), kUnwritten); }

template <typename T>
bool same_bits(const Vec<T>& a, const Vec<T>& b) {
  return a.size() == b.size() && (a.empty() || memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

inline uint16_t to_bf16(float f) {
  uint32_t u;
  memcpy(&u, &f, 4);
  if (std::isnan(f)) return static_cast<uint16_t>((u >> 16) | 0x40);
  return static_cast<uint16_t>((u + 0x7fff + ((u >> 16) & 1)) >> 16);
}
inline float from_bf16(uint16_t h) {
  const uint32_t u = static_cast<uint32_t>(h) << 16;
  float f;
  memcpy(&f, &u, 4);
  return f;
}

/// Rounds to nearest even, as to_bf16 does.
inline uint16_t to_f16(float f) {
  const uint16_t sign = std::signbit(f) ? 0x8000 : 0;
  const double a = std::fabs(static_cast<double>(f));
  if (std::isnan(f)) return 0x7e00;
  if (a >= 65520.0) return sign | 0x7c00;
  const int exponent = a < 0x1p-14 ? -14 : std::ilogb(a);
  const int units = static_cast<int>(std::nearbyint(std::ldexp(a, 10 - exponent)));  // of the last place; 1024 to 2048 for normal numbers
  return static_cast<uint16_t>(sign | (units < 1024 ? units : (exponent + 14) * 1024 + units));
}
inline float from_f16(uint16_t h) {
  const int exponent = h >> 10 & 31, fraction = h & 1023;
  const double a = exponent == 31 ? (fraction == 0 ? INFINITY : NAN) : exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
  return static_cast<float>(h & 0x8000 ? -a : a);
}

/// The arguments of an operation with its defaults.
template <typename Args>
Args args_of(void (*init)(Args*)) {
  Args a;
  init(&a);
  return a;
}

/// The status of a call whose results are wanted now.
inline int32_t finished(int32_t status) { return status == TPPO_OK && kOnDevice ? tppo_cuda_synchronize(kDevice, nullptr) : status; }

/// Calls the operation with a workspace of exactly the size asked for, off alignment and full of NaN bits.
template <typename Args>
int32_t run(int32_t (*operation)(const Args*, int32_t, void*, void*, uint64_t), int32_t (*size)(const Args*, int32_t, uint64_t*), const Args& args) {
  uint64_t bytes = 0;
  if (const int32_t status = size(&args, kDevice, &bytes)) return status;
  Vec<unsigned char> workspace(bytes + 1, 0xff);
  return finished(operation(&args, kDevice, nullptr, bytes > 0 ? workspace.data() + 1 : nullptr, bytes));
}
#define RUN(op, args) test::run(tppo_##op, tppo_##op##_workspace, args)

/// The same for an operation behind an output layer.
template <typename Args>
int32_t run_linear(int32_t (*operation)(const tppo_linear_args*, const Args*, int32_t, void*, void*, uint64_t),
                   int32_t (*size)(const tppo_linear_args*, const Args*, int32_t, uint64_t*), const tppo_linear_args& linear, const Args& args) {
  uint64_t bytes = 0;
  if (const int32_t status = size(&linear, &args, kDevice, &bytes)) return status;
  Vec<unsigned char> workspace(bytes + 1, 0xff);
  return finished(operation(&linear, &args, kDevice, nullptr, bytes > 0 ? workspace.data() + 1 : nullptr, bytes));
}
#define RUN_LINEAR(op, linear, args) test::run_linear(tppo_linear_##op, tppo_linear_##op##_workspace, linear, args)

/// Runs body under every instruction set this CPU has, or once on a device.
inline void each_isa(const std::function<void()>& body) {
  if (kOnDevice) return body();
  for (const char* isa : {"portable", "x86-64-v3", "x86-64-v4", "x86-64-v4-bf16", "neon"})
    if (tppo_set_cpu_isa(isa) == TPPO_OK) body();
  tppo_set_cpu_isa("auto");
}

/// body appends its results; under every instruction set they must be the same bits for 1, 2 and 5 threads, and with across_isas the same under all
/// of them; on a device in every run.
inline void check_threads(const char* file, int line, bool across_isas, const std::function<Vec<float>()>& body) {
  if (kOnDevice) {
    if (!same_bits(body(), body())) failed(file, line, "bits change from run to run");
    return;
  }
  Vec<float> first;
  each_isa([&] {
    tppo_set_threads(1);
    const Vec<float> one = body();
    if (first.empty()) first = one;
    if (across_isas && !same_bits(one, first)) failed(file, line, std::string("other bits under ") + tppo_cpu_isa());
    for (int32_t threads : {2, 5}) {
      tppo_set_threads(threads);
      for (int repeat = 0; repeat < 3; ++repeat)
        if (!same_bits(body(), one)) failed(file, line, std::string("bits change with threads under ") + tppo_cpu_isa());
    }
    tppo_set_threads(0);
  });
}
/// Leaves a test that says nothing about devices.
#define ONLY_ON_CPU(reason)                     \
  do {                                          \
    if (test::kOnDevice) {                      \
      printf("skip %s: %s\n", __func__, reason); \
      return;                                   \
    }                                           \
  } while (0)

#define CHECK_THREADS(...) test::check_threads(__FILE__, __LINE__, false, __VA_ARGS__)
#define CHECK_THREADS_AND_ISAS(...) test::check_threads(__FILE__, __LINE__, true, __VA_ARGS__)

/// Appends the bits of a vector of any type, as floats, for the comparisons above.
template <typename T>
void append(Vec<float>& all, const Vec<T>& v) {
  const size_t bytes = v.size() * sizeof(T);
  const size_t at = all.size();
  all.resize(at + (bytes + 3) / 4, 0.0f);
  if (bytes > 0) memcpy(all.data() + at, v.data(), bytes);
}

}  // namespace test

/// Runs the cases that are named, or all.
int main(int count, char** names) {
  for (const auto& [name, body] : test::cases()) {
    if (count > 1 && std::none_of(names + 1, names + count, [&, wanted = name](const char* given) { return strcmp(given, wanted) == 0; })) continue;
    const int before = test::failures;
    body();
    printf("%s %s\n", test::failures == before ? "ok  " : "FAIL", name);
  }
  return test::failures == 0 ? 0 : 1;
}
