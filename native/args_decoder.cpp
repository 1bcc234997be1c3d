// SPDX-License-Identifier: Apache-2.0
// Arguments of decoder and sample_tokens.
#include <cstdio>

#include "args.h"
#include "check.h"
#include "cpu/decoder_model.h"

namespace tppo {
namespace {

constexpr int64_t kMostSize = INT64_C(1) << 30;

/// A size of the model, small enough that products of two cannot overflow.
void size(Check& c, const char* name, int64_t value, int64_t low) {
  c.at_least(name, value, low);
  if (value > kMostSize) c.fail("%s is %lld, more than 2^30", name, static_cast<long long>(value));
}

/// Sizes of heads, layers and the cache; returns the floats of the cache.
int64_t cache(Check& c, const tppo_decoder_args& a) {
  size(c, "num_layers", a.num_layers, 1);
  size(c, "num_kv_heads", a.num_kv_heads, 1);
  size(c, "head_size", a.head_size, 2);
  size(c, "num_slots", a.num_slots, 1);
  size(c, "slot_capacity", a.slot_capacity, 1);
  if (!c.ok()) return 0;
  if (a.head_size % 2 != 0) c.fail("head_size is %lld, expected an even number", static_cast<long long>(a.head_size));
  const double floats = 2.0 * static_cast<double>(a.num_slots) * static_cast<double>(a.num_layers) * static_cast<double>(a.num_kv_heads) *
                        static_cast<double>(a.slot_capacity) * static_cast<double>(a.head_size);
  if (floats > 0x1p56)
    c.fail("cache: %lld slots of %lld positions exceed 2^58 bytes", static_cast<long long>(a.num_slots), static_cast<long long>(a.slot_capacity));
  return c.ok() ? 2 * a.num_slots * a.num_layers * a.num_kv_heads * a.slot_capacity * a.head_size : 0;
}

/// Arrays of the layers: there are too many for Check to compare all with all; each is compared with what the call writes.
class LayerArrays {
 public:
  LayerArrays(Check& check, const tppo_decoder_args& a, int64_t cache_floats)
      : check_(check), written_{{"cache", a.cache, cache_floats * 4},
                                {"logits", a.logits, a.num_outputs * a.vocab_size * 4},
                                {"hidden", a.hidden, a.num_outputs * a.hidden_size * 4}} {}

  void array(int64_t layer, const char* part, const char* name, const void* address, int64_t bytes, int64_t element) {
    if (!check_.ok()) return;
    const long long l = static_cast<long long>(layer);
    if (address == nullptr) return check_.fail("layers[%lld].%s%s is NULL", l, part, name);
    const uintptr_t begin = reinterpret_cast<uintptr_t>(address);
    if (begin % static_cast<uintptr_t>(element) != 0)
      return check_.fail("layers[%lld].%s%s is not aligned to its %lld-byte elements", l, part, name, static_cast<long long>(element));
    uintptr_t end;
    if (__builtin_add_overflow(begin, static_cast<uintptr_t>(bytes), &end))
      return check_.fail("layers[%lld].%s%s: %lld bytes from this address exceed the address space", l, part, name, static_cast<long long>(bytes));
    for (const Written& w : written_) {
      const uintptr_t first = reinterpret_cast<uintptr_t>(w.address);
      if (w.address != nullptr && first < end && begin < first + static_cast<uintptr_t>(w.bytes))
        return check_.fail("%s overlaps layers[%lld].%s%s", w.name, l, part, name);
    }
  }

