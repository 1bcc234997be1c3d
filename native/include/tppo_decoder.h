/* SPDX-License-Identifier: Apache-2.0 */
/**
 * C API for generation: the forward pass of a decoder with a key/value cache, and the choice of tokens from its logits. The conventions of
 * tppo.h hold. Both operations run on the CPU only: a device >= 0 gives TPPO_UNSUPPORTED.
 *
 * Independence. The bits of a row's results depend on the weights, on the row itself and on the cached positions that it attends to, and on
 *               nothing else: not on the other rows of the call, on how a sequence is cut into calls, on slots, or on the number of
 *               threads. (They do depend on the instruction set, as everywhere in this library.)
 */
#ifndef TPPO_DECODER_H
#define TPPO_DECODER_H

#include "tppo.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---------------------------------------------------------------- decoder */

/** The projections of a layer, by their index in tppo_decoder_layer. */
enum {
  TPPO_DECODER_QUERY = 0,  /**< [heads * head_size, H] */
  TPPO_DECODER_KEY = 1,    /**< [kv_heads * head_size, H] */
  TPPO_DECODER_VALUE = 2,  /**< [kv_heads * head_size, H] */
  TPPO_DECODER_OUTPUT = 3, /**< [H, heads * head_size] */
  TPPO_DECODER_GATE = 4,   /**< [I, H] */
  TPPO_DECODER_UP = 5,     /**< [I, H] */
  TPPO_DECODER_DOWN = 6,   /**< [H, I] */
  TPPO_DECODER_PROJECTIONS = 7
};

/** y = weight x + bias + lora_scale * lora_b (lora_a x), of sizes [out, in] as listed above. */
typedef struct tppo_decoder_projection {
  const void* weight;          /**< [out, in], of args->dtype */
  const void* bias;            /**< [out], of args->dtype, nullable */
  const float* lora_a;         /**< [lora_rank, in] */
  const float* lora_b;         /**< [out, lora_rank] */
  int64_t lora_rank;           /**< 0 = no low-rank pair (default) */
  double lora_scale;
} tppo_decoder_projection;

typedef struct tppo_decoder_layer {
  const void* attention_norm;  /**< [H], of args->dtype */
  const void* mlp_norm;        /**< [H], of args->dtype */
  int64_t window;              /**< a row attends to the newest `window` positions, its own included; 0 = to all (default) */
  tppo_decoder_projection projections[TPPO_DECODER_PROJECTIONS];
} tppo_decoder_layer;

/**
 * Forward pass of a decoder of the Llama, Mistral and Qwen2 family (RMSNorm, rotary position embedding in halves, grouped-query attention,
 * SwiGLU) for a list of rows: one row is one token of one sequence at one position. Prompts of different lengths and single new
 * tokens go into one call as they come; there is no padding.
 *
 * Weights are read where they lie, in any of the three types, each number widened exactly to float32, and nothing of them is kept: they may be a
 * mapped file, and they may change between calls. All arithmetic is in float32, dot products in a fixed order.
 *
 * Cache: float32 [num_slots, num_layers, 2 (keys, values), num_kv_heads, slot_capacity, head_size], memory of the caller, which need not be
 * initialised. A slot holds one sequence: a call writes the positions of its rows, and a row at position p reads the positions up to
 * p of its slot (the newest `window` of them), which this call or earlier ones must have written since the slot went to its sequence.
 * Rows come slot by slot, slots ascending, and within a slot the positions are consecutive and ascending.
 *
 * Complexity: a multiply-add per weight and row. With few rows the time is that of reading the weights once.
 */
