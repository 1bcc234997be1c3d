// SPDX-License-Identifier: Apache-2.0
// The choice of tokens. The probabilities of a row are those that the losses compute; what follows is plain selection.
#include <algorithm>

#include "cpu_backend.h"
#include "row_tasks.h"

namespace tppo::cpu {
namespace {

bool restricted(const tppo_sample_tokens_args& a) {
  return a.temperature > 0.0 && ((a.top_k > 0 && a.top_k < a.vocab_size) || a.top_p < 1.0);
}

struct Scratch {
  TaskSums sums;
  RowScratch rows;
  int32_t* heaps;  // of each worker [V]

  Scratch(const tppo_sample_tokens_args& a, Workspace& w)
      : sums(a.vocab_size, a.num_rows, TPPO_SAMPLE_TOKENS_STATS, w), rows(a.vocab_size, w),
        heaps(w.take<int32_t>(restricted(a) ? a.vocab_size * most_workers() : 0)) {}
};

int32_t argmax(const float* logits, int64_t n) { return static_cast<int32_t>(std::max_element(logits, logits + n) - logits); }

/// The first id at which the sum exceeds u times the sum of all. Sums are kept for blocks, so that most ids are passed over at once.
int32_t choose_among_all(const float* p, int64_t n, double u) {
  constexpr int64_t kBlock = 64;
  const auto block_sum = [&](int64_t begin) {
    double sums[8] = {0.0};
    const int64_t end = std::min(begin + kBlock, n);
    for (int64_t id = begin; id < end; ++id) sums[id % 8] += p[id];
    return ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
  };
  double total = 0.0;
  for (int64_t begin = 0; begin < n; begin += kBlock) total += block_sum(begin);
  const double target = u * total;
  double reached = 0.0;
  for (int64_t begin = 0; begin < n; begin += kBlock) {
    const double after = reached + block_sum(begin);
    if (after > target) {
      // Rounding may leave the target just out of reach: then the block's last token stands in.
      int64_t last = begin;
      for (int64_t id = begin; id < std::min(begin + kBlock, n); ++id) {
        if (!(p[id] > 0.0f)) continue;
        reached += p[id];
        last = id;
        if (reached > target) break;
      }
      return static_cast<int32_t>(last);
    }
    reached = after;
  }
  int64_t last = n - 1;
  while (last > 0 && !(p[last] > 0.0f)) --last;
  return static_cast<int32_t>(last);
}

/// The ids in order of descending probability come from a heap, so that only as many are sorted as are kept.
int32_t choose_among_best(const tppo_sample_tokens_args& a, const float* p, double u, int32_t* heap) {
  const int64_t n = a.vocab_size, limit = a.top_k > 0 ? std::min(a.top_k, n) : n;
  const auto after = [p](int32_t x, int32_t y) { return p[x] < p[y] || (p[x] == p[y] && x > y); };
  for (int64_t id = 0; id < n; ++id) heap[id] = static_cast<int32_t>(id);
  std::make_heap(heap, heap + n, after);
  double sum = 0.0;
  int64_t kept = 0;
  // The best moves behind the shrinking heap.
  for (; kept < limit && (kept == 0 || sum < a.top_p); ++kept) {
    std::pop_heap(heap, heap + n - kept, after);
    sum += p[heap[n - kept - 1]];
  }
  const double target = u * sum;
  double reached = 0.0;
  for (int64_t i = 1; i <= kept; ++i) {
    const int32_t id = heap[n - i];
    reached += p[id];
    if (reached > target) return id;
  }
  return heap[n - 1];
}

}  // namespace

uint64_t sample_tokens_workspace(const tppo_sample_tokens_args& a, int32_t) {
  Workspace w;
  const Scratch scratch(a, w);
  return w.size();
}

int32_t sample_tokens(const tppo_sample_tokens_args& a, const Call& call) {
  Workspace w(call.workspace);
  const Scratch s(a, w);
  const LogitRows rows(a.logits, TPPO_F32, a.vocab_size, a.logits_stride, a.temperature > 0.0 ? a.temperature : 1.0);
  const Tokens tokens{nullptr, nullptr, a.num_rows};
  const auto row = [&](const RowWorker& worker, int64_t i, double* sums) {
    const float* const logits = a.logits + i * a.logits_stride;
    float* const p = s.rows.exponentials(worker.index);
    const LogitRow r = a.temperature > 0.0 ? rows.read(i, 0, s.rows, worker.index) : rows.read(i, 0);
    int32_t id = -1;
    if (r.bad) {
      sums[TPPO_SAMPLE_TOKENS_BAD_ROWS] += 1.0;
    } else if (a.temperature == 0.0) {
      id = argmax(logits, a.vocab_size);
    } else {
      rows.probabilities(r, p);
      id = restricted(a) ? choose_among_best(a, p, a.uniforms[i], s.heaps + worker.index * a.vocab_size) : choose_among_all(p, a.vocab_size, a.uniforms[i]);
    }
    const float logprob = id >= 0 ? rows.logprob(r, logits[id]) : NAN;
    a.ids[i] = id;
    if (a.logprob != nullptr) a.logprob[i] = logprob;
    if (id >= 0) sums[TPPO_SAMPLE_TOKENS_LOGPROB] += logprob;
  };
  for_each_row(tokens, 0, a.num_rows, 2 * rows.cost(a.num_rows), s.sums, [](int64_t) { return true; }, row,
               [](int64_t) {});
  if (a.stats != nullptr) s.sums.total(a.num_rows, a.stats);
  return TPPO_OK;
}

}  // namespace tppo::cpu
