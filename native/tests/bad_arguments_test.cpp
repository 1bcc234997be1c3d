// SPDX-License-Identifier: Apache-2.0
// Every bad argument to every function of the C API. The fields of the argument structs are read from the headers, and each gets what can be
// wrong with a field of its type: so a new field is tried by itself, and a new function without a call here fails the last check.
#include "argument_sweep.h"

namespace {

using test::Call;
using test::covered;

/// The call must fail and its message contain `part`; the function counts as tried.
#define REFUSED(function, arguments, part)                                                                      \
  do {                                                                                                          \
    covered.insert(#function);                                                                                  \
    if (function arguments == TPPO_OK || strstr(tppo_last_error(), part) == nullptr)                            \
      test::failed(__FILE__, __LINE__, std::string(#function #arguments ": ") + tppo_last_error());             \
  } while (0)

/// Arguments with their defaults, and the name of their struct.
#define ARGS(op, name)                   \
  tppo_##op##_args name;                 \
  tppo_##op##_init(nullptr);             \
  tppo_##op##_init(&name);               \
  covered.insert("tppo_" #op "_init")
/// A call of one struct `a` with arrays for all but those named.
#define SWEEP(op, ...) Call<tppo_##op##_args>(#op, tppo_##op, tppo_##op##_workspace, a).arrays("tppo_" #op "_args", a, {__VA_ARGS__}).sweep()

/// Contents that the checks accept, in memory that a device sees too.
struct Lists {
  test::Vec<int32_t> bounds = {0, 2, 4}, rows = {0, 1, 2, 3};
};

template <typename Args>
void logits(Args& a) {
  a.num_tokens = 4;
  a.vocab_size = 3;
}

/// The same with a list of rows in place of the mask.
template <typename Args>
void row_list(Args& a, const Lists& lists) {
  a.rows = lists.rows.data();
  a.num_rows = 4;
}

void losses() {
  Lists lists;
  for (bool rows : {false, true}) {
    const char* const other = rows ? "mask" : "rows";
    {
      ARGS(token_log_probs, a);
      logits(a);
      if (rows) row_list(a, lists);
      SWEEP(token_log_probs, other);
    }
    {
      ARGS(policy_loss, a);
      logits(a);
      a.num_sequences = 2;
      a.aggregation = TPPO_SEQ_MEAN_TOKEN_MEAN;
      if (rows) row_list(a, lists);
      if (rows) a.cu_seqlens = lists.bounds.data();
      SWEEP(policy_loss, other, "cu_seqlens");
    }
    ARGS(nll_loss, a);
    logits(a);
    if (rows) row_list(a, lists);
    SWEEP(nll_loss, other);
  }
}

/// An operation behind an output layer; its own logits, their gradient and rows must be absent.
template <typename Args>
void linear(const char* name, const char* type, Args& a, int32_t (*op)(const tppo_linear_args*, const Args*, int32_t, void*, void*, uint64_t),
            int32_t (*size)(const tppo_linear_args*, const Args*, int32_t, uint64_t*), const std::set<std::string>& null) {
  logits(a);
  ARGS(linear, layer);
  layer.hidden_size = 5;
  Call<tppo_linear_args, Args>(name, op, size, layer, a).arrays("tppo_linear_args", layer, null).arrays(type, a, null).sweep();
}

void linear_losses() {
  ARGS(token_log_probs, log_probs);
  linear("linear_token_log_probs", "tppo_token_log_probs_args", log_probs, tppo_linear_token_log_probs, tppo_linear_token_log_probs_workspace,
         {"logits", "rows", "grad_hidden", "grad_weight"});
  ARGS(policy_loss, policy);
  policy.num_sequences = 2;
  policy.aggregation = TPPO_SEQ_MEAN_TOKEN_SUM;
  linear("linear_policy_loss", "tppo_policy_loss_args", policy, tppo_linear_policy_loss, tppo_linear_policy_loss_workspace,
         {"logits", "rows", "grad_logits", "cu_seqlens"});
  ARGS(nll_loss, nll);
  linear("linear_nll_loss", "tppo_nll_loss_args", nll, tppo_linear_nll_loss, tppo_linear_nll_loss_workspace, {"logits", "rows", "grad_logits"});
}

template <typename Args>
void sequences(Args& a) {
  a.num_tokens = 4;
  a.num_sequences = 2;
}

void rewards() {
  Lists lists;
  for (bool packed : {false, true}) {
    ARGS(shape_rewards, a);
    sequences(a);
    if (packed) a.cu_seqlens = lists.bounds.data();
    SWEEP(shape_rewards, packed ? "scores" : "classes", "cu_seqlens");
  }
  for (bool packed : {false, true}) {
    ARGS(gae, a);
    sequences(a);
    if (packed) a.cu_seqlens = lists.bounds.data();
    SWEEP(gae, "cu_seqlens");
  }
  {
    ARGS(whiten, a);
    a.num_tokens = 4;
    SWEEP(whiten);
  }
  {
    ARGS(reward_model_loss, a);
    sequences(a);
    SWEEP(reward_model_loss, "cu_seqlens");
  }
  ARGS(balance_mask, a);
  sequences(a);
  SWEEP(balance_mask, "cu_seqlens");
}

void advantages() {
  ARGS(shape_rewards, shape);
  ARGS(gae, gae);
  ARGS(whiten, whiten);
  sequences(shape);
  sequences(gae);
  whiten.num_tokens = 4;
  test::Vec<uint8_t> mask(4, 1);
  shape.mask = gae.mask = whiten.mask = mask.data();
  Call<tppo_shape_rewards_args, tppo_gae_args, tppo_whiten_args>("token_advantages", tppo_token_advantages, tppo_token_advantages_workspace, shape,
                                                                 gae, whiten)
      .arrays("tppo_shape_rewards_args", shape, {"classes", "cu_seqlens"})
      .arrays("tppo_gae_args", gae, {"rewards", "cu_seqlens"})
      .arrays("tppo_whiten_args", whiten, {"x", "out"})
      .sweep();
  uint64_t bytes = 0;
  REFUSED(tppo_token_advantages_workspace, (nullptr, &gae, &whiten, test::kDevice, &bytes), "args");
  REFUSED(tppo_token_advantages_workspace, (&shape, nullptr, &whiten, test::kDevice, &bytes), "args");
  REFUSED(tppo_token_advantages, (nullptr, &gae, nullptr, test::kDevice, nullptr, nullptr, 0), "args");
  REFUSED(tppo_token_advantages, (&shape, nullptr, nullptr, test::kDevice, nullptr, nullptr, 0), "args");
}

void training() {
  {
    ARGS(value_loss, a);
    a.num_tokens = 4;
    SWEEP(value_loss);
  }
  {
    ARGS(dpo_loss, a);
    a.num_pairs = 4;
    SWEEP(dpo_loss);
  }
  {
    test::Vec<float> x(4);
    test::Vec<double> gradient(4);
    test::Vec<int64_t> lengths = {4, 8};
    const float* tensors[] = {x.data(), reinterpret_cast<const float*>(gradient.data())};
    ARGS(global_norm, a);
    a.num_tensors = 2;
    a.tensors = tensors;
    a.lengths = lengths.data();
    SWEEP(global_norm);
    a.stats = gradient.data() + 1;
    CHECK_INVALID(RUN(global_norm, a), "stats overlaps tensors[1]");
    tensors[0] = reinterpret_cast<const float*>(reinterpret_cast<uintptr_t>(x.data()) + 1);
    CHECK_INVALID(RUN(global_norm, a), "tensors[0] is not aligned");
    tensors[0] = reinterpret_cast<const float*>(~UINT64_C(3));
    CHECK_INVALID(RUN(global_norm, a), "tensors[0]");
  }
  {
    ARGS(scale, a);
    a.length = 4;
    SWEEP(scale);
  }
  ARGS(adamw, a);
  a.length = 4;
  SWEEP(adamw);
}

/// A decoder of one layer, every projection with a bias and a low-rank pair; the layer and a projection are swept as well.
void generation() {
  ARGS(decoder, a);
  a.hidden_size = a.intermediate_size = a.head_size = 4;
  a.num_layers = a.num_heads = a.num_kv_heads = a.num_slots = 1;
  a.vocab_size = 3;
  a.slot_capacity = a.num_rows = a.num_outputs = 2;
  const test::Vec<int32_t> counting = {0, 1};
  a.positions = a.output_rows = counting.data();
  tppo_decoder_layer layer = {};
  a.layers = &layer;
  Call<tppo_decoder_args> call("decoder", tppo_decoder, tppo_decoder_workspace, a);
  call.arrays("tppo_decoder_args", a).arrays("tppo_decoder_layer", layer);
  tppo_decoder_projection& swept = layer.projections[TPPO_DECODER_GATE];
  swept.lora_rank = 1;
  call.arrays("tppo_decoder_projection", swept);
  for (tppo_decoder_projection& p : layer.projections)
    if (&p != &swept) p.weight = swept.weight;
  call.sweep();

  int64_t floats = 0;
  REFUSED(tppo_decoder_cache_size, (nullptr, &floats), "args");
  REFUSED(tppo_decoder_cache_size, (&a, nullptr), "floats");
  REFUSED(tppo_decoder_copy_slot, (nullptr, 0, 0, 1), "args");
  for (int64_t wrong : {INT64_C(-1), INT64_C(3), INT64_MIN, INT64_MAX}) {
    REFUSED(tppo_decoder_copy_slot, (&a, wrong, 0, 1), "from");
    REFUSED(tppo_decoder_copy_slot, (&a, 0, wrong, 1), "to");
    REFUSED(tppo_decoder_copy_slot, (&a, 0, 0, wrong), "positions");
  }
  float* const cache = a.cache;
  for (uintptr_t wrong : {uintptr_t{0}, reinterpret_cast<uintptr_t>(cache) + 1, ~uintptr_t{3}}) {
    a.cache = reinterpret_cast<float*>(wrong);
    REFUSED(tppo_decoder_copy_slot, (&a, 0, 0, 1), "cache");
  }
  a.cache = cache;
  for (int64_t wrong : {INT64_C(0), INT64_C(-1), INT64_MIN, INT64_MAX})
    for (int64_t* size : {&a.num_layers, &a.num_kv_heads, &a.head_size, &a.num_slots, &a.slot_capacity}) {
      const int64_t good = *size;
      *size = wrong;
      REFUSED(tppo_decoder_cache_size, (&a, &floats), "tppo_decoder_cache_size: ");
      REFUSED(tppo_decoder_copy_slot, (&a, 0, 0, 1), "tppo_decoder_copy_slot: ");
      *size = good;
    }

  ARGS(sample_tokens, s);
  s.num_rows = 2;
  s.vocab_size = 3;
  Call<tppo_sample_tokens_args>("sample_tokens", tppo_sample_tokens, tppo_sample_tokens_workspace, s).arrays("tppo_sample_tokens_args", s).sweep();
}

void plain_functions() {
  const int32_t lengths[2] = {1, -1};
  double result = 0.0;
  const int32_t* const odd = reinterpret_cast<const int32_t*>(reinterpret_cast<uintptr_t>(lengths) + 1);
  REFUSED(tppo_suggested_length, (nullptr, 1, 1, &result), "lengths");
  REFUSED(tppo_suggested_length, (odd, 1, 1, &result), "lengths");
  REFUSED(tppo_suggested_length, (lengths, 2, 1, &result), "lengths[1]");
  for (int64_t count : {INT64_C(0), INT64_C(-1), INT64_MIN, INT64_MAX, INT64_C(1) << 57})
    REFUSED(tppo_suggested_length, (lengths, count, 1, &result), "count");
  for (int32_t queries : {0, -1, INT32_MIN}) REFUSED(tppo_suggested_length, (lengths, 1, queries, &result), "num_queries");
  REFUSED(tppo_suggested_length, (lengths, 1, 1, nullptr), "result");
  REFUSED(tppo_suggested_length, (lengths, 1, 1, reinterpret_cast<double*>(reinterpret_cast<uintptr_t>(&result) + 1)), "result");

  for (int32_t threads : {-1, 1025, INT32_MIN, INT32_MAX}) REFUSED(tppo_set_threads, (threads), "threads");
  const std::string long_name(100000, 'x');
  for (const char* isa : {"", "sse9", "AUTO", "auto ", long_name.c_str()}) REFUSED(tppo_set_cpu_isa, (isa), "isa");
  REFUSED(tppo_set_cpu_isa, (nullptr), "isa");

  tppo_cuda_device info = {};
  info.size = sizeof info;
  unsigned char byte = 0;
  void* address = nullptr;
  for (int32_t device : {-1, -2, 1000, INT32_MIN, INT32_MAX}) {
    REFUSED(tppo_cuda_device_info, (device, &info), "device");
    REFUSED(tppo_cuda_alloc, (device, 8, &address), "device");
    REFUSED(tppo_cuda_free, (device, &byte), "device");
    REFUSED(tppo_cuda_upload, (device, &byte, &byte, 1, nullptr), "device");
    REFUSED(tppo_cuda_download, (device, &byte, &byte, 1, nullptr), "device");
    REFUSED(tppo_cuda_synchronize, (device, nullptr), "device");
  }
  for (uint64_t size : {UINT64_C(0), uint64_t{sizeof info - 8}, UINT64_MAX}) {
    info.size = size;
    REFUSED(tppo_cuda_device_info, (0, &info), "size");
  }
  REFUSED(tppo_cuda_device_info, (0, nullptr), "info");
  REFUSED(tppo_cuda_alloc, (0, 8, nullptr), "address");
  REFUSED(tppo_cuda_upload, (0, nullptr, &byte, 1, nullptr), "destination");
  REFUSED(tppo_cuda_upload, (0, &byte, nullptr, 1, nullptr), "source");
  REFUSED(tppo_cuda_download, (0, nullptr, &byte, 1, nullptr), "destination");
  REFUSED(tppo_cuda_download, (0, &byte, nullptr, 1, nullptr), "source");
  CHECK(address == nullptr && byte == 0);
}

}  // namespace

TEST(every_function_refuses_every_bad_argument) {
  losses();
  linear_losses();
  rewards();
  advantages();
  training();
  if (!test::kOnDevice) generation();
  plain_functions();
  size_t functions = 0;
  for (const test::ApiHeader& header : test::kHeaders)
    for (const auto& [name, parameters] : header.functions) {
      ++functions;
      const bool not_here = test::kOnDevice && (name.compare(0, 12, "tppo_decoder") == 0 || name.compare(0, 11, "tppo_sample") == 0);
      if (parameters != "void" && !not_here && covered.count(name) == 0)
        test::failed(__FILE__, __LINE__, name + " is not called with bad arguments");
    }
  CHECK(functions > 60);
}
