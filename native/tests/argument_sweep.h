// SPDX-License-Identifier: Apache-2.0
// Puts into each field of a call's argument structs what can be wrong with a field of its type, as the headers give it.
#pragma once

#include <climits>
#include <set>
#include <tuple>
#include <utility>

#include "api_header.h"
#include "test.h"
#include "tppo_decoder.h"

namespace test {

inline const ApiHeader kHeaders[] = {ApiHeader(TPPO_HEADERS "/tppo.h"), ApiHeader(TPPO_HEADERS "/tppo_decoder.h")};
/// Functions that were called with bad arguments.
inline std::set<std::string> covered;

inline const std::vector<Field>& fields_of(const std::string& type) {
  for (const ApiHeader& header : kHeaders)
    if (const auto found = header.structs.find(type); found != header.structs.end()) return found->second;
  failed(__FILE__, __LINE__, "the headers have no struct " + type);
  static const std::vector<Field> none;
  return none;
}

/// An argument struct of a call, right in all its fields.
struct Struct {
  std::string type;
  unsigned char* bytes;

  template <typename T>
  T& at(const Field& field, int64_t index = 0) const {
    return *reinterpret_cast<T*>(bytes + field.offset + static_cast<size_t>(index) * sizeof(T));
  }
  uintptr_t& address(const Field& field) const { return at<uintptr_t>(field); }
};

template <typename... Args>
class Call {
 public:
  using Operation = int32_t (*)(const Args*..., int32_t, void*, void*, uint64_t);
  using Size = int32_t (*)(const Args*..., int32_t, uint64_t*);

  Call(const char* name, Operation operation, Size size, Args&... args)
      : name_(name), operation_(operation), size_(size), args_(&args...), memory_(64 * kBlock) {
    covered.insert({std::string("tppo_") + name, std::string("tppo_") + name + "_workspace"});
  }

  /// Gives every array of a struct memory of its own, but for those named in `null`.
  template <typename T>
  Call& arrays(const char* type, T& args, const std::set<std::string>& null = {}) {
    structs_.push_back({type, reinterpret_cast<unsigned char*>(&args)});
    for (const Field& f : fields_of(type)) {
      if (!f.pointer || structs_.back().address(f) != 0 || null.count(f.name) > 0) continue;
      unsigned char* const block = block_at(blocks_++);
      std::fill_n(block, kBlock, f.type == "uint8_t" ? 1 : 0);
      structs_.back().address(f) = reinterpret_cast<uintptr_t>(block);
    }
    return *this;
  }

  void sweep() {
    before_ = memory_;
    right("the right call");
    whole_call();
    for (const Struct& s : structs_)
      for (const Field& f : fields_of(s.type)) {
        if (f.pointer)
          pointer(s, f);
        else if (f.name == "size")
          for (uint64_t x : {UINT64_C(0), s.at<uint64_t>(f) - 8, s.at<uint64_t>(f) + 8, UINT64_MAX}) refuses(s, f, x);
        else if (f.type == "double")
          for (double x : {static_cast<double>(kNaN), static_cast<double>(kInf), -static_cast<double>(kInf)})
            for (int64_t i = 0; i < f.count; ++i) refuses(s, f, x, i);
        else if (f.type == "int32_t" && f.name != "reserved")
          for (int32_t x : {-1, 1000, INT32_MIN, INT32_MAX}) refuses(s, f, x);
        else if (f.type == "int64_t")
          integer(s, f);
      }
  }

 private:
  static constexpr size_t kBlock = 1024;

  unsigned char* block_at(size_t index) {
    unsigned char* const first = reinterpret_cast<unsigned char*>((reinterpret_cast<uintptr_t>(memory_.data()) + 63) / 64 * 64);
    CHECK((index + 2) * kBlock <= memory_.size());
    return first + index * kBlock + kBlock / 2;  // room before it for arrays that begin too early
  }

  void integer(const Struct& s, const Field& f) {
    const bool stride = f.name.find("stride") != std::string::npos;
    for (int64_t x : {INT64_C(-1), INT64_MIN, INT64_MAX, INT64_C(1) << 57}) {
      if (x == s.at<int64_t>(f)) continue;                                     // counts for which -1 says that there are none
      if (x > 0 && (f.name == "step" || f.name == "window")) continue;         // may be as large as one likes
      if (stride && x == INT64_C(1) << 57) continue;                           // a size that fits the address space may be there
      refuses(s, f, x);
    }
  }

