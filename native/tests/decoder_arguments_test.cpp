// SPDX-License-Identifier: Apache-2.0
// Wrong arguments to the decoder and to sample_tokens: a message that names the argument, and nothing written.
#include "decoder_model.h"

namespace {

using test::Vec;

/// A call that is right, with two sequences.
struct Good {
  test::DecoderModel model{[] {
    test::DecoderSizes sizes;
    sizes.rank = 2;
    sizes.biases = true;
    return sizes;
  }(), 1};
  Vec<float> cache, angles = Vec<float>(9 * 3), logits = test::unwritten(2 * 50), hidden = test::unwritten(2 * 24);
  Vec<int32_t> tokens = {1, 2, 3}, slots = {0, 0, 3}, positions = {4, 5, 8}, outputs = {0, 2};
  tppo_decoder_args args = model.args();

  Good() {
    args.num_slots = 4;
    args.slot_capacity = 9;
    int64_t floats = 0;
    CHECK_OK(tppo_decoder_cache_size(&args, &floats));
    CHECK(floats == 4 * 2 * 2 * 2 * 9 * 6);
    cache.assign(static_cast<size_t>(floats), test::kUnwritten);
    args.cache = cache.data();
    args.rope_cos = args.rope_sin = angles.data();
    args.num_rows = 3;
    args.tokens = tokens.data();
    args.slots = slots.data();
    args.positions = positions.data();
    args.num_outputs = 2;
    args.output_rows = outputs.data();
    args.logits = logits.data();
    args.hidden = hidden.data();
  }
};

/// The call with one change must fail, name `part`, and write nothing.
#define REFUSES(change, part)                                          \
  do {                                                                 \
    Good g;                                                            \
    tppo_decoder_args& a = g.args;                                     \
    tppo_decoder_layer& layer = g.model.descriptions[1];               \
    (void)layer;                                                       \
    change;                                                            \
    CHECK_INVALID(RUN(decoder, a), part);                              \
    for (const Vec<float>* v : {&g.cache, &g.logits, &g.hidden})       \
      for (float x : *v) CHECK(x == test::kUnwritten);                 \
  } while (0)

#define REFUSES_SAMPLING(change, part)            \
  do {                                            \
    tppo_sample_tokens_args a = good;             \
    change;                                       \
    CHECK_INVALID(RUN(sample_tokens, a), part);   \
    CHECK(ids[0] == -7 && ids[1] == -7);          \
  } while (0)

}  // namespace

TEST(decoder_call) {
  Good g;
  uint64_t bytes = 0;
  CHECK_OK(RUN(decoder, g.args));
  CHECK_INVALID(tppo_decoder(nullptr, -1, nullptr, nullptr, 0), "tppo_decoder: args is NULL");
  CHECK_INVALID(tppo_decoder_workspace(nullptr, -1, &bytes), "args");
  CHECK_INVALID(tppo_decoder_workspace(&g.args, -1, nullptr), "bytes");
  CHECK_ERROR(tppo_decoder(&g.args, 0, nullptr, nullptr, 0), TPPO_UNSUPPORTED, "device is 0 but generation runs on the CPU");
  CHECK_INVALID(tppo_decoder(&g.args, -2, nullptr, nullptr, 0), "device");
  CHECK_OK(tppo_decoder_workspace(&g.args, -1, &bytes));
  CHECK_INVALID(tppo_decoder(&g.args, -1, nullptr, nullptr, bytes), "workspace");
  Vec<unsigned char> workspace(bytes);
  CHECK_INVALID(tppo_decoder(&g.args, -1, nullptr, workspace.data(), bytes - 1), "workspace_size");
  g.args.size -= 8;
  CHECK_INVALID(RUN(decoder, g.args), "size");
}

