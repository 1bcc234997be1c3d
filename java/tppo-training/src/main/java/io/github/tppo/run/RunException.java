// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.run;

/** A run that cannot go on, for a reason that a user can understand and mend: the message says both. */
public class RunException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** An exception with a message for the user. */
  public RunException(String message) {
    super(message);
  }

  /** An exception with a message for the user and what led to it. */
  public RunException(String message, Throwable cause) {
    super(message, cause);
  }
}
