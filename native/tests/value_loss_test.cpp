// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "test.h"

namespace {

struct Batch {
  int64_t n;
  double clip = 0.2, normalizer = 0.0;
  test::Vec<float> values, old, returns;
  test::Vec<uint8_t> mask;

  Batch(uint64_t seed, int64_t n_) : n(n_) {
    test::Random r(seed);
    values = r.normals(n);
    returns = r.normals(n);
    old = values;
    for (float& x : old) x += static_cast<float>(0.3 * r.normal());
    mask = r.mask(n, 0.7);
  }
  struct Result {
    test::Vec<float> per_token, grad;
    test::Vec<double> stats;
  };
  Result run() const {
    Result r{test::unwritten(n), test::unwritten(n), test::Vec<double>(TPPO_VALUE_STATS)};
    tppo_value_loss_args a;
    tppo_value_loss_init(&a);
    a.num_tokens = n;
    a.clip = clip;
    a.normalizer = normalizer;
    a.values = values.data();
    a.old_values = clip >= 0.0 ? old.data() : nullptr;
    a.returns = returns.data();
    a.mask = mask.data();
    a.per_token = r.per_token.data();
    a.grad_values = r.grad.data();
    a.stats = r.stats.data();
    CHECK_OK(RUN(value_loss, a));
    return r;
  }
};

void check_batch(const Batch& b) {
  const Batch::Result r = b.run();
  double valid = 0.0, loss = 0.0, clipped = 0.0;
  for (int64_t i = 0; i < b.n; ++i) valid += b.mask[i];
  const double norm = b.normalizer > 0.0 ? b.normalizer : valid;
  for (int64_t i = 0; i < b.n; ++i) {
    if (!b.mask[i]) {
      CHECK(r.per_token[i] == 0.0f && r.grad[i] == 0.0f);
      continue;
    }
    const auto f = [&](double v) {
      const double limited = std::min(std::max(v, b.old[i] - b.clip), b.old[i] + b.clip);
      const double free_square = (v - b.returns[i]) * (v - b.returns[i]);
      return b.clip < 0.0 ? free_square : std::max(free_square, (limited - b.returns[i]) * (limited - b.returns[i]));
    };
    const double v = b.values[i], e = 1e-6;
    CHECK_NEAR(r.per_token[i], f(v), 1e-9, 1e-6);
    CHECK_NEAR(r.grad[i], 0.5 * (f(v + e) - f(v - e)) / (2 * e) / norm, 1e-8, 1e-6);
    loss += 0.5 * f(v) / norm;
    clipped += f(v) > (v - b.returns[i]) * (v - b.returns[i]);
  }
  CHECK_NEAR(r.stats[TPPO_VALUE_LOSS], loss, 1e-9, 1e-9);
  CHECK(r.stats[TPPO_VALUE_CLIPPED] == clipped && r.stats[TPPO_VALUE_VALID] == valid);
}

}  // namespace

TEST(agrees_with_reference) {
  check_batch(Batch(3, 200));
  Batch b(4, 200);
  b.clip = -1.0;
  check_batch(b);
  b.clip = 0.0;
  b.normalizer = 1000.0;
  check_batch(b);
}

TEST(poison_in_masked_slots_changes_no_bit) {
  const Batch clean(5, 100);
  const Batch::Result expected = clean.run();
  for (float poison : test::kPoison) {
    Batch b = clean;
    for (int64_t i = 0; i < b.n; ++i)
      if (!b.mask[i]) b.values[i] = b.old[i] = b.returns[i] = poison;
    const Batch::Result r = b.run();
    CHECK(test::same_bits(r.grad, expected.grad) && test::same_bits(r.per_token, expected.per_token) && test::same_bits(r.stats, expected.stats));
  }
}

TEST(none_and_one_token) {
  Batch b(6, 3);
  b.mask = {0, 0, 0};
  CHECK(b.run().stats[TPPO_VALUE_LOSS] == 0.0);
  b.mask = {0, 1, 0};
  check_batch(b);
  check_batch(Batch(7, 0));
}

TEST(threads_and_instruction_sets_change_no_bit) {
  const Batch b(8, 100000);
  CHECK_THREADS_AND_ISAS([&] {
    const Batch::Result r = b.run();
    test::Vec<float> all = r.grad;
    test::append(all, r.stats);
    return all;
  });
}