typedef struct tppo_decoder_args {
  uint64_t size;
  int64_t hidden_size;         /**< H >= 1 */
  int64_t intermediate_size;   /**< I >= 1 */
  int64_t num_layers;          /**< >= 1 */
  int64_t num_heads;           /**< a multiple of num_kv_heads */
  int64_t num_kv_heads;        /**< >= 1 */
  int64_t head_size;           /**< even, >= 2; need not be H / num_heads */
  int64_t vocab_size;          /**< V >= 1 */
  int32_t dtype;               /**< of all weights but the low-rank pairs: TPPO_F32 (default), TPPO_BF16 or TPPO_F16 */
  int32_t reserved;
  double rms_norm_eps;         /**< >= 0, default 1e-5 */
  const void* embedding;       /**< [V,H] */
  const tppo_decoder_layer* layers; /**< [num_layers] */
  const void* final_norm;      /**< [H] */
  const void* output_weight;   /**< [V,H]; may be the embedding; not needed without logits */
  const float* rope_cos;       /**< [slot_capacity, head_size / 2], cosine of position * frequency */
  const float* rope_sin;       /**< [slot_capacity, head_size / 2], sine */
  float* cache;                /**< in and out, as above */
  int64_t num_slots;           /**< >= 1 */
  int64_t slot_capacity;       /**< positions of a slot, >= 1 */
  int64_t num_rows;            /**< N; 0: nothing is done */
  const int32_t* tokens;       /**< [N], in [0,V) */
  const int32_t* slots;        /**< [N], in [0,num_slots), ascending, equal for the rows of a sequence */
  const int32_t* positions;    /**< [N], in [0,slot_capacity), in each slot one more from row to row */
  int64_t num_outputs;         /**< M; the final norm and the output layer run for these rows only */
  const int32_t* output_rows;  /**< [M], in [0,N), strictly ascending */
  float* logits;               /**< [M,V] out */
  float* hidden;               /**< [M,H] out, after the final norm */
} tppo_decoder_args;
TPPO_API void tppo_decoder_init(tppo_decoder_args* args);
/** Floats of a cache of this shape with num_slots and slot_capacity; only these and the sizes of layers and heads are looked at. */
TPPO_API int32_t tppo_decoder_cache_size(const tppo_decoder_args* args, int64_t* floats);
/** Looks at the layers' ranks too, so `layers` must be there. */
TPPO_API int32_t tppo_decoder_workspace(const tppo_decoder_args* args, int32_t device, uint64_t* bytes);
TPPO_API int32_t tppo_decoder(const tppo_decoder_args* args, int32_t device, void* stream, void* workspace, uint64_t workspace_size);
/** Copies the first `positions` positions of slot `from` of the cache to slot `to`; weights and rows are not looked at. */
TPPO_API int32_t tppo_decoder_copy_slot(const tppo_decoder_args* args, int64_t from, int64_t to, int64_t positions);

/* ---------------------------------------------------------------- sample_tokens */

/**
 * Chooses one token for each row of logits, given a uniform number in [0,1) for each. With p = softmax(logits / temperature):
 *   temperature 0         the largest logit, the lowest id among equals; p is then softmax(logits)
 *   no top_k, no top_p    in order of ids, the first id at which the sum of p exceeds uniform * (sum of all p)
 *   otherwise             the same over the kept ids in order of descending p, the lower id first among equals; kept are ids in that order
 *                         until there are top_k of them, or until their p add up to top_p
 * A token of p = 0 is never chosen. logprob is ln p of the chosen token over the whole vocabulary, with the bits of tppo_token_log_probs.
 * Bad rows (NaN, +inf or nothing but -inf) get id -1 and logprob NaN and are counted. Rows are independent of one another.
 */
typedef struct tppo_sample_tokens_args {
  uint64_t size;
  int64_t num_rows;            /**< N */
  int64_t vocab_size;          /**< V, 1 to 2^31 - 1 */
  int64_t logits_stride;       /**< elements from row to row, >= V; 0 = V */
  int64_t top_k;               /**< 0 = off (default) */
  double top_p;                /**< in (0,1]; 1 = off (default) */
  double temperature;          /**< >= 0, default 1 */
  const float* logits;         /**< [N,V] */
  const double* uniforms;      /**< [N], in [0,1); not read at temperature 0 */
  int32_t* ids;                /**< [N] out, required */
  float* logprob;              /**< [N] out */
  double* stats;               /**< TPPO_SAMPLE_TOKENS_STATS */
} tppo_sample_tokens_args;
enum {
  TPPO_SAMPLE_TOKENS_LOGPROB = 0,  /**< sum of logprob over the rows that are not bad */
  TPPO_SAMPLE_TOKENS_BAD_ROWS = 1, /**< bad rows */
  TPPO_SAMPLE_TOKENS_STATS = 2
};
TPPO_API void tppo_sample_tokens_init(tppo_sample_tokens_args* args);
TPPO_API int32_t tppo_sample_tokens_workspace(const tppo_sample_tokens_args* args, int32_t device, uint64_t* bytes);
TPPO_API int32_t tppo_sample_tokens(const tppo_sample_tokens_args* args, int32_t device, void* stream, void* workspace, uint64_t workspace_size);

#ifdef __cplusplus
}
#endif

#endif
