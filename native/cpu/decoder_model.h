// SPDX-License-Identifier: Apache-2.0
// Sizes and addresses that the arguments of tppo_decoder imply: of the projections, and of what lies in the cache.
#pragma once

#include "../status.h"

namespace tppo {

/// A projection's name and sizes, by its index in tppo_decoder_layer.
struct ProjectionShape {
  const char* name;
  int64_t out, in;
};

inline ProjectionShape projection_shape(const tppo_decoder_args& a, int32_t projection) {
  const int64_t q = a.num_heads * a.head_size, kv = a.num_kv_heads * a.head_size, h = a.hidden_size, i = a.intermediate_size;
  const ProjectionShape shapes[TPPO_DECODER_PROJECTIONS] = {{"QUERY", q, h}, {"KEY", kv, h}, {"VALUE", kv, h}, {"OUTPUT", h, q},
                                                           {"GATE", i, h},  {"UP", i, h},   {"DOWN", h, i}};
  return shapes[projection];
}

/// The cache, [slots, layers, 2, kv_heads, slot_capacity, head_size].
struct CacheLayout {
  int64_t head, layer, slot;  // floats of one head's keys, of a layer's keys and values, of a slot

  explicit CacheLayout(const tppo_decoder_args& a)
      : head(a.slot_capacity * a.head_size), layer(2 * a.num_kv_heads * head), slot(a.num_layers * layer) {}

  /// Keys of a head, [slot_capacity, head_size]; the values of the same head lie layer / 2 behind.
  int64_t keys(int64_t of_slot, int64_t of_layer, int64_t of_head) const { return of_slot * slot + of_layer * layer + of_head * head; }
};

}  // namespace tppo
