// SPDX-License-Identifier: Apache-2.0
// Several threads of the caller in the library at once: right results, own messages, and no call waits for another.
#include <thread>

#include "test.h"

namespace {

double mean_of(const test::Vec<float>& x) {
  test::Vec<float> out(x.size());
  test::Vec<double> stats(TPPO_WHITEN_STATS);
  tppo_whiten_args a;
  tppo_whiten_init(&a);
  a.num_tokens = static_cast<int64_t>(x.size());
  a.x = x.data();
  a.out = out.data();
  a.stats = stats.data();
  CHECK_OK(RUN(whiten, a));
  return stats[TPPO_WHITEN_MEAN];
}

}  // namespace

TEST(concurrent_callers_get_the_same_bits) {
  ONLY_ON_CPU("threads of the CPU");
  test::Random random(3);
  const test::Vec<float> x = random.normals(100000);
  tppo_set_threads(3);
  const double expected = mean_of(x);
  std::vector<std::thread> callers;
  std::vector<int> wrong(4, 0);
  for (int c = 0; c < 4; ++c)
    callers.emplace_back([&, c] {
      for (int repeat = 0; repeat < 50; ++repeat) wrong[c] += mean_of(x) != expected;
    });
  for (std::thread& t : callers) t.join();
  for (int w : wrong) CHECK(w == 0);
  tppo_set_threads(0);
}

TEST(work_after_the_workers_fell_asleep) {
  ONLY_ON_CPU("threads of the CPU");
  test::Random random(5);
  const test::Vec<float> x = random.normals(100000);
  tppo_set_threads(4);
  const double expected = mean_of(x);
  for (int repeat = 0; repeat < 20; ++repeat) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    CHECK(mean_of(x) == expected);
  }
  tppo_set_threads(0);
}

TEST(messages_belong_to_the_thread) {
  CHECK_INVALID(tppo_set_threads(-1), "threads is -1");
  std::thread([] {
    CHECK(strlen(tppo_last_error()) == 0);
    CHECK_INVALID(tppo_set_threads(-2), "threads is -2");
  }).join();
  CHECK(strstr(tppo_last_error(), "threads is -1") != nullptr);
}

// What a kernel is allowed belongs to the kernel, not to the launch: no thread may take away what another needs.
TEST(concurrent_rows_of_different_widths_on_a_device) {
  if (!test::kOnDevice || strcmp(tppo_variant(), "simt") == 0) {
    printf("skip %s: the kernels on the host are launched from one thread\n", __func__);
    return;
  }
  constexpr int64_t kTokens = 4;
  const auto failures = [](int64_t vocab, int* failed) {
    test::Vec<float> logits(static_cast<size_t>(kTokens * vocab), 0.5f), logprob(kTokens);
    test::Vec<int64_t> targets(kTokens, 7);
    auto a = test::args_of(tppo_token_log_probs_init);
    a.num_tokens = kTokens;
    a.vocab_size = vocab;
    a.logits = logits.data();
    a.targets = targets.data();
    a.logprob = logprob.data();
    for (int repeat = 0; repeat < 100; ++repeat) *failed += RUN(token_log_probs, a) != TPPO_OK;
  };
  int wide = 0, narrow = 0;
  std::thread other(failures, 45056, &wide);
  failures(30000, &narrow);
  other.join();
  CHECK(wide == 0 && narrow == 0);
}
