// SPDX-License-Identifier: Apache-2.0
#include "test.h"

TEST(agrees_with_reference) {
  test::Random random(3);
  const int64_t n = 40;
  test::Vec<float> in[4], out[6];
  for (auto& x : in) x = random.normals(n, 30.0);
  in[0][0] = 3000.0f;
  in[1][1] = 3000.0f;
  for (auto& x : out) x = test::unwritten(n);
  test::Vec<double> stats(TPPO_DPO_STATS, test::kUnwritten);
  tppo_dpo_loss_args a;
  tppo_dpo_loss_init(&a);
  a.num_pairs = n;
  a.policy_chosen = in[0].data();
  a.policy_rejected = in[1].data();
  a.ref_chosen = in[2].data();
  a.ref_rejected = in[3].data();
  a.losses = out[0].data();
  a.chosen_rewards = out[1].data();
  a.rejected_rewards = out[2].data();
  a.margins = out[3].data();
  a.grad_chosen = out[4].data();
  a.grad_rejected = out[5].data();
  a.stats = stats.data();
  CHECK_OK(RUN(dpo_loss, a));
  double loss = 0.0, correct = 0.0;
  for (int64_t i = 0; i < n; ++i) {
    const long double margin = 0.1L * ((static_cast<long double>(in[0][i]) - in[2][i]) - (static_cast<long double>(in[1][i]) - in[3][i]));
    const long double l = margin > -5000.0L ? log1pl(expl(-margin)) : -margin;
    const double slope = static_cast<double>(-0.1L / (1.0L + expl(margin)));
    CHECK_NEAR(out[0][i], static_cast<double>(l), 1e-30, 1e-6);
    CHECK_NEAR(out[3][i], static_cast<double>(margin), 1e-9, 1e-6);
    CHECK_NEAR(out[1][i] - out[2][i], out[3][i], 1e-4, 1e-5);
    CHECK_NEAR(out[4][i], slope / n, 1e-30, 1e-6);
    CHECK(out[5][i] == -out[4][i]);
    loss += static_cast<double>(l) / n;
    correct += margin > 0.0L;
  }
  CHECK_NEAR(stats[TPPO_DPO_LOSS], loss, 1e-9, 1e-9);
  CHECK(stats[TPPO_DPO_CORRECT] == correct);
}

TEST(no_pairs) {
  test::Vec<double> stats(TPPO_DPO_STATS, 1.0);
  tppo_dpo_loss_args a;
  tppo_dpo_loss_init(&a);
  a.stats = stats.data();
  CHECK_OK(RUN(dpo_loss, a));
  for (double s : stats) CHECK(s == 0.0);
}
