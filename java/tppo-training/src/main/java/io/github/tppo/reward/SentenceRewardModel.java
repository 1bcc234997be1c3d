// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.reward;

import io.github.tppo.model.Longformer;
import io.github.tppo.policy.TokenRewarder;
import io.github.tppo.run.PolicyConfig;
import io.github.tppo.text.Tokenizer;
import java.util.List;
import java.util.function.UnaryOperator;

/**
 * The trained, frozen sentence-level reward model as the source of rewards: sentence-level PPO is token-level PPO with this in place of
 * {@link TokenRewardModel}. A response earns at its last token the probability that the judge finds the whole relevant, and nothing
 * before. There are no classes, so {@code class_values}, {@code expected_class}, {@code per_word} and the length penalty, which shape
 * the rewards of tokens, have nothing to act on; the charge for a wrong form is the same. Safe for use by several threads.
 */
public final class SentenceRewardModel implements TokenRewarder {
  private final ResponseReader reader;
  private final ResponseForm form;
  private final double center;

  /**
   * @param queries number of queries that a response should have
   * @param center subtracted from the score of every response
   * @throws IllegalArgumentException when the model has not one label, or the policy is to be trained on labelled tokens alone
   */
  public SentenceRewardModel(Longformer model, RewardEncoder encoder, Tokenizer policyTokenizer, PolicyConfig config, int queries,
      double center) {
    SentenceScores.requireOneLabel(model);
    if (config.onlyLabelledTokens()) {
      throw new IllegalArgumentException("policy.only_labelled_tokens: true, expected false for the sentence-level reward model, which"
          + " labels no token");
    }
    this.reader = new ResponseReader(model, encoder, policyTokenizer);
    this.form = new ResponseForm(policyTokenizer, queries, config.formPenalty());
    this.center = center;
  }

  /** A response's text and the probability that it is relevant. */
  public record Scored(String text, double probability) {}

  /** Scores responses, before centring and without the charge for their form. */
  public List<Scored> score(List<Response> responses) {
    return reader.read(responses, UnaryOperator.identity(), read -> new Scored(read.policySpans().text(),
        SentenceScores.probability(SentenceScores.mean(read.outputs(), 0, read.outputs().length))));
  }

  @Override
  public Rewards rewards(List<Response> responses) {
    int n = responses.stream().mapToInt(r -> r.ids().length).sum();
    List<Scored> all = score(responses);
    float[] terminal = new float[all.size()];
    for (int b = 0; b < terminal.length; b++) {
      Scored scored = all.get(b);
      terminal[b] = (float) (scored.probability() - center - form.charge(responses.get(b), scored.text()));
    }
    return new Rewards(new float[n], terminal, new int[n]);
  }
}
