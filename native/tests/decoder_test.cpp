// SPDX-License-Identifier: Apache-2.0
// decoder against a plain forward pass in double, and bit for bit against itself with the rows cut into calls in other ways.
#include "decoder_model.h"

namespace {

using test::DecoderModel;
using test::DecoderSizes;
using test::Vec;

/// The sequences of a test, some longer than a chunk, and what becomes of their rows.
struct Batch {
  std::vector<std::vector<int32_t>> sequences;
  std::vector<Vec<float>> logits, hidden;  // by sequence, [tokens, V] and [tokens, H]

  Batch(const DecoderSizes& s, const std::vector<int64_t>& lengths) {
    test::Random random(77);
    for (int64_t n : lengths) {
      std::vector<int32_t> tokens;
      for (int64_t t = 0; t < n; ++t) tokens.push_back(static_cast<int32_t>(random.below(s.vocab)));
      sequences.push_back(tokens);
      logits.push_back(test::unwritten(n * s.vocab));
      hidden.push_back(test::unwritten(n * s.hidden));
    }
  }
};

/// Which rows of which sequences go into a call, in the order of slots.
struct Piece {
  size_t sequence;
  int64_t begin, end;
};

/// A cache, and calls on it.
class Runner {
 public:
  Runner(const DecoderModel& model, Batch& batch, int64_t slots, int64_t capacity) : model_(model), batch_(batch) {
    args_ = model.args();
    args_.num_slots = slots;
    args_.slot_capacity = capacity;
    int64_t floats = 0;
    CHECK_OK(tppo_decoder_cache_size(&args_, &floats));
    cache_.assign(static_cast<size_t>(floats), test::kNaN);  // what was not written must not be read
    for (int64_t p = 0; p < capacity; ++p)
      for (double f : model.frequencies) {
        cos_.push_back(static_cast<float>(std::cos(static_cast<double>(p) * f)));
        sin_.push_back(static_cast<float>(std::sin(static_cast<double>(p) * f)));
      }
    args_.cache = cache_.data();
    args_.rope_cos = cos_.data();
    args_.rope_sin = sin_.data();
    for (size_t s = 0; s < batch.sequences.size(); ++s) slots_.push_back(static_cast<int32_t>(s));
  }

  void set_slot(size_t sequence, int32_t slot) { slots_[sequence] = slot; }
  tppo_decoder_args& args() { return args_; }

  void call(const std::vector<Piece>& pieces) {
    Vec<int32_t> tokens, slots, positions, outputs;
    for (const Piece& p : pieces)
      for (int64_t t = p.begin; t < p.end; ++t) {
        outputs.push_back(static_cast<int32_t>(tokens.size()));
        tokens.push_back(batch_.sequences[p.sequence][t]);
        slots.push_back(slots_[p.sequence]);
        positions.push_back(static_cast<int32_t>(t));
      }
    Vec<float> logits = test::unwritten(static_cast<int64_t>(tokens.size()) * model_.sizes.vocab);
    Vec<float> hidden = test::unwritten(static_cast<int64_t>(tokens.size()) * model_.sizes.hidden);
    tppo_decoder_args a = args_;
    a.num_rows = a.num_outputs = static_cast<int64_t>(tokens.size());
    a.tokens = tokens.data();
    a.slots = slots.data();
    a.positions = positions.data();
    a.output_rows = outputs.data();
    a.logits = logits.data();
    a.hidden = hidden.data();
    CHECK_OK(RUN(decoder, a));
    int64_t row = 0;
    for (const Piece& p : pieces)
      for (int64_t t = p.begin; t < p.end; ++t, ++row) {
        std::copy_n(logits.data() + row * model_.sizes.vocab, model_.sizes.vocab, batch_.logits[p.sequence].data() + t * model_.sizes.vocab);
        std::copy_n(hidden.data() + row * model_.sizes.hidden, model_.sizes.hidden, batch_.hidden[p.sequence].data() + t * model_.sizes.hidden);
      }
  }

