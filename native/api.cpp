// SPDX-License-Identifier: Apache-2.0
// The extern "C" functions: check the arguments, choose the backend, keep the message of the last failure.
#include <cstdarg>
#include <cstdio>
#include <exception>
#include <new>

#include "args.h"
#include "check.h"
#include "cpu/cpu_backend.h"
#include "cpu/isa.h"
#include "cpu/median.h"
#include "cpu/thread_pool.h"
#include "cuda/cuda_backend.h"

namespace tppo {
namespace {

thread_local char last_error[768];

#ifndef TPPO_CUDA
const char* const kNoCuda = "this library was built without CUDA; use the cuda13 variant";
#endif

int32_t check_device(int32_t device) {
  if (device == -1) return TPPO_OK;
  if (device < -1) return fail(TPPO_INVALID_ARGUMENT, "device is %d, expected -1 for the CPU or a CUDA device number", device);
#ifdef TPPO_CUDA
  const int32_t count = cuda::device_count();
  if (device < count) return TPPO_OK;
  if (count == 0) return fail(TPPO_UNSUPPORTED, "device is %d but there is no CUDA device: %s", device, cuda::unavailable_reason());
  return fail(TPPO_INVALID_ARGUMENT, "device is %d but there are %d CUDA devices", device, count);
#else
  return fail(TPPO_UNSUPPORTED, "device is %d but %s", device, kNoCuda);
#endif
}

/// No exception may leave the C API.
template <typename F>
int32_t guarded(F&& f) {
  try {
    return f();
  } catch (const std::bad_alloc&) {
    return fail(TPPO_OUT_OF_MEMORY, "host memory is exhausted");
  } catch (const std::exception& e) {
    return fail(TPPO_INTERNAL_ERROR, "%s", e.what());
  }
}

template <typename Args>
int32_t check_struct(const char* name, const Args* args) {
  if (args == nullptr) return fail(TPPO_INVALID_ARGUMENT, "%s: args is NULL", name);
  if (args->size == sizeof(Args)) return TPPO_OK;
  return fail(TPPO_INVALID_ARGUMENT, "%s: args->size is %llu, expected %llu; call its _init function first, and use the binding that belongs to this library",
              name, static_cast<unsigned long long>(args->size), static_cast<unsigned long long>(sizeof(Args)));
}

// Device, structs and arguments in that order; `checked` receives a copy with strides filled in. One overload per shape of call.

template <typename Args>
int32_t checked_copy(const char* name, int32_t device, bool shapes_only, Args& checked, const Args* args) {
  if (const int32_t status = check_struct(name, args)) return status;
  if (const int32_t status = check_device(device)) return status;
  checked = *args;
  return check(checked, device, shapes_only);
}

template <typename Loss>
int32_t checked_copy(const char* name, int32_t device, bool shapes_only, LinearArgs<Loss>& checked, const tppo_linear_args* linear, const Loss* loss) {
  if (const int32_t status = check_struct(name, linear)) return status;
  if (const int32_t status = check_struct(name, loss)) return status;
  if (const int32_t status = check_device(device)) return status;
  checked.linear = *linear;
  checked.loss = *loss;
  return check(checked, device, shapes_only);
}

/// Operations of generation.
template <typename Args>
int32_t checked_cpu_copy(const char* name, int32_t device, bool shapes_only, Args& checked, const Args* args) {
  if (const int32_t status = check_struct(name, args)) return status;
  if (device >= 0) return fail(TPPO_UNSUPPORTED, "%s: device is %d but generation runs on the CPU in this version; give -1", name, device);
  if (const int32_t status = check_device(device)) return status;
  checked = *args;
  return check(checked, device, shapes_only);
}

int32_t checked_copy(const char* name, int32_t device, bool shapes_only, tppo_decoder_args& checked, const tppo_decoder_args* args) {
  return checked_cpu_copy(name, device, shapes_only, checked, args);
}

int32_t checked_copy(const char* name, int32_t device, bool shapes_only, tppo_sample_tokens_args& checked, const tppo_sample_tokens_args* args) {
  return checked_cpu_copy(name, device, shapes_only, checked, args);
}

int32_t checked_copy(const char* name, int32_t device, bool shapes_only, TokenAdvantagesArgs& checked, const tppo_shape_rewards_args* shape,
                     const tppo_gae_args* gae, const tppo_whiten_args* whiten) {
  if (const int32_t status = check_struct(name, shape)) return status;
  if (const int32_t status = check_struct(name, gae)) return status;
  checked.whitens = whiten != nullptr;
  if (checked.whitens)
    if (const int32_t status = check_struct(name, whiten)) return status;
  if (const int32_t status = check_device(device)) return status;
  checked.shape = *shape;
  checked.gae = *gae;
  if (checked.whitens) checked.whiten = *whiten;
  return check(checked, device, shapes_only);
}

/// The two backends of one operation.
template <typename Args>
struct Operation {
  const char* name;
  uint64_t (*cpu_size)(const Args&, int32_t device);
  int32_t (*cpu_run)(const Args&, const Call&);
  uint64_t (*cuda_size)(const Args&, int32_t device);
  int32_t (*cuda_run)(const Args&, const Call&);

