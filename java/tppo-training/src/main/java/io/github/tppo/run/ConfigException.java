// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.run;

import java.util.List;

/**
 * A configuration, an option or an argument that cannot be used. The message has one line for each fault and
 * names the file and line (or the option), the key's full path, what was found and what was expected.
 */
public final class ConfigException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** The exit status of the command line for a configuration or usage error. */
  public static final int EXIT_STATUS = 2;

  /** An exception with one fault. */
  public ConfigException(String message) {
    super(message);
  }

  /** An exception with one fault and what led to it. */
  public ConfigException(String message, Throwable cause) {
    super(message, cause);
  }

  ConfigException(List<String> faults) {
    super(String.join(System.lineSeparator(), faults));
  }
}
