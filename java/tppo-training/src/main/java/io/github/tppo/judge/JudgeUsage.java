// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.judge;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.Objects;

/**
 * What judging cost.
 *
 * @param requests         requests sent, retries included
 * @param retries          those sent again after a passing failure
 * @param stored           questions answered by a stored reply, without a request
 * @param promptTokens     tokens of the questions, as far as the server counts them
 * @param completionTokens tokens of the replies, as far as the server counts them
 */
@JsonIgnoreProperties(ignoreUnknown = true)
public record JudgeUsage(
  @JsonProperty("requests") long requests,
  @JsonProperty("retries") long retries,
  @JsonProperty("stored") long stored,
  @JsonProperty("prompt_tokens") long promptTokens,
  @JsonProperty("completion_tokens") long completionTokens) {

  /** Nothing. */
  public static final JudgeUsage NONE = new JudgeUsage(0, 0, 0, 0, 0);

  /** This and {@code sign} times the other. */
  private JudgeUsage with(JudgeUsage other, int sign) {
    return new JudgeUsage(requests + sign * other.requests, retries + sign * other.retries, stored + sign * other.stored,
      promptTokens + sign * other.promptTokens, completionTokens + sign * other.completionTokens);
  }

  /** The sum. */
  public JudgeUsage plus(JudgeUsage other) {
    return with(other, 1);
  }

  /** What came since {@code earlier}. */
  public JudgeUsage minus(JudgeUsage earlier) {
    return with(Objects.requireNonNull(earlier, "earlier"), -1);
  }
}
