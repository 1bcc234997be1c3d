// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.judge;

/** A judge gave no usable judgement. Never turned into a score: the response is asked again, then set aside. */
public class JudgeException extends Exception {

  private static final long serialVersionUID = 1L;

  private final String reason;

  /** @param message what the judge answered instead */
  public JudgeException(String message) {
    this("judge_failed", message);
  }

  /**
   * @param reason  a word by which failures are counted, such as {@code timeout}
   * @param message what the judge answered instead
   */
  public JudgeException(String reason, String message) {
    super(message);
    this.reason = reason;
  }

  /** A word by which failures are counted: {@code judge_failed} when nothing is more to the point. */
  public String reason() {
    return reason;
  }
}
