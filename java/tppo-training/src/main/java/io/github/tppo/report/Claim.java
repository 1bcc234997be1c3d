// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.report;

import java.util.ArrayList;
import java.util.List;

/**
 * A claim of the paper with what the run has on it.
 *
 * @param text the claim
 * @param paper the paper's own figures
 * @param evidence measurements, each with its outcome
 */
record Claim(String text, String paper, List<Evidence> evidence) {

  /**
   * A measurement.
   *
   * @param what what was measured
   * @param exact the number that decides, NaN when there are several
   * @param shown what a reader sees
   */
  record Evidence(String what, double exact, String shown, Outcome outcome) {}

  Claim(String text, String paper) {
    this(text, paper, new ArrayList<>());
  }

  /** Adds a measurement; nothing when it decides nothing. */
  Claim with(String what, double exact, String shown, Outcome outcome) {
    if (outcome != null) {
      evidence.add(new Evidence(what, exact, shown, outcome));
    }
    return this;
  }

  /** Adds a difference. */
  Claim with(String what, Estimate difference, Outcome outcome) {
    return outcome == null ? this
        : with(what, difference.mean(), Numbers.signed(difference.mean(), 2) + " points " + difference.interval(2), outcome);
  }
}
