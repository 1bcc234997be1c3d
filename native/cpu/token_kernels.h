// SPDX-License-Identifier: Apache-2.0
// Kernels over arrays with one number a token. One table per instruction set: token_kernels_*.cpp.
#pragma once

#include <cstdint>

#include "../include/tppo.h"

namespace tppo::cpu {

struct GaeBatch {
  const float* rewards;
  const float* values;
  const uint8_t* mask;  // NULL: every token is valid
  float* advantages;    // may be rewards
  float* returns;       // may be values; NULL: not wanted
  const int32_t* cu_seqlens;  // NULL: every sequence has `length` tokens
  int64_t length;
  double gamma, lambda;
  bool past_caches;     // the outputs are too large for the caches, and not the inputs
};

/// n values, of which those under a mask of 0 are not used; NULL: all are used.
struct MaskedValues {
  const float* x;
  const uint8_t* mask;
  int64_t n;
};

/// Valid tokens beside each other.
struct TokensToShape {
  int64_t count;
  const double* lwp;
  const int32_t* classes;                // either these or `scores`, the others NULL
  const float* scores;
  const float *logprobs, *ref_logprobs;  // NULL: no KL
  double terminal;                       // added to the reward of the last of them
  float *lwp_out, *shaped, *kl_out, *rewards;  // each may be NULL; `shaped` or `rewards` may be `scores`
};

/// Tokens of one sequence beside each other.
struct RewardModelTokens {
  int64_t count;
  const float* logits[3];              // by class
  const int32_t* labels;
  const uint8_t *mask, *global_mask;   // NULL: all tokens
  float *weighted_nll, *expected_value;
  int32_t* argmax;
  float* grad[3];                      // by class; these and the three before may be NULL
};

/// What their loss takes from the batch and from the sequence.
struct RewardModelWeights {
  double class_weights[3];
  double w_local, local_inverse;  // local_inverse = 1 / normaliser of the local loss
  double global;                  // d loss / d (expected class of one token)
};

/// Sums over the tokens of a sequence for the means of the global loss, and over all tokens for the statistics.
enum { kMeanArgmax, kMeanExpected, kMeanCount, kMeanBad, kMeanSums };
enum { kLossLocal, kLossValid, kLossCorrect, kLossWeight, kLossBad, kLossSums };

/// Statistics of the value loss that are sums over tokens; the normalizer comes after them.
constexpr int kValueSums = TPPO_VALUE_NORMALIZER;

struct TokenKernels {
  /// The sequences from `first` to before `last`, from the last one to the first, so that the memory is walked in the direction of the tokens.
  void (*gae)(const GaeBatch& batch, int64_t first, int64_t last);

  // From here on the bits are the same under every instruction set: see doubles.inl.

  /// Sum of the values, and of their squared distances from `mean`.
  double (*sum)(const MaskedValues& values);
  double (*squares)(const MaskedValues& values, double mean);
  /// math::whiten of each value, 0 for those that are not used. `out` may be x.
  void (*whiten)(const MaskedValues& values, double mean, double inverse_deviation, bool keep_mean, float* out);

  /// Rewards of some tokens with the options in `a`. Adds what the statistics ask for, all but TPPO_SHAPE_REWARDS_BEYOND, to the 16 sums of each:
  /// accumulated[TPPO_SHAPE_REWARDS_STATS][16].
  void (*shape_rewards)(const tppo_shape_rewards_args& a, const TokensToShape& tokens, double* accumulated);
  /// Writes sums[kMeanSums] of the tokens in the global mask.
  void (*reward_model_means)(const RewardModelTokens& tokens, double* sums);
  /// Outputs of the tokens; adds to the 16 sums of each statistic: accumulated[kLossSums][16].
  void (*reward_model_loss)(const RewardModelTokens& tokens, const RewardModelWeights& weights, double* accumulated);
  /// Value loss of the tokens [begin, end), inverse = 1 / normalizer; sums[kValueSums] are theirs.
  void (*value_loss)(const tppo_value_loss_args& a, double inverse, int64_t begin, int64_t end, double* sums);

  /// words[i] = math::balance_word(position + i, sample, step, seed) for i < n.
  void (*balance_words)(uint32_t position, uint32_t sample, uint64_t step, uint64_t seed, int64_t n, uint32_t* words);
};

extern const TokenKernels token_kernels_portable;
#if defined(__x86_64__)
extern const TokenKernels token_kernels_v3;
extern const TokenKernels token_kernels_v4;
#elif defined(__aarch64__)
extern const TokenKernels token_kernels_neon;
#endif

}  // namespace tppo::cpu
