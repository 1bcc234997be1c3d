// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.policy;

import java.util.List;

/** Where the rewards of a round come from: the only difference between token-level and sentence-level PPO. */
@FunctionalInterface
public interface TokenRewarder {
  /**
   * Rewards of responses, before the length penalty and the KL penalty.
   *
   * @param responses what the policy sampled
   * @return packed over the tokens of all responses
   */
  Rewards rewards(List<Response> responses);

  /**
   * A sampled response.
   *
   * @param promptText what the policy was shown, as text
   * @param ids the sampled ids, the end token among them
   */
  record Response(String promptText, int[] ids) {}

  /**
   * @param perToken reward of each token, packed
   * @param terminal reward at the last token of each response (sentence level), or null
   * @param classes predicted class of each token, packed, for the metrics and {@code only_labelled_tokens}
   */
  record Rewards(float[] perToken, float[] terminal, int[] classes) {}
}