 private:
  struct Written {
    const char* name;
    const void* address;
    int64_t bytes;
  };
  Check& check_;
  const Written written_[3];
};

/// Sizes only with shapes_only.
void layers(Check& c, const tppo_decoder_args& a, int64_t cache_floats, bool shapes_only) {
  const int64_t element = element_bytes(a.dtype);
  LayerArrays arrays(c, a, cache_floats);
  for (int64_t l = 0; l < a.num_layers && c.ok(); ++l) {
    const tppo_decoder_layer& layer = a.layers[l];
    if (layer.window < 0) return c.fail("layers[%lld].window is %lld, expected at least 0", static_cast<long long>(l), static_cast<long long>(layer.window));
    if (!shapes_only) {
      arrays.array(l, "", "attention_norm", layer.attention_norm, a.hidden_size * element, element);
      arrays.array(l, "", "mlp_norm", layer.mlp_norm, a.hidden_size * element, element);
    }
    for (int32_t k = 0; k < TPPO_DECODER_PROJECTIONS && c.ok(); ++k) {
      const tppo_decoder_projection& p = layer.projections[k];
      const ProjectionShape shape = projection_shape(a, k);
      if (p.lora_rank < 0 || p.lora_rank > kMostSize)
        return c.fail("layers[%lld].projections[TPPO_DECODER_%s].lora_rank is %lld, expected 0 to 2^30", static_cast<long long>(l), shape.name,
                      static_cast<long long>(p.lora_rank));
      if (p.lora_rank > 0 && p.lora_scale - p.lora_scale != 0.0)
        return c.fail("layers[%lld].projections[TPPO_DECODER_%s].lora_scale is %g, expected a finite number", static_cast<long long>(l), shape.name,
                      p.lora_scale);
      if (shapes_only) continue;
      char part[64];
      snprintf(part, sizeof part, "projections[TPPO_DECODER_%s].", shape.name);
      arrays.array(l, part, "weight", p.weight, shape.out * shape.in * element, element);
      if (p.bias != nullptr) arrays.array(l, part, "bias", p.bias, shape.out * element, element);
      if (p.lora_rank == 0) continue;
      arrays.array(l, part, "lora_a", p.lora_a, p.lora_rank * shape.in * 4, 4);
      arrays.array(l, part, "lora_b", p.lora_b, shape.out * p.lora_rank * 4, 4);
    }
  }
}

/// The lists of rows and outputs.
void rows(Check& c, const tppo_decoder_args& a) {
  const auto at = [](int64_t i) { return static_cast<long long>(i); };
  for (int64_t i = 0; i < a.num_rows && c.ok(); ++i) {
    if (a.tokens[i] < 0 || a.tokens[i] >= a.vocab_size)
      return c.fail("tokens[%lld] is %d, outside [0, vocab_size %lld)", at(i), a.tokens[i], at(a.vocab_size));
    if (a.slots[i] < 0 || a.slots[i] >= a.num_slots)
      return c.fail("slots[%lld] is %d, outside [0, num_slots %lld)", at(i), a.slots[i], at(a.num_slots));
    if (a.positions[i] < 0 || a.positions[i] >= a.slot_capacity)
      return c.fail("positions[%lld] is %d, outside [0, slot_capacity %lld)", at(i), a.positions[i], at(a.slot_capacity));
    if (i == 0) continue;
    if (a.slots[i] < a.slots[i - 1]) return c.fail("slots[%lld] is %d, less than the %d before it", at(i), a.slots[i], a.slots[i - 1]);
    if (a.slots[i] == a.slots[i - 1] && a.positions[i] != a.positions[i - 1] + 1)
      return c.fail("positions[%lld] is %d, expected %d, one more than before in slot %d", at(i), a.positions[i], a.positions[i - 1] + 1, a.slots[i]);
  }
  for (int64_t o = 0; o < a.num_outputs && c.ok(); ++o) {
    if (a.output_rows[o] < 0 || a.output_rows[o] >= a.num_rows)
      return c.fail("output_rows[%lld] is %d, outside [0, num_rows %lld)", at(o), a.output_rows[o], at(a.num_rows));
    if (o > 0 && a.output_rows[o] <= a.output_rows[o - 1])
      return c.fail("output_rows[%lld] is %d, not more than the %d before it", at(o), a.output_rows[o], a.output_rows[o - 1]);
  }
}

}  // namespace

void defaults(tppo_decoder_args& a) {
  a = {};
  a.size = sizeof a;
  a.rms_norm_eps = 1e-5;
}

int32_t check_cache(const char* operation, const tppo_decoder_args& a, int64_t* floats) {
  Check c(operation, -1, true);
  *floats = cache(c, a);
  return c.status();
}

int32_t check(tppo_decoder_args& a, int32_t device, bool shapes_only) {
  // The workspace depends on the ranks, so the layers are looked at in size queries too.
  Check c("tppo_decoder", device, shapes_only);
  size(c, "hidden_size", a.hidden_size, 1);
  size(c, "intermediate_size", a.intermediate_size, 1);
  size(c, "num_heads", a.num_heads, 1);
  size(c, "vocab_size", a.vocab_size, 1);
  const int64_t cache_floats = cache(c, a);
  size(c, "num_rows", a.num_rows, 0);
  size(c, "num_outputs", a.num_outputs, 0);
  c.dtype(a.dtype);
  c.real("rms_norm_eps", a.rms_norm_eps, 0.0, 1e30);
  if (!c.ok()) return c.status();
  if (a.num_heads % a.num_kv_heads != 0)
    c.fail("num_heads is %lld, not a multiple of num_kv_heads %lld", static_cast<long long>(a.num_heads), static_cast<long long>(a.num_kv_heads));
  if (a.num_heads * a.head_size > kMostSize) c.fail("num_heads * head_size is %lld, more than 2^30", static_cast<long long>(a.num_heads * a.head_size));
  if (a.num_outputs > a.num_rows)
    c.fail("num_outputs is %lld, more than num_rows %lld", static_cast<long long>(a.num_outputs), static_cast<long long>(a.num_rows));
  if (!c.ok()) return c.status();
  const int64_t layer_bytes = a.num_layers * static_cast<int64_t>(sizeof(tppo_decoder_layer));
  Check list_of_layers("tppo_decoder", -1, false);
  list_of_layers.input("layers", a.layers, layer_bytes, alignof(tppo_decoder_layer), true);
  if (!list_of_layers.ok()) return list_of_layers.status();
  c.input("layers", a.layers, layer_bytes, alignof(tppo_decoder_layer), true);
  layers(c, a, cache_floats, shapes_only);

  const int64_t element = element_bytes(a.dtype), table = a.vocab_size * a.hidden_size * element, angles = a.slot_capacity * (a.head_size / 2) * 4;
  const int64_t list = a.num_rows * 4;
  c.input("embedding", a.embedding, table, element, true);
  c.input("final_norm", a.final_norm, a.hidden_size * element, element, true);
  c.input("output_weight", a.output_weight, table, element, a.logits != nullptr);
  c.input("rope_cos", a.rope_cos, angles, 4, true);
  c.input("rope_sin", a.rope_sin, angles, 4, true);
  c.input("tokens", a.tokens, list, 4, true);
  c.input("slots", a.slots, list, 4, true);
  c.input("positions", a.positions, list, 4, true);
  c.input("output_rows", a.output_rows, a.num_outputs * 4, 4, true);
  c.output("cache", a.cache, cache_floats * 4, 4, true);
  c.output("logits", a.logits, a.num_outputs * a.vocab_size * 4, 4);
  c.output("hidden", a.hidden, a.num_outputs * a.hidden_size * 4, 4);
  if (c.contents()) rows(c, a);
  return c.finish();
}

void defaults(tppo_sample_tokens_args& a) {
  a = {};
  a.size = sizeof a;
  a.top_p = 1.0;
  a.temperature = 1.0;
}

int32_t check(tppo_sample_tokens_args& a, int32_t device, bool shapes_only) {
  Check c("tppo_sample_tokens", device, shapes_only);
  c.count("num_rows", a.num_rows);
  c.count("vocab_size", a.vocab_size, 1);
  if (a.vocab_size > INT32_MAX) c.fail("vocab_size is %lld, more than the int32 of ids", static_cast<long long>(a.vocab_size));
  if (a.logits_stride == 0) a.logits_stride = a.vocab_size;
  c.at_least("logits_stride", a.logits_stride, a.vocab_size);
  c.count("top_k", a.top_k);
  c.real("top_p", a.top_p, 0.0, 1.0, true);
  c.real("temperature", a.temperature, 0.0, 1e30);
  const int64_t logits = c.rows("logits", a.num_rows, a.vocab_size, a.logits_stride, 4);
  if (!c.ok()) return c.status();
  c.input("logits", a.logits, logits, 4, true);
  c.input("uniforms", a.uniforms, a.temperature > 0.0 ? a.num_rows * 8 : 0, 8, true);
  c.output("ids", a.ids, a.num_rows * 4, 4, true);
  c.output("logprob", a.logprob, a.num_rows * 4, 4);
  c.output("stats", a.stats, TPPO_SAMPLE_TOKENS_STATS * 8, 8);
  if (c.contents() && a.temperature > 0.0)
    for (int64_t i = 0; i < a.num_rows && c.ok(); ++i)
      if (!(a.uniforms[i] >= 0.0 && a.uniforms[i] < 1.0)) c.fail("uniforms[%lld] is %g, outside [0, 1)", static_cast<long long>(i), a.uniforms[i]);
  return c.finish();
}

}  // namespace tppo
