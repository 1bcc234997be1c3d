// SPDX-License-Identifier: Apache-2.0
#include "gemm.h"

#include <algorithm>

namespace tppo::cpu {
namespace {

// Sizes of tasks: small enough to share out, large enough that what a task packs serves many rows or columns.
constexpr int64_t kVocabPerTask = 128;
constexpr int64_t kHiddenPerTask = 128;
constexpr int64_t kHiddenRowsPerTask = 256;

/// A panel that a task packs for itself. On the stack: there are as many as threads, and their number is not known beforehand.
struct alignas(64) OwnPanel {
  float data[kPanelDepth * kMaxPanelWidth];
};

}  // namespace

int64_t OutputLayer::cost(int64_t rows) const {
  return static_cast<int64_t>(std::min(static_cast<double>(rows) * static_cast<double>(vocab) * static_cast<double>(hidden) / 32, 1e15));
}

int64_t LogitProduct::tasks() const { return blocks_of(layer.vocab, kVocabPerTask); }

void LogitProduct::run(int64_t task) const {
  const GemmKernels& kernels = layer.kernels;
  const int64_t begin = task * kVocabPerTask, end = std::min(begin + kVocabPerTask, layer.vocab);
  OwnPanel panel;
  for (int64_t h = 0; h < layer.hidden; h += kPanelDepth) {
    const int64_t depth = std::min(kPanelDepth, layer.hidden - h);
    for (int64_t v = begin; v < end; v += kernels.width) {
      kernels.pack[layer.dtype].transposed(layer.weight_at(v, h), layer.hidden, depth, std::min(kernels.width, end - v), panel.data);
      kernels.multiply(x.data + h, x.stride, rows, panel.data, depth, logits.data + v, logits.stride, h > 0);
    }
  }
}

int64_t HiddenProduct::tasks() const { return blocks_of(layer.hidden, kHiddenPerTask) * blocks_of(rows, kHiddenRowsPerTask); }

void HiddenProduct::run(int64_t task) const {
  const GemmKernels& kernels = layer.kernels;
  const int64_t columns = blocks_of(layer.hidden, kHiddenPerTask);
  const int64_t row = task / columns * kHiddenRowsPerTask, count = std::min(kHiddenRowsPerTask, rows - row);
  const int64_t begin = task % columns * kHiddenPerTask, end = std::min(begin + kHiddenPerTask, layer.hidden);
  OwnPanel panel;
  for (int64_t v = 0; v < layer.vocab; v += kPanelDepth) {
    const int64_t depth = std::min(kPanelDepth, layer.vocab - v);
    for (int64_t h = begin; h < end; h += kernels.width) {
      kernels.pack[layer.dtype].straight(layer.weight_at(v, h), layer.hidden, depth, std::min(kernels.width, end - h), panel.data);
      kernels.multiply(gradient.row(row) + v, gradient.stride, count, panel.data, depth, d_hidden.row(row) + h, d_hidden.stride, v > 0);
    }
  }
}

int64_t Panels::tasks() const { return blocks_of(layer.hidden, layer.kernels.width); }

void Panels::run(int64_t task) const {
  const int64_t width = layer.kernels.width, h = task * width;
  layer.kernels.pack[TPPO_F32].straight(x.data + h, x.stride, rows, std::min(width, layer.hidden - h), panels + h * rows);
}

int64_t WeightProduct::tasks() const { return blocks_of(layer.vocab, kVocabPerTask); }

void WeightProduct::run(int64_t task) const {
  const GemmKernels& kernels = layer.kernels;
  const int64_t begin = task * kVocabPerTask, end = std::min(begin + kVocabPerTask, layer.vocab);
  for (int64_t row = 0; row < x.rows; row += kPanelDepth) {
    const int64_t depth = std::min(kPanelDepth, x.rows - row);
    for (int64_t v = begin; v < end; v += kernels.rows)
      for (int64_t h = 0; h < layer.hidden; h += kernels.width)
        kernels.continue_transposed(gradient.row(row) + v, gradient.stride, std::min(kernels.rows, end - v),
                                    x.panels + h * x.rows + row * kernels.width, depth, std::min(kernels.width, layer.hidden - h),
                                    d_weight + v * layer.hidden + h, layer.hidden);
  }
}

}  // namespace tppo::cpu
