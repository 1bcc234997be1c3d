// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.judge;

import com.fasterxml.jackson.annotation.JsonProperty;

/** What a judge is asked (appendix D of the paper). */
public enum Template {
  /** A score for every word, then one for the whole response: the labels of the token-level reward model. */
  @JsonProperty("token") TOKEN,
  /** One score for the whole response: the labels of the sentence-level reward model. */
  @JsonProperty("sentence") SENTENCE;

  /** The name in files: {@code token} or {@code sentence}. */
  public String key() {
    return this == TOKEN ? "token" : "sentence";
  }
}
