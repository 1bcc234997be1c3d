// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.report;

/** What a run says about a claim. */
enum Outcome {
  SHOWN("shown"),
  NOT_SHOWN("not shown"),
  CONTRADICTED("contradicted");

  private final String text;

  Outcome(String text) {
    this.text = text;
  }

  /** The claim that a difference is above zero, by its interval; null without one. */
  static Outcome above(Estimate difference) {
    if (difference == null || !difference.hasInterval()) {
      return null;
    }
    return difference.low() > 0 ? SHOWN : difference.high() < 0 ? CONTRADICTED : NOT_SHOWN;
  }

  /** The claim that a difference is no larger than a margin, by its interval; null without one. */
  static Outcome within(Estimate difference, double margin) {
    if (difference == null || !difference.hasInterval()) {
      return null;
    }
    boolean inside = difference.low() >= -margin && difference.high() <= margin;
    boolean outside = difference.low() > margin || difference.high() < -margin;
    return inside ? SHOWN : outside ? CONTRADICTED : NOT_SHOWN;
  }

  /** The claim that both hold; null when one of them is open. */
  static Outcome both(Outcome first, Outcome second) {
    if (first == null || second == null) {
      return null;
    }
    if (first == CONTRADICTED || second == CONTRADICTED) {
      return CONTRADICTED;
    }
    return first == SHOWN && second == SHOWN ? SHOWN : NOT_SHOWN;
  }

  @Override
  public String toString() {
    return text;
  }
}
