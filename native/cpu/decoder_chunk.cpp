// SPDX-License-Identifier: Apache-2.0
#include "decoder_chunk.h"

#include <algorithm>
#include <cmath>

namespace tppo::cpu {
namespace {

int64_t qkv_columns(const tppo_decoder_args& a) { return (a.num_heads + 2 * a.num_kv_heads) * a.head_size; }

/// (u, v) to (u cos - v sin, v cos + u sin) for the halves u, v of a head.
void rotate(float* head, const float* cosines, const float* sines, int64_t half) {
  for (int64_t d = 0; d < half; ++d) {
    const float u = head[d], v = head[d + half];
    head[d] = u * cosines[d] - v * sines[d];
    head[d + half] = v * cosines[d] + u * sines[d];
  }
}

}  // namespace

int64_t largest_rank(const tppo_decoder_args& a) {
  int64_t rank = 0;
  for (int64_t l = 0; l < a.num_layers; ++l)
    for (const tppo_decoder_projection& p : a.layers[l].projections) rank = std::max(rank, p.lora_rank);
  return rank;
}

ChunkScratch::ChunkScratch(const tppo_decoder_args& a, Workspace& w) {
  const int64_t rows = std::min(kChunkRows, a.num_rows);
  x = w.take<float>(rows * a.hidden_size);
  normed = w.take<float>(rows * a.hidden_size);
  y = w.take<float>(rows * a.hidden_size);
  qkv = w.take<float>(rows * qkv_columns(a));
  attended = w.take<float>(rows * a.num_heads * a.head_size);
  gate = w.take<float>(rows * a.intermediate_size);
  up = w.take<float>(rows * a.intermediate_size);
  low = w.take<float>(rows * 3 * largest_rank(a));
}

uint64_t ChunkScratch::size(const tppo_decoder_args& a) {
  Workspace w;
  const ChunkScratch scratch(a, w);
  return w.size();
}

DecoderChunk::DecoderChunk(const tppo_decoder_args& args, const DecoderKernels& kernels, const ChunkScratch& scratch,
                           const AttentionScratch& attention, bool alone, int32_t worker)
    : a_(args), kernels_(kernels), weights_(kernels.of[args.dtype]), s_(scratch), attention_(attention), alone_(alone), worker_(worker),
      cache_(args), qkv_stride_(qkv_columns(args)) {}

template <typename F>
void DecoderChunk::each(int64_t tasks, int64_t cost, F f) const {
  if (!alone_) return parallel_workers(tasks, cost, f);
  for (int64_t task = 0; task < tasks; ++task) f(worker_, task);
}

/// lora_scale * lora_a x of a product, to the place of its own in s_.low.
void DecoderChunk::low_rank(const tppo_decoder_projection& p, const Product& product) const {
  const int64_t rank = p.lora_rank, in = projection_shape(a_, product.projection).in;
  if (rank == 0) return;
  kernels_.of[TPPO_F32].product(product.x, in, rows_, p.lora_a, in, rank, in, product.low, rank, false);
  const float scale = static_cast<float>(p.lora_scale);
  for (int64_t i = 0; i < rows_ * rank; ++i) product.low[i] *= scale;
}

/// Columns [begin, end) of a product, with bias and low-rank pair.
void DecoderChunk::columns(const tppo_decoder_projection& p, const Product& product, int64_t begin, int64_t end) const {
  const int64_t in = projection_shape(a_, product.projection).in, bytes = element_bytes(a_.dtype);
  float* const out = product.out + begin;
  weights_.product(product.x, in, rows_, static_cast<const char*>(p.weight) + begin * in * bytes, in, end - begin, in, out, product.out_stride, false);
  if (p.bias != nullptr)
    for (int64_t i = 0; i < rows_; ++i) weights_.add(out + i * product.out_stride, static_cast<const char*>(p.bias) + begin * bytes, end - begin);
  if (p.lora_rank > 0)
    kernels_.of[TPPO_F32].product(product.low, p.lora_rank, rows_, p.lora_b + begin * p.lora_rank, p.lora_rank, end - begin, p.lora_rank, out,
                                  product.out_stride, true);
}

/// Products beside each other.
template <int N>
void DecoderChunk::multiply(const tppo_decoder_layer& layer, const Product (&products)[N]) const {
  int64_t ranks = 0, tasks = 0, cost = 0, low_cost = 0;
  for (const Product& p : products) {
    const ProjectionShape shape = projection_shape(a_, p.projection);
    const int64_t rank = layer.projections[p.projection].lora_rank;
    ranks += rank;
    tasks += blocks_of(shape.out, kColumnsPerTask);
    cost += product_cost(rows_, shape.out, shape.in);
    low_cost += product_cost(rows_, rank, shape.in);
  }
  if (ranks > 0) each(N, low_cost, [&](int32_t, int64_t n) { low_rank(layer.projections[products[n].projection], products[n]); });
  each(tasks, cost, [&](int32_t, int64_t task) {
    for (const Product& p : products) {
      const int64_t out = projection_shape(a_, p.projection).out, blocks = blocks_of(out, kColumnsPerTask), begin = task * kColumnsPerTask;
      if (task < blocks) return columns(layer.projections[p.projection], p, begin, std::min(begin + kColumnsPerTask, out));
      task -= blocks;
    }
  });
}

/// normed = norm(x), before which x += y with `add_y`.
void DecoderChunk::norm(const void* weight, bool add_y) const {
  const int64_t h = a_.hidden_size;
  each(rows_, rows_ * h / 4, [&](int32_t, int64_t i) {
    float* const x = s_.x + i * h;
    if (add_y)
      for (int64_t k = 0; k < h; ++k) x[k] += s_.y[i * h + k];
    weights_.rms_norm(x, weight, h, a_.rms_norm_eps, s_.normed + i * h);
  });
}

/// Rotates queries and keys, and puts keys and values into the cache.
void DecoderChunk::rotate_and_keep(int64_t layer) const {
  const int64_t size = a_.head_size, half = size / 2;
  each(rows_, rows_ * qkv_stride_ / 2, [&](int32_t, int64_t i) {
    const int64_t position = positions_[i];
    const float *const cosines = a_.rope_cos + position * half, *const sines = a_.rope_sin + position * half;
    float* head = s_.qkv + i * qkv_stride_;
    for (int64_t h = 0; h < a_.num_heads; ++h, head += size) rotate(head, cosines, sines, half);
    for (int64_t h = 0; h < a_.num_kv_heads; ++h, head += size) {
      float* const to = a_.cache + cache_.keys(slots_[i], layer, h) + position * size;
      rotate(head, cosines, sines, half);
      std::copy_n(head, size, to);
      std::copy_n(head + a_.num_kv_heads * size, size, to + cache_.layer / 2);
    }
  });
}

/// Attention of all rows. A task is one key/value head and some rows of a sequence that follow each other.
void DecoderChunk::attend(int64_t layer) const {
  struct Rows {
    int64_t first, count;
  } blocks[kChunkRows];
  const int64_t most = std::max<int64_t>(1, AttentionScratch::kQueries * a_.num_kv_heads / a_.num_heads);
  int64_t count = 0, keys = 0;
  for (int64_t i = 0; i < rows_; ++i) {
    const bool follows = i > 0 && slots_[i] == slots_[i - 1] && positions_[i] == positions_[i - 1] + 1;
    if (!follows || blocks[count - 1].count == most) blocks[count++] = Rows{i, 0};
    ++blocks[count - 1].count;
    keys += positions_[i] + 1;
  }
  each(count * a_.num_kv_heads, keys * a_.num_heads * a_.head_size / 16, [&](int32_t worker, int64_t task) {
    const Rows& rows = blocks[task / a_.num_kv_heads];
    attend(layer, rows.first, rows.count, task % a_.num_kv_heads, worker);
  });
}

void DecoderChunk::attend(int64_t layer, int64_t first, int64_t count, int64_t kv_head, int32_t worker) const {
  const int64_t size = a_.head_size, group = a_.num_heads / a_.num_kv_heads, queries = count * group, stride = attention_.score_stride;
  const int64_t position = positions_[first], window = a_.layers[layer].window;
  // Row i attends to the positions from(i) .. position + i.
  const auto from = [&](int64_t i) { return window == 0 ? 0 : std::max<int64_t>(0, position + i - window + 1); };
  const int64_t start = from(0);
  const float* const keys = a_.cache + cache_.keys(slots_[first], layer, kv_head);
  const float* const values = keys + cache_.layer / 2;
  float *const query = attention_.query(worker), *const scores = attention_.scores(worker), *const result = attention_.result(worker);
  for (int64_t i = 0; i < count; ++i)
    std::copy_n(s_.qkv + (first + i) * qkv_stride_ + kv_head * group * size, group * size, query + i * group * size);
  kernels_.of[TPPO_F32].product(query, size, queries, keys + start * size, size, position + count - start, size, scores, stride, false);
  const float scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(size)));
  for (int64_t q = 0; q < queries; ++q) {
    const int64_t i = q / group;
    kernels_.softmax(scores + q * stride + from(i) - start, position + i + 1 - from(i), scale);
  }
  std::fill_n(result, queries * size, 0.0f);
  // Queries [q, q + n) go on with the positions [begin, end).
  const auto accumulate = [&](int64_t q, int64_t n, int64_t begin, int64_t end) {
    if (begin < end)
      kernels_.accumulate(scores + q * stride + begin - start, stride, n, values + begin * size, end - begin, size, result + q * size, size);
  };
  // What all rows attend to is done for all together.
  const int64_t common = std::min(from(count - 1), position + 1);
  for (int64_t i = 0; i < count; ++i) accumulate(i * group, group, from(i), common);
  accumulate(0, queries, common, position + 1);
  for (int64_t i = 0; i < count; ++i) accumulate(i * group, group, std::max(from(i), position + 1), position + i + 1);
  for (int64_t i = 0; i < count; ++i)
    std::copy_n(result + i * group * size, group * size, s_.attended + ((first + i) * a_.num_heads + kv_head * group) * size);
}

