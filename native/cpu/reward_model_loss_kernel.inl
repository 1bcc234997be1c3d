// SPDX-License-Identifier: Apache-2.0
// Loss of the token-level reward model for some tokens of one sequence (equations 1 to 3).
#include "../math/reward_model_loss.h"
#include "elementary.inl"
#include "token_kernels.h"

namespace tppo::cpu {
namespace {

template <typename Tokens>
inline math::ThreeClasses<Doubles, Doubles> classes_of(const RewardModelTokens& t, const Tokens& tokens, int part) {
  return math::three_classes<Doubles, Doubles>(tokens.load(t.logits[0], part), tokens.load(t.logits[1], part), tokens.load(t.logits[2], part));
}

/// Of the numbers for the three classes the one for each label.
inline Doubles by_label(Doubles label, Doubles of_0, Doubles of_1, Doubles of_2) { return label == 0.0 ? of_0 : (label == 1.0 ? of_1 : of_2); }

void reward_model_means(const RewardModelTokens& t, double* sums_of_tokens) {
  Sums16<kMeanSums> sums;
  each16(0, t.count, [&](const auto& tokens) {
    for (int k = 0; k < tokens.parts(); ++k) {
      const Flags valid = tokens.valid(t.global_mask, k);
      const auto classes = classes_of(t, tokens, k);
      sums.add(kMeanArgmax, k, valid, classes.argmax);
      sums.add(kMeanExpected, k, valid, classes.expected);
      sums.count(kMeanCount, k, valid);
      sums.count(kMeanBad, k, valid & classes.bad);
    }
  });
  for (int i = 0; i < kMeanSums; ++i) sums_of_tokens[i] = sums.result(i);
}

void reward_model_loss(const RewardModelTokens& tokens_of_sequence, const RewardModelWeights& weights, double* accumulated) {
  const RewardModelTokens t = tokens_of_sequence;  // which no store can change
  const RewardModelWeights w = weights;
  const Doubles zero{}, nan = zero + __builtin_nan("");
  Sums16<kLossSums> sums(accumulated);
  each16(0, t.count, [&](const auto& tokens) {
    for (int k = 0; k < tokens.parts(); ++k) {
      const auto put = [&](auto* array, Doubles v) {
        if (array != nullptr) tokens.store(array, k, v);
      };
      const Flags in_local = tokens.valid(t.mask, k), in_global = tokens.valid(t.global_mask, k), counts = in_local | in_global;
      const auto classes = classes_of(t, tokens, k);
      const Doubles label = in_local ? tokens.load(t.labels, k) : zero;
      const Doubles weight = by_label(label, zero + w.class_weights[0], zero + w.class_weights[1], zero + w.class_weights[2]);
      // A class without weight does not count, however improbable.
      const Flags weighted = in_local & (weight != 0.0);
      const Doubles nll = weighted ? -weight * by_label(label, classes.ln_p[0], classes.ln_p[1], classes.ln_p[2]) : zero;
      put(t.weighted_nll, nll);
      put(t.expected_value, counts ? (classes.bad ? nan : classes.expected) : zero);
      put(t.argmax, counts & ~classes.bad ? classes.argmax : zero);
      const Doubles local = in_local ? w.w_local * weight * w.local_inverse : zero;
      const Doubles global = in_global ? zero + w.global : zero;
      for (int c = 0; c < 3; ++c)
        put(t.grad[c], counts ? (classes.bad ? nan : math::reward_model_gradient(classes, c, label, local, global)) : zero);

      const Flags good = in_local & ~classes.bad;
      sums.add(kLossLocal, k, good, w.local_inverse * nll);
      sums.count(kLossValid, k, good);
      sums.count(kLossCorrect, k, good & (classes.argmax == label));
      sums.add(kLossWeight, k, good, weight);
      sums.count(kLossBad, k, counts & classes.bad);
    }
  });
  sums.save(accumulated);
}

}  // namespace
}  // namespace tppo::cpu
