// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.reward;

import io.github.tppo.judge.TokenClasses;
import io.github.tppo.model.Longformer;
import io.github.tppo.model.Scope;
import io.github.tppo.model.Tensors;
import io.github.tppo.model.Workers;
import io.github.tppo.policy.TokenRewarder;
import io.github.tppo.run.PolicyConfig;
import io.github.tppo.text.ResponseText;
import io.github.tppo.text.TokenSpans;
import io.github.tppo.text.Tokenizer;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/** The trained, frozen reward model as the source of token-level rewards. */
public final class TokenRewardModel implements TokenRewarder {
  private static final int BATCH = 64;

  private final Longformer model;
  private final RewardEncoder encoder;
  private final Tokenizer policyTokenizer;
  private final List<Double> classValues;
  private final double center;
  private final boolean expectedClass;
  private final boolean perWord;
  private final double formPenalty;
  private final int queries;

  /**
   * @param queries number of queries that a response should have
   * @param center subtracted from the rewards of tokens of class 1 and 2
   */
  public TokenRewardModel(Longformer model, RewardEncoder encoder, Tokenizer policyTokenizer, PolicyConfig config, int queries,
      double center) {
    this.model = model;
    this.encoder = encoder;
    this.policyTokenizer = policyTokenizer;
    this.classValues = config.classValues();
    this.center = center;
    this.expectedClass = config.expectedClass();
    this.perWord = config.perWord();
    this.formPenalty = config.formPenalty();
    this.queries = queries;
  }

  /** Predicted class and reward of each of a response's tokens, in the policy's tokens. */
  public record Scored(TokenSpans spans, int[] classes, double[] rewards) {}

  /** Scores responses; spans are those of the policy's ids. */
  public List<Scored> score(List<Response> responses) {
    Scored[] all = new Scored[responses.size()];
    List<Runnable> tasks = new ArrayList<>();
    for (int from = 0; from < responses.size(); from += BATCH) {
      int first = from;
      tasks.add(() -> score(responses.subList(first, Math.min(responses.size(), first + BATCH)), all, first));
    }
    Workers.run(tasks);
    return List.of(all);
  }

  private void score(List<Response> part, Scored[] all, int first) {
    List<TokenSpans> spans = part.stream().map(r -> policyTokenizer.spans(r.ids())).toList();
    List<RewardInput> inputs = new ArrayList<>();
    for (int b = 0; b < part.size(); b++) {
      inputs.add(encoder.encode(part.get(b).promptText(), spans.get(b).text()));
    }
    RewardBatch batch = new RewardBatch(inputs);
    float[] probabilities;
    try (Scope scope = Scope.noGrad()) {
      probabilities = Tensors.toFloats(batch.logits(model, encoder.padId()).softmax(1));
    }
    for (int b = 0; b < part.size(); b++) {
      all[first + b] = scored(probabilities, batch.cuSeqlens()[b], inputs.get(b).spans(), spans.get(b));
    }
  }

  private Scored scored(float[] probabilities, int first, TokenSpans rewardSpans, TokenSpans policySpans) {
    int[] classes = new int[rewardSpans.length()];
    double[] values = new double[classes.length];
    for (int i = 0; i < classes.length; i++) {
      int at = 3 * (first + i);
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
    return new Scored(policySpans, policyClasses, rewards);
  }

  /** Reward of a token of class 1 or 2: a separator earns what class 0 earns, however sure the model is of it. */
  private double content(double irrelevant, double relevant, int predicted) {
    double value = expectedClass
        ? (irrelevant * classValues.get(1) + relevant * classValues.get(2)) / (irrelevant + relevant)
        : classValues.get(predicted);
    return value - center;
  }

  @Override
  public Rewards rewards(List<Response> responses) {
    int n = responses.stream().mapToInt(r -> r.ids().length).sum();
    float[] perToken = new float[n];
    int[] classes = new int[n];
    float[] terminal = formPenalty == 0 ? null : new float[responses.size()];
    List<Scored> all = score(responses);
    int at = 0;
    for (int b = 0; b < all.size(); b++) {
      Scored scored = all.get(b);
      if (terminal != null && !wellFormed(responses.get(b), scored)) {
        terminal[b] = (float) -formPenalty;
      }
      for (int i = 0; i < scored.classes().length; i++, at++) {
        perToken[at] = (float) scored.rewards()[i];
        classes[at] = scored.classes()[i];
      }
    }
    return new Rewards(perToken, terminal, classes);
  }

  private boolean wellFormed(Response response, Scored scored) {
    int[] ids = response.ids();
    List<String> written = ResponseText.queries(scored.spans().text());
    return ids.length > 0 && ids[ids.length - 1] == policyTokenizer.eosId()
        && written.size() == queries && Set.copyOf(written).size() == queries;
  }
}