TEST(decoder_sizes) {
  REFUSES(a.hidden_size = 0, "hidden_size");
  REFUSES(a.hidden_size = INT64_C(1) << 40, "hidden_size");
  REFUSES(a.intermediate_size = -1, "intermediate_size");
  REFUSES(a.num_layers = 0, "num_layers");
  REFUSES(a.num_heads = 0, "num_heads");
  REFUSES(a.num_heads = 5, "num_heads is 5, not a multiple of num_kv_heads 2");
  REFUSES(a.num_heads = INT64_C(1) << 30, "num_heads * head_size");
  REFUSES(a.num_kv_heads = 0, "num_kv_heads");
  REFUSES(a.head_size = 7, "head_size is 7");
  REFUSES(a.head_size = 0, "head_size");
  REFUSES(a.vocab_size = 0, "vocab_size");
  REFUSES(a.dtype = 3, "dtype");
  REFUSES(a.rms_norm_eps = -1.0, "rms_norm_eps");
  REFUSES(a.rms_norm_eps = test::kNaN, "rms_norm_eps");
  REFUSES(a.num_slots = 0, "num_slots");
  REFUSES(a.slot_capacity = 0, "slot_capacity");
  REFUSES(a.slot_capacity = 1 << 30; a.num_slots = 1 << 30, "cache");
  REFUSES(a.num_rows = -1, "num_rows");
  REFUSES(a.num_outputs = -1, "num_outputs");
  REFUSES(a.num_outputs = 4, "num_outputs is 4, more than num_rows 3");
}

TEST(decoder_arrays) {
  REFUSES(a.layers = nullptr, "layers");
  REFUSES(a.embedding = nullptr, "embedding");
  REFUSES(a.final_norm = nullptr, "final_norm");
  REFUSES(a.output_weight = nullptr, "output_weight");
  REFUSES(a.rope_cos = nullptr, "rope_cos");
  REFUSES(a.rope_sin = nullptr, "rope_sin");
  REFUSES(a.cache = nullptr, "cache");
  REFUSES(a.tokens = nullptr, "tokens");
  REFUSES(a.slots = nullptr, "slots");
  REFUSES(a.positions = nullptr, "positions");
  REFUSES(a.output_rows = nullptr, "output_rows");
  REFUSES(a.embedding = static_cast<const char*>(a.embedding) + 1, "embedding is not aligned");
  REFUSES(a.logits = a.cache + 5, "overlaps");
  REFUSES(a.hidden = a.logits + 30, "overlaps");
  REFUSES(layer.window = -1, "layers[1].window");
  REFUSES(layer.attention_norm = nullptr, "layers[1].attention_norm is NULL");
  REFUSES(layer.mlp_norm = nullptr, "layers[1].mlp_norm is NULL");
  REFUSES(layer.projections[TPPO_DECODER_UP].weight = nullptr, "layers[1].projections[TPPO_DECODER_UP].weight is NULL");
  REFUSES(layer.projections[TPPO_DECODER_KEY].bias = g.angles.data() + 2; a.hidden = g.angles.data(), "hidden overlaps layers[1].projections[TPPO_DECODER_KEY].bias");
  REFUSES(layer.projections[TPPO_DECODER_DOWN].weight = static_cast<const char*>(layer.projections[TPPO_DECODER_DOWN].weight) + 2,
          "layers[1].projections[TPPO_DECODER_DOWN].weight is not aligned");
  REFUSES(layer.projections[TPPO_DECODER_QUERY].lora_rank = -1, "TPPO_DECODER_QUERY].lora_rank is -1");
  REFUSES(layer.projections[TPPO_DECODER_QUERY].lora_rank = 1; layer.projections[TPPO_DECODER_QUERY].lora_a = nullptr,
          "TPPO_DECODER_QUERY].lora_a is NULL");
  REFUSES(layer.projections[TPPO_DECODER_KEY].lora_b = nullptr, "TPPO_DECODER_KEY].lora_b is NULL");
  REFUSES(layer.projections[TPPO_DECODER_KEY].lora_scale = test::kInf, "TPPO_DECODER_KEY].lora_scale");
}

TEST(decoder_rows) {
  REFUSES(g.tokens[1] = -1, "tokens[1] is -1");
  REFUSES(g.tokens[2] = 50, "tokens[2] is 50, outside [0, vocab_size 50)");
  REFUSES(g.slots[0] = -1, "slots[0] is -1");
  REFUSES(g.slots[2] = 4, "slots[2] is 4, outside [0, num_slots 4)");
  REFUSES(g.slots[0] = 1, "slots[1] is 0, less than the 1 before it");
  REFUSES(g.positions[0] = -1, "positions[0] is -1");
  REFUSES(g.positions[2] = 9, "positions[2] is 9, outside [0, slot_capacity 9)");
  REFUSES(g.positions[1] = 6, "positions[1] is 6, expected 5");
  REFUSES(g.outputs[0] = -1, "output_rows[0] is -1");
  REFUSES(g.outputs[1] = 3, "output_rows[1] is 3, outside [0, num_rows 3)");
  REFUSES(g.outputs[1] = 0, "output_rows[1] is 0, not more than the 0 before it");
}

