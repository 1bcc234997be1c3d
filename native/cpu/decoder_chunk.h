// SPDX-License-Identifier: Apache-2.0
// Some rows on their way through all layers of a decoder.
#pragma once

#include "../status.h"
#include "decoder_model.h"
#include "isa.h"
#include "thread_pool.h"
#include "workspace.h"

namespace tppo::cpu {

/// Most rows that go through the layers together.
constexpr int64_t kChunkRows = 64;
/// Columns of a product that are one task.
constexpr int64_t kColumnsPerTask = 64;

/// Rough cost in ns of a product, for the choice of threads; with few rows it is that of reading the weights.
inline int64_t product_cost(int64_t rows, int64_t columns, int64_t depth) { return (rows < 4 ? 4 : rows) * columns * depth / 32; }

/// What each worker needs for attention.
struct AttentionScratch {
  /// Rows that share their keys: those of some positions, or the heads of a group.
  static constexpr int64_t kQueries = 12;
  int64_t queries, score_stride, floats;
  float* base;

  AttentionScratch(const tppo_decoder_args& a, Workspace& w)
      : queries(a.num_heads / a.num_kv_heads > kQueries ? a.num_heads / a.num_kv_heads : kQueries), score_stride(blocks_of(a.slot_capacity, 16) * 16),
        floats(queries * (score_stride + 2 * blocks_of(a.head_size, 16) * 16)), base(w.take<float>(floats * most_workers())) {}

  float* scores(int32_t worker) const { return base + worker * floats; }
  float* query(int32_t worker) const { return scores(worker) + queries * score_stride; }
  float* result(int32_t worker) const { return query(worker) + queries * (floats / queries - score_stride) / 2; }
};

/// The activations of a chunk, rows of floats.
struct ChunkScratch {
  float *x, *normed, *y;  // [rows, H]: the residual stream, its norm, and what is to be added to it
  float *qkv, *attended;  // [rows, (heads + 2 kv_heads) head_size], [rows, heads head_size]
  float *gate, *up;       // [rows, I]
  float* low;             // [rows, 3 ranks]

  ChunkScratch(const tppo_decoder_args& a, Workspace& w);
  static uint64_t size(const tppo_decoder_args& a);
};

class DecoderChunk {
 public:
  /// `alone`: this worker does everything itself, since others have chunks of their own.
  DecoderChunk(const tppo_decoder_args& args, const DecoderKernels& kernels, const ChunkScratch& scratch, const AttentionScratch& attention,
               bool alone, int32_t worker);

  /// Takes the rows [begin, end) of the call through all layers; the final norm of those that are outputs goes to their row of `hidden`.
  void run(int64_t begin, int64_t end, float* hidden);

 private:
  /// A projection of the rows of the chunk.
  struct Product {
    int32_t projection;
    const float* x;
    float* out;
    int64_t out_stride;
    float* low;  // [rows, rank], for the low-rank pair
  };
  template <typename F>
  void each(int64_t tasks, int64_t cost, F f) const;
  void low_rank(const tppo_decoder_projection& p, const Product& product) const;
  void columns(const tppo_decoder_projection& p, const Product& product, int64_t begin, int64_t end) const;
  template <int N>
  void multiply(const tppo_decoder_layer& layer, const Product (&products)[N]) const;
  void norm(const void* weight, bool add_y) const;
  void rotate_and_keep(int64_t layer) const;
  void attend(int64_t layer) const;
  void attend(int64_t layer, int64_t first, int64_t count, int64_t kv_head, int32_t worker) const;
  void mlp(const tppo_decoder_layer& layer) const;
  void keep_outputs(const int32_t* outputs, int64_t count, int64_t begin);

  const tppo_decoder_args& a_;
  const DecoderKernels& kernels_;
  const WeightKernels& weights_;
  const ChunkScratch s_;
  const AttentionScratch& attention_;
  const bool alone_;
  const int32_t worker_;
  const CacheLayout cache_;
  const int64_t qkv_stride_;
  int64_t rows_ = 0;
  int32_t positions_[kChunkRows], slots_[kChunkRows];
};

/// Largest rank among the low-rank pairs of the model.
int64_t largest_rank(const tppo_decoder_args& a);

}  // namespace tppo::cpu