  template <typename... Structs>
  int32_t workspace(int32_t device, uint64_t* bytes, const Structs*... structs) const {
    if (bytes == nullptr) return fail(TPPO_INVALID_ARGUMENT, "%s_workspace: bytes is NULL", name);
    return guarded([&] {
      Args a{};
      if (const int32_t status = checked_copy(name, device, true, a, structs...)) return status;
      *bytes = (device < 0 ? cpu_size : cuda_size)(a, device);
      return static_cast<int32_t>(TPPO_OK);
    });
  }

  template <typename... Structs>
  int32_t run(const Call& call, const Structs*... structs) const {
    return guarded([&] {
      Args a{};
      if (const int32_t status = checked_copy(name, call.device, false, a, structs...)) return status;
      const uint64_t needed = (call.device < 0 ? cpu_size : cuda_size)(a, call.device);
      if (needed > 0 && call.workspace == nullptr)
        return fail(TPPO_INVALID_ARGUMENT, "%s: workspace is NULL, %llu bytes are needed", name, static_cast<unsigned long long>(needed));
      if (needed > call.workspace_size)
        return fail(TPPO_INVALID_ARGUMENT, "%s: workspace_size is %llu, %llu bytes are needed", name,
                    static_cast<unsigned long long>(call.workspace_size), static_cast<unsigned long long>(needed));
      return (call.device < 0 ? cpu_run : cuda_run)(a, call);
    });
  }
};

}  // namespace

int32_t fail(int32_t status, const char* format, ...) {
  va_list list;
  va_start(list, format);
  vsnprintf(last_error, sizeof last_error, format, list);
  va_end(list);
  return status;
}

}  // namespace tppo

#ifdef TPPO_CUDA
#define TPPO_CUDA_FUNCTION(f) tppo::cuda::f
#else
#define TPPO_CUDA_FUNCTION(f) tppo::cpu::f /* never called: check_device refuses CUDA devices */
#endif

