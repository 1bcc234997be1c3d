// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

/** How per-token terms become one loss. */
public enum Aggregation {
  /** Sum over valid tokens / number of valid tokens. */
  TOKEN_MEAN(0),
  /** Mean over sequences of the mean over their valid tokens. */
  SEQ_MEAN_TOKEN_MEAN(1),
  /** Mean over sequences of the sum over their valid tokens. */
  SEQ_MEAN_TOKEN_SUM(2);

  private final int code;

  Aggregation(int code) {
    this.code = code;
  }

  /** Value in the C API. */
  int code() {
    return code;
  }
}
