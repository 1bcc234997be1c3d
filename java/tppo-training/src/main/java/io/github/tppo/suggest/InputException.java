// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.suggest;

/** A history or an option that cannot be used. */
public final class InputException extends IllegalArgumentException {
  private static final long serialVersionUID = 1L;

  private final String param;

  /**
   * @param param where the fault lies, such as {@code histories[2].search[0]}; empty when it is the whole
   * @param fault what was found and what was expected
   */
  public InputException(String param, String fault) {
    super(param.isEmpty() ? fault : param + ": " + fault);
    this.param = param;
  }

  InputException(String message, Throwable cause) {
    super(message, cause);
    this.param = "";
  }

  /** Where the fault lies; empty when it is the whole. */
  public String param() {
    return param;
  }
}
