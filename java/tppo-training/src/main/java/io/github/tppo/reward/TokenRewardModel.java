// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.reward;

import io.github.tppo.judge.TokenClasses;
import io.github.tppo.model.Longformer;
import io.github.tppo.policy.TokenRewarder;
import io.github.tppo.run.PolicyConfig;
import io.github.tppo.text.TokenSpans;
import io.github.tppo.text.Tokenizer;
import java.util.List;

/** The trained, frozen reward model as the source of token-level rewards. Safe for use by several threads. */
public final class TokenRewardModel implements TokenRewarder {
  private final ResponseReader reader;
  private final ResponseForm form;
  private final List<Double> classValues;
  private final double center;
  private final boolean expectedClass;
  private final boolean perWord;

  /**
   * @param queries number of queries that a response should have
   * @param center subtracted from the rewards of tokens of class 1 and 2
   */
  public TokenRewardModel(Longformer model, RewardEncoder encoder, Tokenizer policyTokenizer, PolicyConfig config, int queries,
      double center) {
    this.reader = new ResponseReader(model, encoder, policyTokenizer);
    this.form = new ResponseForm(policyTokenizer, queries, config.formPenalty());
    this.classValues = config.classValues();
    this.center = center;
    this.expectedClass = config.expectedClass();
    this.perWord = config.perWord();
  }

  /** Predicted class and reward of each of a response's tokens, in the policy's tokens. */
  public record Scored(TokenSpans spans, int[] classes, double[] rewards) {}

  /** Scores responses; spans are those of the policy's ids. */
  public List<Scored> score(List<Response> responses) {
    return reader.read(responses, logits -> logits.softmax(1), this::scored);
  }

  private Scored scored(ResponseReader.Read read) {
    TokenSpans rewardSpans = read.rewardSpans();
    TokenSpans policySpans = read.policySpans();
    float[] probabilities = read.outputs();
    int[] classes = new int[rewardSpans.length()];
    double[] values = new double[classes.length];
    for (int i = 0; i < classes.length; i++) {
      int at = 3 * i;
      for (int c = 1; c < 3; c++) {
        classes[i] = probabilities[at + c] > probabilities[at + classes[i]] ? c : classes[i];
      }
      values[i] = classes[i] == 0 ? classValues.get(0) : content(probabilities[at + 1], probabilities[at + 2], classes[i]);
    }
    int[] policyClasses = TokenClasses.map(classes, rewardSpans, policySpans);
    double[] rewards = TokenClasses.map(values, rewardSpans, policySpans);
    if (perWord) {
      WordShares.apply(policySpans, rewards);
    }
    for (int i = 0; i < rewards.length; i++) {
      rewards[i] -= policyClasses[i] == 0 ? 0 : center; // the centre is a mean over tokens as they are paid
    }
    return new Scored(policySpans, policyClasses, rewards);
  }

  /** Reward of a token of class 1 or 2: a separator earns what class 0 earns, however sure the model is of it. */
  private double content(double irrelevant, double relevant, int predicted) {
    return expectedClass
        ? (irrelevant * classValues.get(1) + relevant * classValues.get(2)) / (irrelevant + relevant)
        : classValues.get(predicted);
  }

  @Override
  public Rewards rewards(List<Response> responses) {
    int n = responses.stream().mapToInt(r -> r.ids().length).sum();
    float[] perToken = new float[n];
    int[] classes = new int[n];
    float[] terminal = form.penalty() == 0 ? null : new float[responses.size()];
    List<Scored> all = score(responses);
    int at = 0;
    for (int b = 0; b < all.size(); b++) {
      Scored scored = all.get(b);
      if (terminal != null) {
        terminal[b] -= (float) form.charge(responses.get(b), scored.spans().text());
      }
      for (int i = 0; i < scored.classes().length; i++, at++) {
        perToken[at] = (float) scored.rewards()[i];
        classes[at] = scored.classes()[i];
      }
    }
    return new Rewards(perToken, terminal, classes);
  }
}