#define TPPO_BACKENDS(op, Args)                                                                                         \
  tppo::Operation<Args> { "tppo_" #op, tppo::cpu::op##_workspace, tppo::cpu::op, TPPO_CUDA_FUNCTION(op##_workspace), TPPO_CUDA_FUNCTION(op) }

/// For the CPU alone: checked_copy refuses devices.
#define TPPO_CPU_BACKEND(op, Args) \
  tppo::Operation<Args> { "tppo_" #op, tppo::cpu::op##_workspace, tppo::cpu::op, tppo::cpu::op##_workspace, tppo::cpu::op }

#define TPPO_OPERATION(op) TPPO_OPERATION_ON(TPPO_BACKENDS, op)
#define TPPO_OPERATION_ON(backends, op)                                                                                     \
  void tppo_##op##_init(tppo_##op##_args* args) {                                                                           \
    if (args != nullptr) tppo::defaults(*args);                                                                             \
  }                                                                                                                         \
  int32_t tppo_##op##_workspace(const tppo_##op##_args* args, int32_t device, uint64_t* bytes) {                            \
    return backends(op, tppo_##op##_args).workspace(device, bytes, args);                                                   \
  }                                                                                                                         \
  int32_t tppo_##op(const tppo_##op##_args* args, int32_t device, void* stream, void* workspace, uint64_t workspace_size) { \
    return backends(op, tppo_##op##_args).run(tppo::Call{device, stream, workspace, workspace_size}, args);                 \
  }

#define TPPO_LINEAR_OPERATION(op)                                                                                                       \
  int32_t tppo_linear_##op##_workspace(const tppo_linear_args* linear, const tppo_##op##_args* args, int32_t device, uint64_t* bytes) { \
    return TPPO_BACKENDS(linear_##op, tppo::LinearArgs<tppo_##op##_args>).workspace(device, bytes, linear, args);                       \
  }                                                                                                                                     \
  int32_t tppo_linear_##op(const tppo_linear_args* linear, const tppo_##op##_args* args, int32_t device, void* stream, void* workspace, \
                           uint64_t workspace_size) {                                                                                   \
    return TPPO_BACKENDS(linear_##op, tppo::LinearArgs<tppo_##op##_args>)                                                               \
        .run(tppo::Call{device, stream, workspace, workspace_size}, linear, args);                                                      \
  }

extern "C" {

TPPO_OPERATION(token_log_probs)
TPPO_OPERATION(policy_loss)
TPPO_OPERATION(nll_loss)
TPPO_OPERATION(shape_rewards)
TPPO_OPERATION(gae)
TPPO_OPERATION(whiten)
TPPO_OPERATION(reward_model_loss)
TPPO_OPERATION(balance_mask)
TPPO_OPERATION(value_loss)
TPPO_OPERATION(dpo_loss)
TPPO_OPERATION(global_norm)
TPPO_OPERATION(scale)
TPPO_OPERATION(adamw)
TPPO_OPERATION_ON(TPPO_CPU_BACKEND, decoder)
TPPO_OPERATION_ON(TPPO_CPU_BACKEND, sample_tokens)
TPPO_LINEAR_OPERATION(token_log_probs)
TPPO_LINEAR_OPERATION(policy_loss)
TPPO_LINEAR_OPERATION(nll_loss)

void tppo_linear_init(tppo_linear_args* linear) {
  if (linear != nullptr) tppo::defaults(*linear);
}

int32_t tppo_token_advantages_workspace(const tppo_shape_rewards_args* shape, const tppo_gae_args* gae, const tppo_whiten_args* whiten,
                                        int32_t device, uint64_t* bytes) {
  return TPPO_BACKENDS(token_advantages, tppo::TokenAdvantagesArgs).workspace(device, bytes, shape, gae, whiten);
}

int32_t tppo_token_advantages(const tppo_shape_rewards_args* shape, const tppo_gae_args* gae, const tppo_whiten_args* whiten, int32_t device,
                              void* stream, void* workspace, uint64_t workspace_size) {
  return TPPO_BACKENDS(token_advantages, tppo::TokenAdvantagesArgs).run(tppo::Call{device, stream, workspace, workspace_size}, shape, gae, whiten);
}

int32_t tppo_decoder_cache_size(const tppo_decoder_args* args, int64_t* floats) {
  if (const int32_t status = tppo::check_struct("tppo_decoder_cache_size", args)) return status;
  if (floats == nullptr) return tppo::fail(TPPO_INVALID_ARGUMENT, "tppo_decoder_cache_size: floats is NULL");
  return tppo::check_cache("tppo_decoder_cache_size", *args, floats);
}

int32_t tppo_decoder_copy_slot(const tppo_decoder_args* args, int64_t from, int64_t to, int64_t positions) {
  const char* const name = "tppo_decoder_copy_slot";
  if (const int32_t status = tppo::check_struct(name, args)) return status;
  int64_t floats;
  if (const int32_t status = tppo::check_cache(name, *args, &floats)) return status;
  const auto outside = [&](const char* argument, int64_t value, int64_t end) {
    return tppo::fail(TPPO_INVALID_ARGUMENT, "%s: %s is %lld, outside [0, %lld)", name, argument, static_cast<long long>(value), static_cast<long long>(end));
  };
  if (from < 0 || from >= args->num_slots) return outside("from", from, args->num_slots);
  if (to < 0 || to >= args->num_slots) return outside("to", to, args->num_slots);
  if (positions < 0 || positions > args->slot_capacity) return outside("positions", positions, args->slot_capacity + 1);
  tppo::Check check(name, -1, false);
  check.output("cache", args->cache, floats * 4, 4, true);
  if (!check.ok()) return check.status();
  tppo::cpu::decoder_copy_slot(*args, from, to, positions);
  return TPPO_OK;
}

int32_t tppo_suggested_length(const int32_t* lengths, int64_t count, int32_t num_queries, double* result) {
  tppo::Check check("tppo_suggested_length", -1, false);
  check.count("count", count, 1);
  check.at_least("num_queries", num_queries, 1);
  if (!check.ok()) return check.status();
  check.input("lengths", lengths, count * 4, 4, true);
  check.output("result", result, 8, 8, true);
  for (int64_t i = 0; i < count && check.ok(); ++i)
    if (lengths[i] < 0) check.fail("lengths[%lld] is %d", static_cast<long long>(i), lengths[i]);
  if (const int32_t status = check.finish()) return status;
  *result = tppo::cpu::median(lengths, count) * num_queries;
  return TPPO_OK;
}

const char* tppo_version(void) { return TPPO_VERSION; }
const char* tppo_build_id(void) { return TPPO_BUILD_ID; }
const char* tppo_variant(void) { return TPPO_VARIANT; }
const char* tppo_last_error(void) { return tppo::last_error; }

int32_t tppo_set_threads(int32_t threads) {
  if (threads < 0 || threads > 1024) return tppo::fail(TPPO_INVALID_ARGUMENT, "tppo_set_threads: threads is %d, expected 0 to 1024", threads);
  tppo::cpu::set_threads(threads);
  return TPPO_OK;
}

int32_t tppo_get_threads(void) { return tppo::cpu::threads(); }

const char* tppo_cpu_isa(void) { return tppo::cpu::isa_name(); }

int32_t tppo_set_cpu_isa(const char* isa) {
  if (isa == nullptr) return tppo::fail(TPPO_INVALID_ARGUMENT, "tppo_set_cpu_isa: isa is NULL");
  return tppo::cpu::set_isa(isa);
}

#ifdef TPPO_CUDA

int32_t tppo_cuda_device_count(void) { return tppo::cuda::device_count(); }
const char* tppo_cuda_unavailable_reason(void) { return tppo::cuda::unavailable_reason(); }
#define TPPO_ON_DEVICE(name, call)                                                                      \
  if (device < 0) return tppo::fail(TPPO_INVALID_ARGUMENT, name ": device is %d, expected a CUDA device", device); \
  if (const int32_t status = tppo::check_device(device)) return status;                                 \
  return tppo::cuda::call

#else

int32_t tppo_cuda_device_count(void) { return 0; }
const char* tppo_cuda_unavailable_reason(void) { return tppo::kNoCuda; }
#define TPPO_ON_DEVICE(name, call) return tppo::fail(TPPO_UNSUPPORTED, name ": device is %d but %s", device, tppo::kNoCuda)

#endif

#define TPPO_NOT_NULL(name, argument) \
  if (argument == nullptr) return tppo::fail(TPPO_INVALID_ARGUMENT, name ": " #argument " is NULL")

int32_t tppo_cuda_device_info(int32_t device, tppo_cuda_device* info) {
  TPPO_NOT_NULL("tppo_cuda_device_info", info);
  if (info->size != sizeof *info)
    return tppo::fail(TPPO_INVALID_ARGUMENT, "tppo_cuda_device_info: info->size is %llu, expected %llu",
                      static_cast<unsigned long long>(info->size), static_cast<unsigned long long>(sizeof *info));
  TPPO_ON_DEVICE("tppo_cuda_device_info", device_info(device, info));
}

int32_t tppo_cuda_alloc(int32_t device, uint64_t bytes, void** address) {
  TPPO_NOT_NULL("tppo_cuda_alloc", address);
  (void)bytes;
  TPPO_ON_DEVICE("tppo_cuda_alloc", alloc(device, bytes, address));
}

int32_t tppo_cuda_free(int32_t device, void* address) {
  if (address == nullptr) return TPPO_OK;
  TPPO_ON_DEVICE("tppo_cuda_free", release(device, address));
}

int32_t tppo_cuda_upload(int32_t device, void* destination, const void* source, uint64_t bytes, void* stream) {
  if (bytes == 0) return TPPO_OK;
  TPPO_NOT_NULL("tppo_cuda_upload", destination);
  TPPO_NOT_NULL("tppo_cuda_upload", source);
  (void)stream;
  TPPO_ON_DEVICE("tppo_cuda_upload", upload(device, destination, source, bytes, stream));
}

int32_t tppo_cuda_download(int32_t device, void* destination, const void* source, uint64_t bytes, void* stream) {
  if (bytes == 0) return TPPO_OK;
  TPPO_NOT_NULL("tppo_cuda_download", destination);
  TPPO_NOT_NULL("tppo_cuda_download", source);
  (void)stream;
  TPPO_ON_DEVICE("tppo_cuda_download", download(device, destination, source, bytes, stream));
}

int32_t tppo_cuda_synchronize(int32_t device, void* stream) {
  (void)stream;
  TPPO_ON_DEVICE("tppo_cuda_synchronize", synchronize(device, stream));
}

}  // extern "C"
