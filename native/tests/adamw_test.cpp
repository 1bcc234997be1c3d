// SPDX-License-Identifier: Apache-2.0
// global_norm, scale and adamw.
#include "test.h"

namespace {

struct Norm {
  test::Vec<double> stats = test::Vec<double>(TPPO_NORM_STATS);
  Norm(const std::vector<test::Vec<float>>& tensors, double max_norm) {
    std::vector<const float*> addresses;
    test::Vec<int64_t> lengths;
    for (const auto& t : tensors) addresses.push_back(t.empty() ? nullptr : t.data()), lengths.push_back(static_cast<int64_t>(t.size()));
    tppo_global_norm_args a;
    tppo_global_norm_init(&a);
    a.num_tensors = static_cast<int64_t>(tensors.size());
    a.max_norm = max_norm;
    a.tensors = addresses.data();
    a.lengths = lengths.data();
    a.stats = stats.data();
    CHECK_OK(RUN(global_norm, a));
  }
};

struct State {
  test::Vec<float> p, m, v;
};

void step(State& s, const test::Vec<float>& g, int64_t t, double lr, const double* scale) {
  tppo_adamw_args a;
  tppo_adamw_init(&a);
  a.length = static_cast<int64_t>(g.size());
  a.step = t;
  a.lr = lr;
  a.weight_decay = 0.1;
  a.grad_scale = scale;
  a.grad = g.data();
  a.param = s.p.data();
  a.exp_avg = s.m.data();
  a.exp_avg_sq = s.v.data();
  CHECK_OK(RUN(adamw, a));
}

}  // namespace

TEST(global_norm_over_tensors) {
  test::Random random(3);
  const std::vector<test::Vec<float>> tensors = {random.normals(40000), {}, random.normals(7), random.normals(3)};
  double sum = 0.0;
  for (const auto& t : tensors)
    for (float x : t) sum += static_cast<double>(x) * x;
  const Norm free(tensors, 0.0), clipped(tensors, 1.0), loose(tensors, 1e6);
  CHECK_NEAR(free.stats[TPPO_NORM_NORM], std::sqrt(sum), 0.0, 1e-12);
  CHECK(free.stats[TPPO_NORM_SCALE] == 1.0 && loose.stats[TPPO_NORM_SCALE] == 1.0);
  CHECK_NEAR(clipped.stats[TPPO_NORM_SCALE], 1.0 / (std::sqrt(sum) + 1e-6), 0.0, 1e-12);
  CHECK(Norm({}, 1.0).stats[TPPO_NORM_NORM] == 0.0);
}

TEST(non_finite_norm_stops_scale_and_step) {
  for (float bad : {test::kNaN, test::kInf}) {
    const test::Vec<float> g = {1.0f, bad};
    const Norm norm({g}, 1.0);
    CHECK(std::isnan(norm.stats[TPPO_NORM_SCALE]) && !std::isfinite(norm.stats[TPPO_NORM_NORM]));
    State s{{1.0f, 2.0f}, {0.0f, 0.0f}, {0.0f, 0.0f}};
    step(s, g, 1, 0.1, &norm.stats[TPPO_NORM_SCALE]);
    CHECK(s.p[0] == 1.0f && s.p[1] == 2.0f && s.m[0] == 0.0f && s.v[0] == 0.0f);
    test::Vec<float> x = {3.0f};
    tppo_scale_args a;
    tppo_scale_init(&a);
    a.length = 1;
    a.device_factor = &norm.stats[TPPO_NORM_SCALE];
    a.x = x.data();
    CHECK_OK(RUN(scale, a));
    CHECK(x[0] == 3.0f);
  }
}

TEST(scale_multiplies) {
  test::Vec<float> x = {1.0f, -2.0f, 4.0f};
  const test::Vec<double> factor = {0.5};
  tppo_scale_args a;
  tppo_scale_init(&a);
  a.length = 3;
  a.factor = 3.0;
  a.device_factor = factor.data();
  a.x = x.data();
  CHECK_OK(RUN(scale, a));
  CHECK(x[0] == 1.5f && x[1] == -3.0f && x[2] == 6.0f);
}

TEST(adamw_agrees_with_reference) {
  test::Random random(5);
  const int64_t n = 37;
  State s{random.normals(n), test::Vec<float>(n, 0.0f), test::Vec<float>(n, 0.0f)};
  std::vector<double> p(s.p.begin(), s.p.end()), m(n, 0.0), v(n, 0.0);
  for (int64_t t = 1; t <= 6; ++t) {
    const test::Vec<float> g = random.normals(n, 0.01);
    const test::Vec<double> scale = {0.3};
    step(s, g, t, 1e-3, scale.data());
    for (int64_t i = 0; i < n; ++i) {
      const double gi = scale[0] * g[i];
      p[i] *= 1.0 - 1e-3 * 0.1;
      m[i] = 0.9 * m[i] + 0.1 * gi;
      v[i] = 0.999 * v[i] + 0.001 * gi * gi;
      p[i] -= 1e-3 / (1.0 - std::pow(0.9, t)) * m[i] / (std::sqrt(v[i]) / std::sqrt(1.0 - std::pow(0.999, t)) + 1e-8);
    }
  }
  for (int64_t i = 0; i < n; ++i) {
    CHECK_NEAR(s.p[i], p[i], 1e-6, 3e-7);
    CHECK_NEAR(s.m[i], m[i], 1e-9, 2e-6);
    CHECK_NEAR(s.v[i], v[i], 1e-13, 2e-5);
  }
}

TEST(threads_and_instruction_sets_change_no_bit) {
  test::Random random(7);
  const test::Vec<float> g = random.normals(150000), p = random.normals(150000);
  CHECK_THREADS_AND_ISAS([&] {
    State s{p, test::Vec<float>(p.size(), 0.0f), test::Vec<float>(p.size(), 0.0f)};
    const Norm norm({g, p}, 1.0);
    step(s, g, 1, 1e-3, &norm.stats[TPPO_NORM_SCALE]);
    test::Vec<float> all = s.p;
    test::append(all, s.m);
    test::append(all, s.v);
    test::append(all, norm.stats);
    return all;
  });
}
