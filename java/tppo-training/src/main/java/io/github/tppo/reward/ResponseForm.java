// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.reward;

import io.github.tppo.policy.TokenRewarder.Response;
import io.github.tppo.text.ResponseText;
import io.github.tppo.text.Tokenizer;
import java.util.List;
import java.util.Set;

/**
 * What a response is charged whose form is wrong: one without an end token, or without the number of different queries asked for. The
 * same for token-level and sentence-level rewards.
 *
 * @param queries number of queries that a response should have
 */
record ResponseForm(Tokenizer policyTokenizer, int queries, double penalty) {

  /**
   * The penalty, or 0 for a response whose form is right.
   *
   * @param text of the response's ids
   */
  double charge(Response response, String text) {
    int[] ids = response.ids();
    List<String> written = ResponseText.queries(text);
    boolean right = ids.length > 0 && ids[ids.length - 1] == policyTokenizer.eosId()
        && written.size() == queries && Set.copyOf(written).size() == queries;
    return right ? 0 : penalty;
  }
}
