// SPDX-License-Identifier: Apache-2.0
// The forward pass of a decoder. Rows are taken through all layers a chunk at a time. A small model's weights stay in the caches of each
// processor: there a worker takes chunks of its own, without waiting for others. Otherwise the workers share the columns of every product.
#include <algorithm>

#include "cpu_backend.h"
#include "decoder_chunk.h"

namespace tppo::cpu {
namespace {

/// Bytes of weights up to which workers go through the layers each for itself.
constexpr int64_t kSmallModel = 16 << 20;
/// Rows that a worker takes at least, when there are so many.
constexpr int64_t kRowsPerTask = 4;
constexpr int64_t kOutputRowsPerTask = 64;

bool small(const tppo_decoder_args& a) {
  double weights = 0.0;
  for (int32_t p = 0; p < TPPO_DECODER_PROJECTIONS; ++p) {
    const ProjectionShape shape = projection_shape(a, p);
    weights += static_cast<double>(shape.out) * static_cast<double>(shape.in);
  }
  return weights * static_cast<double>(a.num_layers * element_bytes(a.dtype)) <= kSmallModel;
}

/// What the workspace holds.
struct Scratch {
  int32_t workers;     // that may have a chunk of their own
  int64_t* tasks;      // first rows of the tasks, and the end
  float* hidden;       // [outputs, H]
  char* chunks;
  uint64_t chunk_bytes;
  AttentionScratch attention;

  Scratch(const tppo_decoder_args& a, Workspace& w)
      : workers(small(a) ? most_workers() : 1), tasks(w.take<int64_t>(a.num_rows / kRowsPerTask + 2)),
        hidden(w.take<float>(a.hidden == nullptr ? a.num_outputs * a.hidden_size : 0)), attention(a, w) {
    chunk_bytes = ChunkScratch::size(a);
    chunks = w.take<char>(static_cast<int64_t>(chunk_bytes) * workers);
  }
};

/// Cuts the rows into tasks of whole sequences; returns how many there are. The larger a task, the more rows use weights that were fetched.
int64_t cut(const tppo_decoder_args& a, int64_t* tasks) {
  const int64_t rows = std::max(kRowsPerTask, std::min(kChunkRows, blocks_of(a.num_rows, threads())));
  int64_t count = 0;
  tasks[0] = 0;
  for (int64_t i = 1; i < a.num_rows; ++i)
    if (a.slots[i] != a.slots[i - 1] && i - tasks[count] >= rows) tasks[++count] = i;
  // What is left over joins the task before it.
  if (count == 0 || a.num_rows - tasks[count] >= kRowsPerTask) ++count;
  tasks[count] = a.num_rows;
  return count;
}

/// Takes rows [begin, end), whole sequences, through all layers.
void run_rows(const tppo_decoder_args& a, const DecoderKernels& kernels, const Scratch& s, float* hidden, int64_t begin, int64_t end, int32_t worker,
              bool alone) {
  Workspace w(s.chunks + static_cast<int64_t>(s.chunk_bytes) * worker);
  DecoderChunk chunk(a, kernels, ChunkScratch(a, w), s.attention, alone, worker);
  for (int64_t i = begin; i < end; i += kChunkRows) chunk.run(i, std::min(i + kChunkRows, end), hidden);
}

void output_layer(const tppo_decoder_args& a, const DecoderKernels& kernels, const float* hidden) {
  const int64_t columns = blocks_of(a.vocab_size, kColumnsPerTask), rows = blocks_of(a.num_outputs, kOutputRowsPerTask);
  parallel(columns * rows, product_cost(a.num_outputs, a.vocab_size, a.hidden_size), [&](int64_t task) {
    const int64_t v = task / rows * kColumnsPerTask, i = task % rows * kOutputRowsPerTask;
    kernels.of[a.dtype].product(hidden + i * a.hidden_size, a.hidden_size, std::min(kOutputRowsPerTask, a.num_outputs - i),
                                static_cast<const char*>(a.output_weight) + v * a.hidden_size * element_bytes(a.dtype), a.hidden_size,
                                std::min(kColumnsPerTask, a.vocab_size - v), a.hidden_size, a.logits + i * a.vocab_size + v, a.vocab_size, false);
  });
}

}  // namespace

uint64_t decoder_workspace(const tppo_decoder_args& a, int32_t) {
  Workspace w;
  const Scratch scratch(a, w);
  return w.size();
}

int32_t decoder(const tppo_decoder_args& a, const Call& call) {
  if (a.num_rows == 0) return TPPO_OK;
  const DecoderKernels& kernels = decoder_kernels();
  Workspace w(call.workspace);
  const Scratch s(a, w);
  float* const hidden = a.hidden != nullptr ? a.hidden : s.hidden;
  const int64_t tasks = s.workers > 1 ? cut(a, s.tasks) : 1;
  if (tasks > 1) {
    parallel_workers(tasks, INT64_MAX, [&](int32_t worker, int64_t task) {
      run_rows(a, kernels, s, hidden, s.tasks[task], s.tasks[task + 1], worker, true);
    });
  } else {
    run_rows(a, kernels, s, hidden, 0, a.num_rows, 0, false);
  }
  if (a.logits != nullptr && a.num_outputs > 0) output_layer(a, kernels, hidden);
  return TPPO_OK;
}

void decoder_copy_slot(const tppo_decoder_args& a, int64_t from, int64_t to, int64_t positions) {
  const CacheLayout layout(a);
  if (from == to) return;
  const int64_t heads = 2 * a.num_layers * a.num_kv_heads, floats = positions * a.head_size;
  parallel(heads, heads * floats / 4, [&](int64_t head) {
    std::copy_n(a.cache + from * layout.slot + head * layout.head, floats, a.cache + to * layout.slot + head * layout.head);
  });
}

}  // namespace tppo::cpu
