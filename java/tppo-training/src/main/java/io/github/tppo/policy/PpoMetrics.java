// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.policy;

import io.github.tppo.kernels.PolicyLossStats;
import io.github.tppo.kernels.ShapeRewardsStats;
import io.github.tppo.kernels.ValueLossStats;
import io.github.tppo.model.StepResult;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The metrics of a round, named as in TRL's PPO. Each is a mean over the tokens or responses that the losses count
 * (INVARIANTS 6), and can be recomputed from the rollout.
 */
final class PpoMetrics {
  private final Rollout rollout;
  private final ShapeRewardsStats shaping;
  private final double[] scores;
  private final double klCoef;
  private final int eosId;
  private PolicyLossStats policy;
  private ValueLossStats value;
  private int policySteps;
  private int valueSteps;
  private int skipped;
  private double firstRatioMax = Double.NaN;
  private double policyLoss;
  private double valueLoss;
  private double gradNorm;

  PpoMetrics(RolloutCollector.Collected collected, double klCoef, int eosId) {
    this.rollout = collected.rollout();
    this.shaping = collected.shaping();
    this.scores = scores(collected);
    this.klCoef = klCoef;
    this.eosId = eosId;
  }

  void add(PpoUpdate update) {
    if (update.skipped()) {
      skipped++;
      return;
    }
    addValue(update.critic().loss());
    skipped += update.critic().optimizer().applied() ? 0 : 1;
    if (update.policy() != null) {
      addPolicy(update.policy().loss(), update.policy().optimizer());
      skipped += update.policy().optimizer().applied() ? 0 : 1;
    }
  }

  private void addValue(ValueLossStats stats) {
    value = value == null ? stats : value.plus(stats);
    valueLoss += stats.loss();
    valueSteps++;
  }

  private void addPolicy(PolicyLossStats stats, StepResult result) {
    if (policy == null) {
      firstRatioMax = stats.outside() + Math.abs(stats.oldK1()) + Math.abs(stats.oldK3()); // exactly 0 when every ratio is 1
    }
    policy = policy == null ? stats : policy.plus(stats);
    policyLoss += stats.loss();
    gradNorm += result.gradNorm();
    policySteps++;
  }

  /** What each response was worth, as in {@link #meanScore}. */
  double[] scores() {
    return scores;
  }

  /** KL to the reference, summed over a response, averaged over responses (k1). */
  double klPerResponse() {
    double sum = 0;
    for (int i = 0; i < rollout.tokens(); i++) {
      sum += rollout.valid()[i] != 0 ? rollout.oldLogprobs()[i] - rollout.refLogprobs()[i] : 0;
    }
    return sum / rollout.size();
  }

  /** @param episodes responses sampled since training began, those of this round among them */
  Map<String, Double> values(double rate, double episodes) {
    double tokens = Math.max(1, shaping.valid());
    int n = rollout.size();
    Map<String, Double> m = new LinkedHashMap<>();
    m.put("objective/kl", klPerResponse());
    m.put("objective/entropy", meanEntropy());
    m.put("objective/scores", meanScore());
    m.put("objective/scores_std", scoresStd());
    m.put("objective/non_score_reward", shaping.reward() / n - meanScore());
    m.put("objective/rlhf_reward", shaping.reward() / n);
    m.put("objective/kl_coef", klCoef);
    m.put("reward/lwp_mean", shaping.lwp() / tokens);
    if (Arrays.stream(rollout.classes()).anyMatch(c -> c > 0)) { // a sentence-level reward model gives none
      m.put("reward/token_relevant_frac", classFraction(2));
      m.put("reward/token_irrelevant_frac", classFraction(1));
    }
    m.put("reward/beyond_suggested_frac", shaping.beyond() / tokens);
    m.put("response/length_mean", rollout.tokens() / (double) n);
    m.put("val/num_eos_tokens", (double) eosTokens());
    if (policy != null) {
      double valid = Math.max(1, policy.valid());
      m.put("loss/policy_avg", policyLoss / policySteps);
      m.put("policy/clipfrac_avg", policy.clipped() / valid);
      m.put("policy/approxkl_avg", policy.oldK3() / valid);
      m.put("policy/entropy_avg", policy.entropy() / valid);
      m.put("policy/grad_norm", gradNorm / policySteps);
      m.put("policy/first_batch_off_policy", firstRatioMax);
      m.put("policy/clamped", policy.clamped());
      m.put("policy/bad_rows", policy.badRows());
      m.put("val/ratio", policy.ratio() / valid);
    }
    m.put("steps_skipped", (double) skipped);
    m.put("lr", rate);
    m.put("episode", episodes);
    if (value == null) { // every mini-batch was skipped
      return m;
    }
    double valueTokens = Math.max(1, value.valid());
    double meanReturn = value.returns() / valueTokens;
    double variance = value.returnsSquared() / valueTokens - meanReturn * meanReturn;
    m.put("loss/value_avg", valueLoss / valueSteps);
    m.put("val/clipfrac_avg", value.clipped() / valueTokens);
    m.put("val/mean", value.value() / valueTokens);
    m.put("val/explained_variance", variance > 0 ? 1 - value.squaredError() / valueTokens / variance : Double.NaN);
    return m;
  }

  private double meanEntropy() {
    double sum = 0;
    long count = 0;
    for (int i = 0; i < rollout.tokens(); i++) {
      if (rollout.valid()[i] != 0) {
        sum += rollout.entropies()[i];
        count++;
      }
    }
    return sum / Math.max(1, count);
  }

  /** Mean over the responses of what the reward model gave, after the length penalty and before the KL penalty. */
  double meanScore() {
    return Arrays.stream(scores).average().orElse(0);
  }

  private double scoresStd() {
    double mean = meanScore();
    double squares = Arrays.stream(scores).map(score -> (score - mean) * (score - mean)).sum();
    return scores.length < 2 ? 0 : Math.sqrt(squares / (scores.length - 1));
  }

  /** Sum of the shaped rewards of each response, and its terminal reward if it has a token that counts. */
  private static double[] scores(RolloutCollector.Collected collected) {
    Rollout rollout = collected.rollout();
    float[] terminal = collected.given().terminal();
    double[] scores = new double[rollout.size()];
    for (int b = 0; b < scores.length; b++) {
      boolean counts = false;
      for (int i = rollout.cuSeqlens()[b]; i < rollout.cuSeqlens()[b + 1]; i++) {
        if (rollout.valid()[i] != 0) {
          scores[b] += rollout.shaped()[i];
          counts = true;
        }
      }
      scores[b] += counts && terminal != null ? terminal[b] : 0;
    }
    return scores;
  }

  /** Share of the content tokens (class 1 or 2) that are of the given class. */
  private double classFraction(int wanted) {
    long content = 0;
    long count = 0;
    for (int c : rollout.classes()) {
      content += c > 0 ? 1 : 0;
      count += c == wanted ? 1 : 0;
    }
    return count / (double) content;
  }

  private long eosTokens() {
    long count = 0;
    for (Sequence sequence : rollout.sequences()) {
      int[] ids = sequence.response();
      count += ids.length > 0 && ids[ids.length - 1] == eosId ? 1 : 0;
    }
    return count;
  }
}
