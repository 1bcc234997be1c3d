// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.judge;

/** Which of two responses suits the user's true queries better. */
public enum Verdict {
  /** The one named first. */
  FIRST,
  /** Neither. */
  TIE,
  /** The one named second. */
  SECOND;

  /** The same said of the two in the other order. */
  public Verdict swapped() {
    return this == TIE ? TIE : this == FIRST ? SECOND : FIRST;
  }
}