 private:
  const DecoderModel& model_;
  Batch& batch_;
  tppo_decoder_args args_;
  Vec<float> cache_, cos_, sin_;
  std::vector<int32_t> slots_;
};

std::vector<Piece> whole(const Batch& batch) {
  std::vector<Piece> pieces;
  for (size_t s = 0; s < batch.sequences.size(); ++s) pieces.push_back(Piece{s, 0, static_cast<int64_t>(batch.sequences[s].size())});
  return pieces;
}

const std::vector<int64_t> kLengths = {5, 1, 83, 17, 2};

void agrees(const DecoderSizes& sizes, const std::vector<int64_t>& lengths = kLengths) {
  const DecoderModel model(sizes, 11);
  const Batch plain(sizes, lengths);
  std::vector<std::vector<std::vector<double>>> expected;
  for (const std::vector<int32_t>& tokens : plain.sequences) expected.push_back(model.hidden(tokens));
  test::each_isa([&] {
    Batch batch(sizes, lengths);
    Runner(model, batch, static_cast<int64_t>(lengths.size()), *std::max_element(lengths.begin(), lengths.end())).call(whole(batch));
    for (size_t s = 0; s < expected.size(); ++s)
      for (size_t t = 0; t < expected[s].size(); ++t) {
        const std::vector<double> logits = model.logits(expected[s][t]);
        for (int64_t k = 0; k < sizes.hidden; ++k) CHECK_NEAR(batch.hidden[s][t * sizes.hidden + k], expected[s][t][k], 2e-5, 2e-5);
        for (int64_t v = 0; v < sizes.vocab; ++v) CHECK_NEAR(batch.logits[s][t * sizes.vocab + v], logits[v], 5e-5, 2e-5);
      }
  });
}

}  // namespace

TEST(agrees_with_a_plain_forward_pass) {
  for (int32_t dtype : {TPPO_F32, TPPO_BF16, TPPO_F16}) {
    DecoderSizes sizes;
    sizes.dtype = dtype;
    agrees(sizes);
  }
}

TEST(agrees_with_biases_windows_and_low_rank_pairs) {
  for (int32_t dtype : {TPPO_F32, TPPO_BF16, TPPO_F16}) {
    DecoderSizes sizes;
    sizes.dtype = dtype;
    sizes.biases = true;
    sizes.rank = 5;
    sizes.windows = {4, 30};
    agrees(sizes);
  }
}

TEST(agrees_at_odd_sizes) {
  DecoderSizes sizes;
  sizes.hidden = 37;
  sizes.inner = 71;
  sizes.heads = 3;
  sizes.kv_heads = 1;
  sizes.head_size = 14;  // not hidden / heads
  sizes.vocab = 131;
  sizes.rank = 1;
  sizes.windows = {0, 9};
  agrees(sizes);
  sizes.heads = 26;  // more than share their keys in one tile
  sizes.kv_heads = 2;
  sizes.head_size = 2;
  agrees(sizes, {7, 19});
}

TEST(agrees_at_the_size_of_the_bundled_policy) {
  DecoderSizes sizes;
  sizes.hidden = 128;
  sizes.inner = 384;
  sizes.heads = sizes.kv_heads = 2;
  sizes.head_size = 64;
  sizes.vocab = 300;
  agrees(sizes, {70, 9});
}

TEST(a_row_has_the_same_bits_in_any_company) {
  for (int32_t dtype : {TPPO_F32, TPPO_BF16, TPPO_F16}) {
    DecoderSizes sizes;
    sizes.dtype = dtype;
    sizes.hidden = 80;
    sizes.inner = 150;
    sizes.biases = dtype == TPPO_BF16;
    sizes.rank = 3;
    sizes.windows = {0, 11};
    const DecoderModel model(sizes, 5);
    test::each_isa([&] {
      Batch expected(sizes, kLengths);
      Runner(model, expected, 5, 90).call(whole(expected));
      for (int32_t threads : {1, 2, 5}) {
        tppo_set_threads(threads);
        // One row at a time, backwards through the sequences.
        Batch single(sizes, kLengths);
        Runner one(model, single, 7, 83);
        for (size_t s = single.sequences.size(); s-- > 0;)
          for (int64_t t = 0; t < kLengths[s]; ++t) one.call({Piece{s, t, t + 1}});
        // Prompts and new tokens mixed, in other slots, with a cache of another size; one prompt comes in pieces.
        Batch mixed(sizes, kLengths);
        Runner some(model, mixed, 9, 100);
        some.set_slot(3, 8);
        some.set_slot(4, 4);
        some.set_slot(2, 3);
        some.call({Piece{0, 0, 3}, Piece{2, 0, 31}});
        some.call({Piece{0, 3, 4}, Piece{1, 0, 1}, Piece{2, 31, 32}});
        some.call({Piece{0, 4, 5}, Piece{2, 32, 72}, Piece{4, 0, 1}, Piece{3, 0, 16}});
        some.call({Piece{2, 72, 83}, Piece{4, 1, 2}, Piece{3, 16, 17}});
        // Many short sequences at once: workers take whole chunks of their own.
        Batch together(sizes, kLengths);
        Runner all(model, together, 5, 83);
        all.call(whole(together));
        for (size_t s = 0; s < kLengths.size(); ++s)
          for (const Batch* other : {&single, &mixed, &together}) {
            CHECK(test::same_bits(expected.logits[s], other->logits[s]));
            CHECK(test::same_bits(expected.hidden[s], other->hidden[s]));
          }
      }
      tppo_set_threads(0);
    });
  }
}