void DecoderChunk::mlp(const tppo_decoder_layer& layer) const {
  const int64_t inner = a_.intermediate_size;
  const tppo_decoder_projection &gate = layer.projections[TPPO_DECODER_GATE], &up = layer.projections[TPPO_DECODER_UP];
  const Product to_gate{TPPO_DECODER_GATE, s_.normed, s_.gate, inner, s_.low};
  const Product to_up{TPPO_DECODER_UP, s_.normed, s_.up, inner, s_.low + rows_ * gate.lora_rank};
  if (gate.lora_rank + up.lora_rank > 0)
    each(2, product_cost(rows_, gate.lora_rank + up.lora_rank, a_.hidden_size),
         [&](int32_t, int64_t n) { n == 0 ? low_rank(gate, to_gate) : low_rank(up, to_up); });
  each(blocks_of(inner, kColumnsPerTask), product_cost(rows_, 2 * inner, a_.hidden_size), [&](int32_t, int64_t task) {
    const int64_t begin = task * kColumnsPerTask, end = std::min(begin + kColumnsPerTask, inner);
    columns(gate, to_gate, begin, end);
    columns(up, to_up, begin, end);
    for (int64_t i = 0; i < rows_; ++i) kernels_.swiglu(s_.gate + i * inner + begin, s_.up + i * inner + begin, end - begin);
  });
  multiply(layer, {Product{TPPO_DECODER_DOWN, s_.gate, s_.y, a_.hidden_size, s_.low}});
}

