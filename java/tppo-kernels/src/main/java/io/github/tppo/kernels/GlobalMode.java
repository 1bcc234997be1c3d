// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

/** Value and slope of the global loss of the reward model (equation 2). */
public enum GlobalMode {
  /** Argmax class forward, slope of the expected class backward. */
  STRAIGHT_THROUGH(0),
  /** Expected class forward and backward. */
  EXPECTED(1),
  /** Argmax class forward, no gradient: the letter of equation 2. */
  ARGMAX(2);

  private final int code;

  GlobalMode(int code) {
    this.code = code;
  }

  /** Value in the C API. */
  int code() {
    return code;
  }
}
