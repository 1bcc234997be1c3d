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
  const double* class_scores;  // or scores
  const float* scores;
  const float *logprobs, *ref_logprobs;  // NULL: no KL
  const double* kl;                      // where it is not for the kernel to compute: estimator K3
  double terminal;                       // of the last of them, 0: none
  float *lwp_out, *shaped, *kl_out, *rewards;  // each may be NULL; one of the last ones may be scores
};

struct TokenKernels {
  /// The sequences from `first` to before `last`, from the last one to the first, so that the memory is walked in the direction of the tokens.
  void (*gae)(const GaeBatch& batch, int64_t first, int64_t last);

  // From here on the bits are the same for every instruction set.

  /// Sum of the values, and of their squared distances from `mean`.
  double (*sum)(const MaskedValues& values);
  double (*squares)(const MaskedValues& values, double mean);
  /// math::whiten of each value, 0 for those that are not used. `out` may be x.
  void (*whiten)(const MaskedValues& values, double mean, double inverse_deviation, bool keep_mean, float* out);

  /// Rewards of some tokens with the options in `a`; adds their sums to stats, all but TPPO_SHAPE_REWARDS_BEYOND.
  void (*shape_rewards)(const tppo_shape_rewards_args& a, const TokensToShape& tokens, double* stats);
  /// Value loss of the tokens [begin, end) and their sums, with the factor `inverse` of the mean.
  void (*value_loss)(const tppo_value_loss_args& a, double inverse, int64_t begin, int64_t end, double* stats);

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
