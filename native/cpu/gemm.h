// SPDX-License-Identifier: Apache-2.0
// The three products of an output layer, cut into tasks that may run in any order and at once. The tasks depend on the shapes alone, and
// so do the bits: an element of
//   logits      sums along the hidden size, in blocks of kPanelDepth that are then added in order,
//   d hidden    sums along the vocabulary, likewise,
//   d weight    goes on from what it holds, one token after the other.
// None depends on how many tokens there are in a call of a product, so neither on how a batch is cut into chunks.
#pragma once

#include "gemm_kernels.h"
#include "workspace.h"

namespace tppo::cpu {

/// Float rows `stride` apart.
struct FloatRows {
  float* data;
  int64_t stride;

  float* row(int64_t i) const { return data + i * stride; }

  /// Stride for rows of `width` floats, rounded up to whole panels: an odd number of cache lines, so that rows do not share their sets.
  static int64_t stride_of(int64_t width) { return blocks_of(width, kMaxPanelWidth) * kMaxPanelWidth + 16; }
};

/// The shapes, and the matrix of the output layer.
struct OutputLayer {
  const GemmKernels& kernels;
  const void* weight;  // [vocab, hidden]
  int32_t dtype;
  int64_t vocab, hidden;

  const char* weight_at(int64_t v, int64_t h) const {
    return static_cast<const char*>(weight) + (v * hidden + h) * element_bytes(dtype);
  }
  /// Rough cost in ns of a product on `rows` rows, for the choice of threads.
  int64_t cost(int64_t rows) const;
};

/// logits = x weight^T for `rows` rows.
struct LogitProduct {
  const OutputLayer& layer;
  FloatRows x, logits;
  int64_t rows;

  int64_t tasks() const;
  void run(int64_t task) const;
};

/// d_hidden = gradient weight for `rows` rows.
struct HiddenProduct {
  const OutputLayer& layer;
  FloatRows gradient, d_hidden;
  int64_t rows;

  int64_t tasks() const;
  void run(int64_t task) const;
};

/// x, cut into panels. `panels` has room for floats(rows, hidden).
struct Panels {
  const OutputLayer& layer;
  FloatRows x;
  int64_t rows;
  float* panels;

  static int64_t floats(int64_t rows, int64_t hidden) { return rows * blocks_of(hidden, kMaxPanelWidth) * kMaxPanelWidth; }
  int64_t tasks() const;
  void run(int64_t task) const;
};

/// d_weight += gradient^T x.
struct WeightProduct {
  const OutputLayer& layer;
  FloatRows gradient;
  const Panels& x;
  float* d_weight;  // [vocab, hidden]

  int64_t tasks() const;
  void run(int64_t task) const;
};

}  // namespace tppo::cpu