TEST(a_model_too_large_for_chunks_of_its_own_has_the_same_bits) {
  DecoderSizes sizes;
  sizes.layers = 1;
  sizes.hidden = 1100;  // a depth of more than one block
  sizes.inner = 1200;
  sizes.heads = 4;
  sizes.head_size = 70;
  sizes.windows = {0};
  const DecoderModel model(sizes, 6);
  const std::vector<int64_t> lengths = {3, 8, 1};
  test::each_isa([&] {
    Batch expected(sizes, lengths), single(sizes, lengths);
    Runner(model, expected, 3, 30).call(whole(expected));
    tppo_set_threads(3);
    Runner one(model, single, 3, 30);
    for (size_t s = 0; s < lengths.size(); ++s)
      for (int64_t t = 0; t < lengths[s]; ++t) one.call({Piece{s, t, t + 1}});
    tppo_set_threads(0);
    for (size_t s = 0; s < lengths.size(); ++s) CHECK(test::same_bits(expected.logits[s], single.logits[s]));
  });
}

TEST(a_copied_slot_goes_on_like_its_original) {
  const DecoderSizes sizes;
  const DecoderModel model(sizes, 3);
  Batch expected(sizes, {20}), copied(sizes, {20});
  Runner(model, expected, 1, 20).call(whole(expected));
  Runner runner(model, copied, 4, 25);
  runner.call({Piece{0, 0, 12}});
  CHECK_OK(tppo_decoder_copy_slot(&runner.args(), 0, 3, 10));
  CHECK_OK(tppo_decoder_copy_slot(&runner.args(), 3, 3, 10));
  runner.set_slot(0, 3);
  runner.call({Piece{0, 10, 20}});
  CHECK(test::same_bits(expected.logits[0], copied.logits[0]));
}

TEST(outputs_are_those_asked_for) {
  const DecoderSizes sizes;
  const DecoderModel model(sizes, 3);
  Batch all(sizes, {70});
  Runner runner(model, all, 1, 70);
  runner.call(whole(all));
  Vec<int32_t> slots(70), positions(70);
  for (int32_t i = 0; i < 70; ++i) positions[i] = i;
  Vec<int32_t> outputs = {0, 63, 64, 69};
  Vec<int32_t> tokens(all.sequences[0].begin(), all.sequences[0].end());
  tppo_decoder_args a = runner.args();
  a.num_rows = 70;
  a.tokens = tokens.data();
  a.slots = slots.data();
  a.positions = positions.data();
  CHECK_OK(RUN(decoder, a));  // no outputs at all
  a.num_outputs = 4;
  a.output_rows = outputs.data();
  Vec<float> logits = test::unwritten(4 * sizes.vocab);
  a.logits = logits.data();
  CHECK_OK(RUN(decoder, a));
  Vec<float> hidden = test::unwritten(4 * sizes.hidden);
  a.logits = nullptr;
  a.output_weight = nullptr;
  a.hidden = hidden.data();
  CHECK_OK(RUN(decoder, a));
  for (int64_t o = 0; o < 4; ++o) {
    CHECK(memcmp(&logits[o * sizes.vocab], &all.logits[0][outputs[o] * sizes.vocab], sizes.vocab * 4) == 0);
    CHECK(memcmp(&hidden[o * sizes.hidden], &all.hidden[0][outputs[o] * sizes.hidden], sizes.hidden * 4) == 0);
  }
}
