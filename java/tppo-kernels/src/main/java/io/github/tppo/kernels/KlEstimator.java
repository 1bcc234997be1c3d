// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

/** Estimators of KL(policy || other) from one sample, with {@code d = logprob - other logprob}. */
public enum KlEstimator {
  /** {@code d}: unbiased, may be negative. */
  K1(1),
  /** {@code d*d/2}: biased, low variance. */
  K2(2),
  /** {@code exp(-d) - 1 + d}: unbiased, never negative. */
  K3(3);

  private final int code;

  KlEstimator(int code) {
    this.code = code;
  }

  /** Value in the C API. */
  int code() {
    return code;
  }
}
