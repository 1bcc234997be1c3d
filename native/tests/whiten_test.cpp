// SPDX-License-Identifier: Apache-2.0
#include "test.h"

namespace {

struct Result {
  test::Vec<float> out;
  test::Vec<double> stats;
};

Result whiten(const test::Vec<float>& x, const test::Vec<uint8_t>& mask, bool unbiased = true, bool keep_mean = false, double epsilon = 1e-8) {
  Result r{test::unwritten(static_cast<int64_t>(x.size())), test::Vec<double>(TPPO_WHITEN_STATS, test::kUnwritten)};
  tppo_whiten_args a;
  tppo_whiten_init(&a);
  a.num_tokens = static_cast<int64_t>(x.size());
  a.unbiased = unbiased;
  a.keep_mean = keep_mean;
  a.epsilon = epsilon;
  a.x = x.data();
  a.mask = mask.data();
  a.out = r.out.data();
  a.stats = r.stats.data();
  CHECK_OK(RUN(whiten, a));
  return r;
}

}  // namespace

TEST(agrees_with_reference) {
  test::Random random(3);
  test::Vec<float> x = random.normals(10000, 2.0);
  for (float& v : x) v += 1e5f;  // a mean that a sum of squares would drown in
  const test::Vec<uint8_t> mask = random.mask(10000, 0.5);
  for (int unbiased = 0; unbiased < 2; ++unbiased)
    for (int keep = 0; keep < 2; ++keep) {
      double n = 0.0, mean = 0.0, squares = 0.0;
      for (size_t i = 0; i < x.size(); ++i) n += mask[i], mean += mask[i] * static_cast<double>(x[i]);
      mean /= n;
      for (size_t i = 0; i < x.size(); ++i) squares += mask[i] * (x[i] - mean) * (x[i] - mean);
      const double variance = squares / (unbiased ? n - 1.0 : n);
      const Result r = whiten(x, mask, unbiased, keep);
      for (size_t i = 0; i < x.size(); ++i)
        CHECK_NEAR(r.out[i], mask[i] ? (x[i] - mean) / std::sqrt(variance + 1e-8) + (keep ? mean : 0.0) : 0.0, 1e-7, 2e-7);
      CHECK(r.stats[TPPO_WHITEN_VALID] == n);
      CHECK_NEAR(r.stats[TPPO_WHITEN_MEAN], mean, 0.0, 1e-12);
      CHECK_NEAR(r.stats[TPPO_WHITEN_VARIANCE], variance, 0.0, 1e-10);
    }
}

TEST(none_one_and_equal_tokens) {
  Result r = whiten({1.0f, 2.0f}, {0, 0});
  CHECK(r.out[0] == 0.0f && r.out[1] == 0.0f && r.stats[TPPO_WHITEN_VALID] == 0.0 && r.stats[TPPO_WHITEN_VARIANCE] == 0.0);
  r = whiten({1.0f, 2.0f}, {0, 1});
  CHECK(r.out[1] == 0.0f && r.stats[TPPO_WHITEN_MEAN] == 2.0);
  r = whiten({1.0f, 2.0f}, {0, 1}, true, true);
  CHECK(r.out[1] == 2.0f);
  r = whiten({3.0f, 3.0f}, {1, 1}, true, false, 0.0);
  CHECK(r.out[0] == 0.0f && r.out[1] == 0.0f);
  CHECK(whiten({}, {}).stats[TPPO_WHITEN_VALID] == 0.0);
}

TEST(poison_and_in_place) {
  test::Random random(5);
  const test::Vec<float> clean = random.normals(500);
  const test::Vec<uint8_t> mask = random.mask(500, 0.5);
  const Result expected = whiten(clean, mask);
  for (float poison : test::kPoison) {
    test::Vec<float> x = clean;
    for (size_t i = 0; i < x.size(); ++i)
      if (!mask[i]) x[i] = poison;
    CHECK(test::same_bits(whiten(x, mask).out, expected.out));
    tppo_whiten_args a;
    tppo_whiten_init(&a);
    a.num_tokens = 500;
    a.x = a.out = x.data();
    a.mask = mask.data();
    CHECK_OK(RUN(whiten, a));
    CHECK(test::same_bits(x, expected.out));
  }
}

TEST(threads_and_instruction_sets_change_no_bit) {
  test::Random random(7);
  const test::Vec<float> x = random.normals(200000);
  const test::Vec<uint8_t> mask = random.mask(200000, 0.8);
  CHECK_THREADS_AND_ISAS([&] {
    const Result r = whiten(x, mask);
    test::Vec<float> all = r.out;
    test::append(all, r.stats);
    return all;
  });
}
