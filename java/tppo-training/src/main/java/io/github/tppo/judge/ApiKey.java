// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.judge;

import io.github.tppo.run.ConfigException;
import java.util.function.UnaryOperator;

/** The key of a server. It leaves this class in the request's header alone, and is taken out of every text that came from outside. */
final class ApiKey {

  private final String key;

  private ApiKey(String key) {
    this.key = key;
  }

  /**
   * Takes the key from the environment.
   *
   * @param variable    the variable's name; empty for no key
   * @param environment from a name to a value or null
   * @throws ConfigException when the variable is not set or holds what cannot be sent; the value is not shown
   */
  static ApiKey of(String variable, UnaryOperator<String> environment) {
    if (variable.isEmpty()) {
      return new ApiKey("");
    }
    String value = environment.apply(variable);
    if (value == null || value.isBlank()) {
      throw new ConfigException("judge.chat.api_key_env: the environment variable " + variable + " is not set; export it, or"
        + " leave the key out for a server that wants none");
    }
    String key = value.strip();
    if (!key.chars().allMatch(c -> c > ' ' && c < 127)) {
      throw new ConfigException("judge.chat.api_key_env: the environment variable " + variable
        + " holds blanks or characters that a key cannot have");
    }
    return new ApiKey(key);
  }

  /** The value of the header {@code Authorization}, or null when there is no key. */
  String header() {
    return key.isEmpty() ? null : "Bearer " + key;
  }

  /** {@code text} without the key, should a server have repeated it. */
  String remove(String text) {
    return key.isEmpty() ? text : text.replace(key, "[key]");
  }
}
