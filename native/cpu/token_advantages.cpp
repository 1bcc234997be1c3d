// SPDX-License-Identifier: Apache-2.0
// The three operations one after another, with the rewards in scratch where the caller does not want them.
#include "cpu_backend.h"
#include "workspace.h"

namespace tppo::cpu {
namespace {

struct Scratch {
  float* rewards;
  char* operation;  // of the three in turn
  uint64_t operation_bytes;

  Scratch(const TokenAdvantagesArgs& a, Workspace& w) : rewards(nullptr), operation(nullptr), operation_bytes(0) {
    // Whether the caller stores the rewards is not known to the size query.
    rewards = w.take<float>(a.shape.num_tokens);
    const uint64_t each[] = {shape_rewards_workspace(a.shape, -1), gae_workspace(a.gae, -1), a.whitens ? whiten_workspace(a.whiten, -1) : 0};
    for (const uint64_t bytes : each) operation_bytes = bytes > operation_bytes ? bytes : operation_bytes;
    operation = w.take<char>(static_cast<int64_t>(operation_bytes));
  }
};

}  // namespace

uint64_t token_advantages_workspace(const TokenAdvantagesArgs& a, int32_t) {
  Workspace w;
  const Scratch scratch(a, w);
  return w.size();
}

int32_t token_advantages(const TokenAdvantagesArgs& args, const Call& call) {
  TokenAdvantagesArgs a = args;
  Workspace w(call.workspace);
  const Scratch scratch(a, w);
  const Call part{call.device, call.stream, scratch.operation, scratch.operation_bytes};
  if (a.shape.rewards == nullptr) a.shape.rewards = scratch.rewards;
  if (const int32_t status = shape_rewards(a.shape, part)) return status;
  a.gae.rewards = a.shape.rewards;
  if (const int32_t status = gae(a.gae, part)) return status;
  if (!a.whitens) return TPPO_OK;
  a.whiten.x = a.whiten.out = a.gae.advantages;
  return whiten(a.whiten, part);
}

}  // namespace tppo::cpu
