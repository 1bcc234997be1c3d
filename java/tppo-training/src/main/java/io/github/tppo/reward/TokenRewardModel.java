// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.reward;

import io.github.tppo.judge.TokenClasses;
import io.github.tppo.model.Longformer;
import io.github.tppo.model.Scope;
import io.github.tppo.model.Tensors;
import io.github.tppo.policy.TokenRewarder;
import io.github.tppo.run.PolicyConfig;
import io.github.tppo.text.TokenSpans;
import io.github.tppo.text.Tokenizer;
import java.util.ArrayList;
import java.util.List;

/** The trained, frozen reward model as the source of token-level rewards. */
public final class TokenRewardModel implements TokenRewarder {
  private static final int BATCH = 64;

  private final Longformer model;
  private final RewardEncoder encoder;
  private final Tokenizer policyTokenizer;
  private final double[] classValues;
  private final boolean expectedClass;
  private final boolean perWord;

  /** @param center subtracted from the values of classes 1 and 2 */
  public TokenRewardModel(Longformer model, RewardEncoder encoder, Tokenizer policyTokenizer, PolicyConfig config, double center) {
    this.model = model;
    this.encoder = encoder;
    this.policyTokenizer = policyTokenizer;
    this.classValues = new double[] {
        config.classValues().get(0), config.classValues().get(1) - center, config.classValues().get(2) - center};
    this.expectedClass = config.expectedClass();
    this.perWord = config.perWord();
  }

  /** Predicted class and reward of each of a response's tokens, in the policy's tokens. */
  public record Scored(TokenSpans spans, int[] classes, double[] rewards) {}

  /** Scores responses; spans are those of the policy's ids. */
  public List<Scored> score(List<Response> responses) {
    List<Scored> all = new ArrayList<>();
    for (int from = 0; from < responses.size(); from += BATCH) {
      List<Response> part = responses.subList(from, Math.min(responses.size(), from + BATCH));
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
        all.add(scored(probabilities, batch.cuSeqlens()[b], inputs.get(b).spans(), spans.get(b)));
      }
    }
    return all;
  }

  private Scored scored(float[] probabilities, int first, TokenSpans rewardSpans, TokenSpans policySpans) {
    int[] classes = new int[rewardSpans.length()];
    double[] values = new double[classes.length];
    for (int i = 0; i < classes.length; i++) {
      int at = 3 * (first + i);
      double expected = 0;
      for (int c = 0; c < 3; c++) {
        classes[i] = probabilities[at + c] > probabilities[at + classes[i]] ? c : classes[i];
        expected += probabilities[at + c] * classValues[c];
      }
      values[i] = expectedClass ? expected : classValues[classes[i]];
    }
    int[] policyClasses = TokenClasses.map(classes, rewardSpans, policySpans);
    double[] rewards = TokenClasses.map(values, rewardSpans, policySpans);
    if (perWord) {
      WordShares.apply(policySpans, rewards);
    }
    return new Scored(policySpans, policyClasses, rewards);
  }

  @Override
  public Rewards rewards(List<Response> responses) {
    int n = responses.stream().mapToInt(r -> r.ids().length).sum();
    float[] perToken = new float[n];
    int[] classes = new int[n];
    int at = 0;
    for (Scored scored : score(responses)) {
      for (int i = 0; i < scored.classes().length; i++, at++) {
        perToken[at] = (float) scored.rewards()[i];
        classes[at] = scored.classes()[i];
      }
    }
    return new Rewards(perToken, null, classes);
  }
}