  void pointer(const Struct& s, const Field& f) {
    uintptr_t& address = s.address(f);
    const uintptr_t good = address;
    if (good == 0) return;
    address = 0;
    if (f.required())
      refused(s, f, "NULL", f.name.c_str());
    else
      right("without " + f.name, true);
    const uintptr_t element = static_cast<uintptr_t>(f.element());
    if (element > 1) {
      address = good + 1;
      refused(s, f, "off its alignment", f.name.c_str());
    }
    address = -element;
    refused(s, f, "at the end of the address space", f.name.c_str());
    if (!f.constant)
      for (const Struct& other : structs_)
        for (const Field& g : fields_of(other.type)) {
          if (!g.pointer || &other.address(g) == &address || other.address(g) == 0) continue;
          address = (other.address(g) - 1) / element * element;  // aligned, so that the overlap is what is wrong
          refused(s, f, ("over " + g.name).c_str(), "overlaps");
        }
    address = good;
  }

  template <typename T>
  void refuses(const Struct& s, const Field& f, T wrong, int64_t index = 0) {
    T& value = s.at<T>(f, index);
    const T good = value;
    value = wrong;
    // A stride is told of by itself or by the array that it makes too large.
    refused(s, f, std::to_string(wrong).c_str(), f.name.substr(0, f.name.find("_stride")).c_str());
    value = good;
  }

  void refused(const Struct& s, const Field& f, const char* change, const char* part) {
    const int32_t status = call();
    if (status != TPPO_INVALID_ARGUMENT || strstr(tppo_last_error(), part) == nullptr)
      failed(__FILE__, __LINE__, std::string("tppo_") + name_ + ", " + s.type + "." + f.name + " " + change + ": status " +
                                           std::to_string(status) + " " + tppo_last_error());
    CHECK(memory_ == before_);
  }

  /// The call succeeds, or may be refused too.
  void right(const std::string& what, bool or_refused = false) {
    const int32_t status = call();
    if (status != TPPO_OK && !(or_refused && status == TPPO_INVALID_ARGUMENT))
      failed(__FILE__, __LINE__, std::string("tppo_") + name_ + ", " + what + ": " + tppo_last_error());
    std::copy(before_.begin(), before_.end(), memory_.begin());
  }

  void whole_call() {
    uint64_t bytes = 0;
    each_struct_null(std::index_sequence_for<Args...>());
    for (int32_t device : {-2, INT32_MIN, 1000, INT32_MAX}) {
      CHECK(size(device, &bytes) != TPPO_OK && strstr(tppo_last_error(), "device") != nullptr);
      CHECK(run(device, nullptr, 0) != TPPO_OK && strstr(tppo_last_error(), "device") != nullptr);
    }
    if (tppo_cuda_device_count() == 0) CHECK_ERROR(run(0, nullptr, 0), TPPO_UNSUPPORTED, "device");
    CHECK_INVALID(size(kDevice, nullptr), "bytes");
    CHECK_OK(size(kDevice, &bytes));
    if (bytes == 0) return;
    Vec<unsigned char> workspace(bytes);
    CHECK_INVALID(run(kDevice, nullptr, bytes), "workspace");
    CHECK_INVALID(run(kDevice, workspace.data(), bytes - 1), "workspace_size");
    CHECK_INVALID(run(kDevice, workspace.data(), 0), "workspace_size");
    CHECK(memory_ == before_);
  }

  template <size_t... I>
  void each_struct_null(std::index_sequence<I...>) {
    const auto without = [&](auto& arg) {
      const auto good = arg;
      arg = nullptr;
      uint64_t bytes = 0;
      // What may be left out is said at the call, not by a struct's fields.
      if (std::string(name_) != "token_advantages" || structs_.size() != 3) {
        CHECK_INVALID(size(kDevice, &bytes), "args");
        CHECK_INVALID(run(kDevice, nullptr, 0), "args");
        CHECK_INVALID(run(kDevice, nullptr, 0), name_);
      }
      arg = good;
    };
    (without(std::get<I>(args_)), ...);
  }

  int32_t call() {
    uint64_t bytes = 0;
    if (const int32_t status = size(kDevice, &bytes)) return status;
    Vec<unsigned char> workspace(bytes + 1, 0xff);
    return finished(run(kDevice, bytes > 0 ? workspace.data() + 1 : nullptr, bytes));
  }
  int32_t size(int32_t device, uint64_t* bytes) {
    return std::apply([&](const Args*... a) { return size_(a..., device, bytes); }, args_);
  }
  int32_t run(int32_t device, void* workspace, uint64_t bytes) {
    return std::apply([&](const Args*... a) { return operation_(a..., device, nullptr, workspace, bytes); }, args_);
  }

  const char* const name_;
  const Operation operation_;
  const Size size_;
  std::tuple<const Args*...> args_;
  std::vector<Struct> structs_;
  Vec<unsigned char> memory_, before_;
  size_t blocks_ = 0;
};

}  // namespace test
