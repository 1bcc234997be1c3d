// SPDX-License-Identifier: Apache-2.0
// A decoder with random weights, and its forward pass over a whole sequence written plainly in double.
#pragma once

#include "test.h"
#include "tppo_decoder.h"

namespace test {

struct DecoderSizes {
  int64_t hidden = 24, inner = 40, layers = 2, heads = 4, kv_heads = 2, head_size = 6, vocab = 50;
  int32_t dtype = TPPO_F32;
  bool biases = false;
  int64_t rank = 0;  // of the low-rank pairs of every other projection
  std::vector<int64_t> windows = {0, 0};
};

/// Random numbers of a type, scale their standard deviation, and what they are in double.
struct Weights {
  Vec<float> floats;
  Vec<uint16_t> halves;
  std::vector<double> values;

  Weights() = default;
  Weights(Random& random, int32_t dtype, int64_t n, double scale, double mean = 0.0) {
    for (int64_t i = 0; i < n; ++i) {
      const float x = static_cast<float>(mean + scale * 3.4641016 * (random.uniform() - 0.5));
      if (dtype == TPPO_F32)
        floats.push_back(x);
      else
        halves.push_back(dtype == TPPO_BF16 ? to_bf16(x) : to_f16(x));
      values.push_back(dtype == TPPO_F32 ? x : dtype == TPPO_BF16 ? from_bf16(halves.back()) : from_f16(halves.back()));
    }
  }
  const void* data() const { return floats.empty() ? static_cast<const void*>(halves.data()) : floats.data(); }
};

struct DecoderModel {
  struct Projection {
    int64_t out, in;
    Weights weight, bias, a, b;
    double scale;

    std::vector<double> apply(const std::vector<double>& x) const {
      std::vector<double> y(static_cast<size_t>(out)), low(a.values.size() / static_cast<size_t>(in));
      for (size_t r = 0; r < low.size(); ++r)
        for (int64_t k = 0; k < in; ++k) low[r] += a.values[r * static_cast<size_t>(in) + static_cast<size_t>(k)] * x[static_cast<size_t>(k)];
      for (int64_t j = 0; j < out; ++j) {
        double sum = bias.values.empty() ? 0.0 : bias.values[static_cast<size_t>(j)];
        for (int64_t k = 0; k < in; ++k) sum += weight.values[static_cast<size_t>(j * in + k)] * x[static_cast<size_t>(k)];
        for (size_t r = 0; r < low.size(); ++r) sum += scale * b.values[static_cast<size_t>(j) * low.size() + r] * low[r];
        y[static_cast<size_t>(j)] = sum;
      }
      return y;
    }
  };
  struct Layer {
    Weights attention_norm, mlp_norm;
    std::vector<Projection> projections;
  };

  DecoderSizes sizes;
  Weights embedding, final_norm, output;
  std::vector<Layer> layers;
  std::vector<double> frequencies;
  std::vector<tppo_decoder_layer> descriptions;

  DecoderModel(const DecoderSizes& s, uint64_t seed) : sizes(s) {
    Random random(seed);
    const int64_t h = s.hidden, q = s.heads * s.head_size, kv = s.kv_heads * s.head_size;
    embedding = Weights(random, s.dtype, s.vocab * h, 1.0);
    final_norm = Weights(random, s.dtype, h, 0.2, 1.0);
    output = Weights(random, s.dtype, s.vocab * h, 0.3);
    const int64_t out[] = {q, kv, kv, h, s.inner, s.inner, h}, in[] = {h, h, h, q, h, h, s.inner};
    for (int64_t l = 0; l < s.layers; ++l) {
      Layer layer{Weights(random, s.dtype, h, 0.2, 1.0), Weights(random, s.dtype, h, 0.2, 1.0), {}};
      for (int p = 0; p < TPPO_DECODER_PROJECTIONS; ++p) {
        Projection projection{out[p], in[p], Weights(random, s.dtype, out[p] * in[p], 1.5 / std::sqrt(static_cast<double>(in[p]))), {}, {}, {}, 0.0};
        if (s.biases) projection.bias = Weights(random, s.dtype, out[p], 0.3);
        if (s.rank > 0 && p % 2 == l % 2) {
          projection.a = Weights(random, TPPO_F32, s.rank * in[p], 0.3);
          projection.b = Weights(random, TPPO_F32, out[p] * s.rank, 0.3);
          projection.scale = 0.7;
        }
        layer.projections.push_back(std::move(projection));
      }
      layers.push_back(std::move(layer));
    }
    for (int64_t n = 0; n < s.head_size / 2; ++n) frequencies.push_back(std::pow(100.0, -2.0 * static_cast<double>(n) / static_cast<double>(s.head_size)));
    for (int64_t l = 0; l < s.layers; ++l) {
      tppo_decoder_layer d{};
      d.attention_norm = layers[l].attention_norm.data();
      d.mlp_norm = layers[l].mlp_norm.data();
      d.window = s.windows[l];
      for (int p = 0; p < TPPO_DECODER_PROJECTIONS; ++p) {
        const Projection& from = layers[l].projections[p];
        d.projections[p].weight = from.weight.data();
        d.projections[p].bias = from.bias.values.empty() ? nullptr : from.bias.data();
        d.projections[p].lora_rank = from.a.values.empty() ? 0 : s.rank;
        d.projections[p].lora_a = from.a.floats.data();
        d.projections[p].lora_b = from.b.floats.data();
        d.projections[p].lora_scale = from.scale;
      }
      descriptions.push_back(d);
    }
  }

