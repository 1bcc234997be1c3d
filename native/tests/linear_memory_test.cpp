// SPDX-License-Identifier: Apache-2.0
// Memory of the losses behind an output layer: what the size query asks for, and what the process takes.
#include <algorithm>
#include <cstdlib>

#include "linear_batch.h"

using test::Array;
using test::LinearBatch;

TEST(memory_is_bounded_by_a_chunk) {
  const auto bytes = [](int64_t tokens, int64_t hidden, int64_t vocab, int64_t chunk) {
    tppo_linear_args linear;
    tppo_policy_loss_args a;
    tppo_linear_init(&linear);
    tppo_policy_loss_init(&a);
    linear.hidden_size = hidden;
    linear.chunk_tokens = chunk;
    a.num_tokens = tokens;
    a.vocab_size = vocab;
    uint64_t size = 0, other = 0;
    CHECK_OK(tppo_linear_policy_loss_workspace(&linear, &a, test::kDevice, &size));
    CHECK_OK(tppo_policy_loss_workspace(&a, test::kDevice, &other));
    CHECK(size > other);
    return static_cast<double>(size - other);  // what the output layer adds to the loss
  };
  for (int64_t vocab : {32000, 128256})
    for (int64_t hidden : {128, 1024, 4096}) {
      if (test::kOnDevice) {
        // A chunk of logits and of hidden states; by itself 512 MB of logits, but at most 4096 tokens.
        const double row = 4.0 * static_cast<double>(vocab + hidden), tokens = std::min(4096.0, static_cast<double>((1 << 27) / vocab));
        for (int64_t chunk : {16, 128, 1008}) CHECK(bytes(8192, hidden, vocab, chunk) <= row * static_cast<double>(chunk) + 1024);
        CHECK(bytes(1 << 20, hidden, vocab, 0) <= row * tokens + 1024);
        CHECK(bytes(1 << 20, hidden, vocab, 0) > row * tokens * 0.8);
        continue;
      }
      const double row = 4.0 * static_cast<double>(vocab + 2 * hidden), padding = 4.0 * 3 * 48;
      for (int64_t chunk : {16, 128, 1000}) {
        const double rows = static_cast<double>((chunk + 15) / 16 * 16);
        CHECK(bytes(8192, hidden, vocab, chunk) <= rows * (row + padding) + 8.0 * 8192 + 1024);
      }
      // Without a size of its own: 32 MB or 256 tokens, and then 8 bytes for each token there is.
      const double most = std::max(33.6e6, 256 * (row + padding)) + 16 * (row + padding) + 1024;
      CHECK(bytes(8192, hidden, vocab, 0) <= most + 8.0 * 8192);
      CHECK(bytes(1 << 20, hidden, vocab, 0) <= most + 8.0 * (1 << 20));
      CHECK(bytes(8192, hidden, vocab, 0) < 8192.0 * 4.0 * static_cast<double>(vocab) / 20);
    }
}

TEST(resident_memory_stays_below_the_logits) {
  ONLY_ON_CPU("a device's memory is not that of the process");
#if defined(__SANITIZE_THREAD__)
  printf("skip %s: the sanitizer's own memory grows with what is touched\n", __func__);
  return;
#endif
  const auto megabytes = [](const char* field) {
    double kilobytes = 0.0;
    char line[256];
    FILE* const status = fopen("/proc/self/status", "r");
    while (fgets(line, sizeof line, status) != nullptr)
      if (strncmp(line, field, strlen(field)) == 0) kilobytes = atof(line + strlen(field));
    fclose(status);
    return kilobytes / 1024;
  };
  LinearBatch b({1, 4, 32000, 0, 0}, TPPO_F32, 23);
  LinearBatch::Result r = b.result(TPPO_NLL_STATS);
  constexpr int64_t kTokens = 2048;  // of 250 MB of logits
  const Array<float> hidden(kTokens * 4, 0.5f);
  const Array<int64_t> targets(kTokens, 5);
  Array<float> grad_hidden(kTokens * 4, test::kUnwritten);
  tppo_linear_args linear = b.linear(r);
  linear.hidden = hidden.data();
  linear.grad_hidden = grad_hidden.data();
  tppo_nll_loss_args a;
  tppo_nll_loss_init(&a);
  a.num_tokens = kTokens;
  a.vocab_size = 32000;
  a.targets = targets.data();
  const double before = megabytes("VmRSS:");
  CHECK(before > 0.0);
  CHECK_OK(RUN_LINEAR(nll_loss, linear, a));
  CHECK(megabytes("VmHWM:") - before < 60.0);
  for (float g : grad_hidden) CHECK(g != test::kUnwritten);
}