TEST(nothing_to_do) {
  Good g;
  g.args.num_rows = g.args.num_outputs = 0;
  g.args.tokens = g.args.slots = g.args.positions = g.args.output_rows = nullptr;
  CHECK_OK(RUN(decoder, g.args));
  tppo_sample_tokens_args a;
  tppo_sample_tokens_init(&a);
  a.vocab_size = 5;
  CHECK_OK(RUN(sample_tokens, a));
}

TEST(copy_slot) {
  Good g;
  int64_t floats = 0;
  CHECK_INVALID(tppo_decoder_cache_size(nullptr, &floats), "args");
  CHECK_INVALID(tppo_decoder_cache_size(&g.args, nullptr), "floats");
  CHECK_INVALID(tppo_decoder_copy_slot(nullptr, 0, 1, 1), "args");
  CHECK_INVALID(tppo_decoder_copy_slot(&g.args, -1, 1, 1), "from is -1");
  CHECK_INVALID(tppo_decoder_copy_slot(&g.args, 0, 4, 1), "to is 4");
  CHECK_INVALID(tppo_decoder_copy_slot(&g.args, 0, 1, 10), "positions is 10");
  CHECK_INVALID(tppo_decoder_copy_slot(&g.args, 0, 1, -1), "positions is -1");
  g.args.cache = nullptr;
  CHECK_INVALID(tppo_decoder_copy_slot(&g.args, 0, 1, 1), "cache");
  g.args.num_layers = 0;
  CHECK_INVALID(tppo_decoder_copy_slot(&g.args, 0, 1, 1), "num_layers");
  CHECK_INVALID(tppo_decoder_cache_size(&g.args, &floats), "num_layers");
}

TEST(sample_tokens) {
  Vec<float> logits(8), logprobs(2);
  Vec<double> uniforms = {0.1, 0.2}, stats(TPPO_SAMPLE_TOKENS_STATS);
  Vec<int32_t> ids(2, -7);
  tppo_sample_tokens_args good;
  tppo_sample_tokens_init(&good);
  good.num_rows = 2;
  good.vocab_size = 3;
  good.logits_stride = 4;
  good.logits = logits.data();
  good.uniforms = uniforms.data();
  good.ids = ids.data();
  good.logprob = logprobs.data();
  good.stats = stats.data();
  REFUSES_SAMPLING(a.num_rows = -1, "num_rows");
  REFUSES_SAMPLING(a.vocab_size = 0, "vocab_size");
  REFUSES_SAMPLING(a.vocab_size = INT64_C(1) << 31; a.logits_stride = 0, "vocab_size");
  REFUSES_SAMPLING(a.logits_stride = 2, "logits_stride");
  REFUSES_SAMPLING(a.logits_stride = INT64_MAX, "logits");
  REFUSES_SAMPLING(a.top_k = -1, "top_k");
  for (double x : {0.0, -0.5, 1.5, static_cast<double>(test::kNaN)}) REFUSES_SAMPLING(a.top_p = x, "top_p");
  for (double x : {-1.0, static_cast<double>(test::kInf), static_cast<double>(test::kNaN)}) REFUSES_SAMPLING(a.temperature = x, "temperature");
  REFUSES_SAMPLING(a.logits = nullptr, "logits");
  REFUSES_SAMPLING(a.uniforms = nullptr, "uniforms");
  REFUSES_SAMPLING(a.ids = nullptr, "ids is NULL");
  REFUSES_SAMPLING(a.logprob = reinterpret_cast<float*>(a.ids + 1), "overlaps");
  REFUSES_SAMPLING(a.logprob = logits.data() + 2, "logprob overlaps logits");
  for (double x : {1.0, -0.1, static_cast<double>(test::kNaN)}) {
    uniforms[1] = x;
    REFUSES_SAMPLING((void)a, "uniforms[1]");
  }
  uniforms[1] = 0.2;
  CHECK_ERROR(tppo_sample_tokens(&good, 0, nullptr, nullptr, 0), TPPO_UNSUPPORTED, "device is 0 but generation runs on the CPU");
  CHECK_INVALID(tppo_sample_tokens(nullptr, -1, nullptr, nullptr, 0), "args");
  REFUSES_SAMPLING(a.size = 0, "size");
  CHECK_OK(RUN(sample_tokens, good));
}