/// Leaves out the rows that are no outputs: nobody asks for what the last layer makes of them.
void DecoderChunk::keep_outputs(const int32_t* outputs, int64_t count, int64_t begin) {
  const int64_t h = a_.hidden_size, q = a_.num_heads * a_.head_size;
  for (int64_t o = 0; o < count; ++o) {
    const int64_t i = outputs[o] - begin;
    if (i == o) continue;
    std::copy_n(s_.x + i * h, h, s_.x + o * h);
    std::copy_n(s_.qkv + i * qkv_stride_, q, s_.qkv + o * qkv_stride_);
    positions_[o] = positions_[i];
    slots_[o] = slots_[i];
  }
  rows_ = count;
}

void DecoderChunk::run(int64_t begin, int64_t end, float* hidden) {
  rows_ = end - begin;
  std::copy(a_.positions + begin, a_.positions + end, positions_);
  std::copy(a_.slots + begin, a_.slots + end, slots_);
  const int32_t* const outputs = std::lower_bound(a_.output_rows, a_.output_rows + a_.num_outputs, begin);
  const int64_t output_count = std::lower_bound(outputs, a_.output_rows + a_.num_outputs, end) - outputs;
  const int64_t h = a_.hidden_size, q = a_.num_heads * a_.head_size, kv = a_.num_kv_heads * a_.head_size;
  for (int64_t i = 0; i < rows_; ++i)
    weights_.widen(static_cast<const char*>(a_.embedding) + a_.tokens[begin + i] * h * element_bytes(a_.dtype), h, s_.x + i * h);
  for (int64_t l = 0; l < a_.num_layers; ++l) {
    const tppo_decoder_layer& layer = a_.layers[l];
    norm(layer.attention_norm, l > 0);
    const int64_t low[2] = {rows_ * layer.projections[TPPO_DECODER_QUERY].lora_rank, rows_ * layer.projections[TPPO_DECODER_KEY].lora_rank};
    multiply(layer, {Product{TPPO_DECODER_QUERY, s_.normed, s_.qkv, qkv_stride_, s_.low},
                     Product{TPPO_DECODER_KEY, s_.normed, s_.qkv + q, qkv_stride_, s_.low + low[0]},
                     Product{TPPO_DECODER_VALUE, s_.normed, s_.qkv + q + kv, qkv_stride_, s_.low + low[0] + low[1]}});
    rotate_and_keep(l);
    if (l == a_.num_layers - 1) keep_outputs(outputs, output_count, begin);
    if (rows_ == 0) return;
    attend(l);
    multiply(layer, {Product{TPPO_DECODER_OUTPUT, s_.attended, s_.y, h, s_.low}});
    norm(layer.mlp_norm, true);
    mlp(layer);
  }
  for (int64_t i = 0; i < rows_; ++i) {
    float* const x = s_.x + i * h;
    for (int64_t k = 0; k < h; ++k) x[k] += s_.y[i * h + k];
    weights_.rms_norm(x, a_.final_norm, h, a_.rms_norm_eps, hidden + (outputs - a_.output_rows + i) * h);
  }
}

}  // namespace tppo::cpu