  tppo_decoder_args args() const {
    tppo_decoder_args a;
    tppo_decoder_init(&a);
    a.hidden_size = sizes.hidden;
    a.intermediate_size = sizes.inner;
    a.num_layers = sizes.layers;
    a.num_heads = sizes.heads;
    a.num_kv_heads = sizes.kv_heads;
    a.head_size = sizes.head_size;
    a.vocab_size = sizes.vocab;
    a.dtype = sizes.dtype;
    a.embedding = embedding.data();
    a.layers = descriptions.data();
    a.final_norm = final_norm.data();
    a.output_weight = output.data();
    return a;
  }

  std::vector<double> norm(const std::vector<double>& x, const Weights& weight) const {
    double sum = 0.0;
    for (double v : x) sum += v * v;
    std::vector<double> y(x.size());
    for (size_t k = 0; k < x.size(); ++k) y[k] = x[k] / std::sqrt(sum / static_cast<double>(x.size()) + 1e-5) * weight.values[k];
    return y;
  }

  void rotate(std::vector<double>& heads, int64_t position) const {
    const int64_t size = sizes.head_size, half = size / 2;
    for (size_t first = 0; first < heads.size(); first += static_cast<size_t>(size))
      for (int64_t n = 0; n < half; ++n) {
        const double angle = static_cast<double>(position) * frequencies[static_cast<size_t>(n)];
        double &u = heads[first + static_cast<size_t>(n)], &v = heads[first + static_cast<size_t>(n + half)];
        const double rotated = u * std::cos(angle) - v * std::sin(angle);
        v = v * std::cos(angle) + u * std::sin(angle);
        u = rotated;
      }
  }

  /// States after the final norm of every token of a sequence.
  std::vector<std::vector<double>> hidden(const std::vector<int32_t>& tokens) const {
    const int64_t n = static_cast<int64_t>(tokens.size()), size = sizes.head_size, group = sizes.heads / sizes.kv_heads;
    std::vector<std::vector<double>> x;
    for (int32_t token : tokens) x.emplace_back(embedding.values.begin() + token * sizes.hidden, embedding.values.begin() + (token + 1) * sizes.hidden);
    for (int64_t l = 0; l < sizes.layers; ++l) {
      const Layer& layer = layers[static_cast<size_t>(l)];
      std::vector<std::vector<double>> q, k, v;
      for (int64_t t = 0; t < n; ++t) {
        const std::vector<double> in = norm(x[t], layer.attention_norm);
        q.push_back(layer.projections[TPPO_DECODER_QUERY].apply(in));
        k.push_back(layer.projections[TPPO_DECODER_KEY].apply(in));
        v.push_back(layer.projections[TPPO_DECODER_VALUE].apply(in));
        rotate(q.back(), t);
        rotate(k.back(), t);
      }
      for (int64_t t = 0; t < n; ++t) {
        std::vector<double> attended(static_cast<size_t>(sizes.heads * size));
        const int64_t window = sizes.windows[static_cast<size_t>(l)], from = window == 0 ? 0 : std::max<int64_t>(0, t - window + 1);
        for (int64_t head = 0; head < sizes.heads; ++head) {
          std::vector<double> p;
          double total = 0.0;
          for (int64_t s = from; s <= t; ++s) {
            double score = 0.0;
            for (int64_t d = 0; d < size; ++d) score += q[t][head * size + d] * k[s][head / group * size + d];
            p.push_back(std::exp(score / std::sqrt(static_cast<double>(size))));
            total += p.back();
          }
          for (int64_t s = from; s <= t; ++s)
            for (int64_t d = 0; d < size; ++d) attended[head * size + d] += p[s - from] / total * v[s][head / group * size + d];
        }
        const std::vector<double> y = layer.projections[TPPO_DECODER_OUTPUT].apply(attended);
        for (size_t i = 0; i < y.size(); ++i) x[t][i] += y[i];
        const std::vector<double> in = norm(x[t], layer.mlp_norm);
        std::vector<double> gate = layer.projections[TPPO_DECODER_GATE].apply(in);
        const std::vector<double> up = layer.projections[TPPO_DECODER_UP].apply(in);
        for (size_t i = 0; i < gate.size(); ++i) gate[i] = gate[i] / (1.0 + std::exp(-gate[i])) * up[i];
        const std::vector<double> z = layer.projections[TPPO_DECODER_DOWN].apply(gate);
        for (size_t i = 0; i < z.size(); ++i) x[t][i] += z[i];
      }
    }
    for (std::vector<double>& row : x) row = norm(row, final_norm);
    return x;
  }

  std::vector<double> logits(const std::vector<double>& hidden_state) const {
    std::vector<double> y(static_cast<size_t>(sizes.vocab));
    for (int64_t j = 0; j < sizes.vocab; ++j)
      for (int64_t k = 0; k < sizes.hidden; ++k) y[j] += output.values[j * sizes.hidden + k] * hidden_state[k];
    return y;
  }
};

}  // namespace test
