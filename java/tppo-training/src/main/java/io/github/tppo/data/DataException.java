// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.data;

import java.io.IOException;

/** Input that cannot be used at all; the message names the file, what was found and what to do. */
public final class DataException extends IOException {
  private static final long serialVersionUID = 1L;

  public DataException(String message) {
    super(message);
  }

  public DataException(String message, Throwable cause) {
    super(message, cause);
  }
}
