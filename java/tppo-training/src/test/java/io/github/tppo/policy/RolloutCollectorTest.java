// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.policy;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.tppo.model.Decoder;
import io.github.tppo.model.Scope;
import io.github.tppo.model.Tensors;
import io.github.tppo.run.ComputeConfig;
import io.github.tppo.run.OptimizerConfig;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

@SuppressWarnings("try") // scopes are opened for what their closing frees
class RolloutCollectorTest {
  private static final double BETA = 0.3;
  private static final int[][] BATCHES = {{3, 0, 5, 1}, {7, 2, 6, 4}};
  private static Decoder policy;
  private static Decoder reference;
  private static Critic critic;

  @BeforeAll
  static void models() {
    Tensors.setThreads(1);
    policy = TinyPolicies.create(1);
    reference = TinyPolicies.create(2);
    critic = new Critic(TinyPolicies.create(3), TinyPolicies.PAD, 0.2, ComputeConfig.defaults(),
        OptimizerConfig.of(0.05, 0, OptimizerConfig.Schedule.CONSTANT));
    SequenceBatch batch = SequenceBatch.ofResponses(TinyPolicies.sequences(4, 5, 3, 8));
    float[] returns = new float[batch.tokens()];
    byte[] valid = new byte[batch.tokens()];
    for (int i = 0; i < returns.length; i++) {
      returns[i] = i % 3 - 1;
      valid[i] = 1;
    }
    for (int i = 0; i < 5; i++) { // values that are not all zero
      critic.step(List.of(new Critic.Targets(batch, new float[returns.length], returns, valid)), 0.05);
    }
  }

  @AfterAll
  static void close() {
    critic.close();
    reference.close();
    policy.close();
  }

  private static RolloutCollector.Collected collect(PpoSetting setting, TokenRewarder rewarder) {
    return setting.collector(policy, reference, critic, rewarder).collect(PpoSetting.prompts(), all -> BATCHES, 21, 100, BETA);
  }

  @Test
  void everyRewardIsRecomputedFromItsParts() {
    for (String estimator : List.of("k1", "k2", "k3")) {
      for (boolean labelled : new boolean[] {false, true}) {
        for (boolean penalty : new boolean[] {true, false}) {
          PpoSetting setting = PpoSetting.of("policy.kl_estimator=" + estimator, "policy.only_labelled_tokens=" + labelled,
              "policy.length_penalty=" + penalty, "policy.whiten=false");
          RolloutCollector.Collected collected = collect(setting, PpoSetting::manyRewards);
          checkRewards(collected, setting, estimator, labelled, penalty);
        }
      }
    }
  }

  private static void checkRewards(RolloutCollector.Collected collected, PpoSetting setting, String estimator, boolean labelled,
      boolean penalty) {
    Rollout r = collected.rollout();
    TokenRewarder.Rewards given = PpoSetting.manyRewards(r.sequences().stream()
        .map(s -> new TokenRewarder.Response("", s.response())).toList());
    assertArrayEquals(given.classes(), r.classes());
    double[] sums = new double[6];
    for (int b = 0; b < r.size(); b++) {
      for (int i = r.cuSeqlens()[b]; i < r.cuSeqlens()[b + 1]; i++) {
        boolean valid = !labelled || given.classes()[i] > 0;
        assertEquals(valid ? 1 : 0, r.valid()[i]);
        if (!valid) {
          continue;
        }
        int position = i - r.cuSeqlens()[b] + 1;
        double lwp = penalty
            ? 1 / (1 + Math.exp(setting.policy().alpha() * (position - PpoSetting.SUGGESTED_LENGTH) - 6)) : 1;
        double d = r.oldLogprobs()[i] - (double) r.refLogprobs()[i];
        double kl = switch (estimator) {
          case "k1" -> d;
          case "k2" -> d * d / 2;
          default -> Math.exp(-d) - 1 + d;
        };
        assertEquals(lwp * given.perToken()[i], r.shaped()[i], 1e-6);
        assertEquals(kl, r.kl()[i], 1e-5 * Math.max(1, Math.abs(kl)));
        assertEquals(lwp * given.perToken()[i] - BETA * kl, r.rewards()[i], 1e-5 * Math.max(1, Math.abs(kl)));
        double[] terms = {1, lwp, lwp * given.perToken()[i], kl, lwp * given.perToken()[i] - BETA * kl,
            position > PpoSetting.SUGGESTED_LENGTH ? 1 : 0};
        for (int k = 0; k < sums.length; k++) {
          sums[k] += terms[k];
        }
      }
    }
    double[] stats = {collected.shaping().valid(), collected.shaping().lwp(), collected.shaping().shaped(),
        collected.shaping().kl(), collected.shaping().reward(), collected.shaping().beyond()};
    assertArrayEquals(sums, stats, 1e-3);
  }

  /** A_t = sum over k >= t of (gamma lambda)^(k-t) delta_k, masked tokens skipped, in float64 (INVARIANTS 12). */
  @Test
  void advantagesAndReturnsEqualTheDoubleSum() {
    for (boolean labelled : new boolean[] {false, true}) {
      for (boolean whiten : new boolean[] {false, true}) {
        PpoSetting setting = PpoSetting.of("policy.gamma=0.97", "policy.lambda=0.8",
            "policy.only_labelled_tokens=" + labelled, "policy.whiten=" + whiten);
        Rollout r = collect(setting, PpoSetting::manyRewards).rollout();
        double[] advantages = doubleSum(r, 0.97, 0.8);
        double mean = 0;
        double squares = 0;
        double n = 0;
        for (int i = 0; i < r.tokens(); i++) {
          if (r.valid()[i] != 0) {
            assertEquals(advantages[i] + r.values()[i], r.returns()[i], 1e-4, "returns are made before whitening");
            n++;
            mean += advantages[i];
            squares += advantages[i] * advantages[i];
          }
        }
        mean /= n;
        double std = Math.sqrt((squares - n * mean * mean) / (n - 1) + 1e-8);
        for (int i = 0; i < r.tokens(); i++) {
          if (r.valid()[i] != 0) {
            assertEquals(whiten ? (advantages[i] - mean) / std : advantages[i], r.advantages()[i], 1e-4);
          }
        }
        assertTrue(Arrays.stream(advantages).map(Math::abs).max().orElseThrow() > 0.5, "not all zero");
      }
    }
  }

  private static double[] doubleSum(Rollout r, double gamma, double lambda) {
    double[] advantages = new double[r.tokens()];
    for (int b = 0; b < r.size(); b++) {
      int[] valid = IntStream.range(r.cuSeqlens()[b], r.cuSeqlens()[b + 1]).filter(i -> r.valid()[i] != 0).toArray();
      for (int t = 0; t < valid.length; t++) {
        for (int k = t; k < valid.length; k++) {
          double next = k + 1 < valid.length ? r.values()[valid[k + 1]] : 0;
          double delta = r.rewards()[valid[k]] + gamma * next - r.values()[valid[k]];
          advantages[valid[t]] += Math.pow(gamma * lambda, k - t) * delta;
        }
      }
    }
    return advantages;
  }

  /** The ids that were sampled are scored at the temperature of sampling (INVARIANTS 8, 9). */
  @Test
  void scoresBelongToTheSampledIdsAtTheTemperatureOfSampling() {
    PpoSetting setting = PpoSetting.of("sampling.temperature=0.6");
    Rollout r = collect(setting, PpoSetting::rewards).rollout();
    for (int b = 0; b < r.size(); b++) {
      Sequence s = r.sequences().get(b);
      assertArrayEquals(PpoSetting.prompts().get(b).ids(), s.prompt());
      int[] ids = IntStream.range(0, s.length()).map(s::token).toArray();
      double[] old = logprobs(policy, ids, 0.6);
      double[] ref = logprobs(reference, ids, 0.6);
      for (int t = 0; t < s.response().length; t++) {
        int at = (s.prompt().length + t - 1) * TinyPolicies.VOCAB;
        double entropy = 0;
        for (int v = 0; v < TinyPolicies.VOCAB; v++) {
          entropy -= Math.exp(old[at + v]) * old[at + v];
        }
        int i = r.cuSeqlens()[b] + t;
        assertEquals(old[at + s.response()[t]], r.oldLogprobs()[i], 1e-4);
        assertEquals(ref[at + s.response()[t]], r.refLogprobs()[i], 1e-4);
        assertEquals(entropy, r.entropies()[i], 1e-4);
      }
    }
  }

  private static double[] logprobs(Decoder model, int[] ids, double temperature) {
    try (Scope scope = Scope.noGrad()) {
      Tensor hidden = model.hidden(Tensors.ids(ids, 1, ids.length), null);
      return Tensors.toDoubles(hidden.matmul(model.outputWeight().t()).div(new Scalar(temperature)).log_softmax(2));
    }
  }

  @Test
  void responsesDependOnTheirStreamAndNotOnTheirRound() {
    PpoSetting setting = PpoSetting.of();
    RolloutCollector collector = setting.collector(policy, reference, critic, PpoSetting::rewards);
    List<Prompt> prompts = PpoSetting.prompts();
    Rollout all = collector.collect(prompts, sampled -> BATCHES, 21, 100, BETA).rollout();
    Rollout part = collector.collect(prompts.subList(2, 5), sampled -> new int[][] {{0, 1, 2}}, 21, 102, BETA).rollout();
    for (int b = 0; b < 3; b++) {
      assertArrayEquals(all.sequences().get(2 + b).response(), part.sequences().get(b).response());
    }
    Rollout other = collector.collect(prompts, sampled -> BATCHES, 21, 108, BETA).rollout();
    assertTrue(IntStream.range(0, 8).anyMatch(b ->
        !Arrays.equals(all.sequences().get(b).response(), other.sequences().get(b).response())));
  }

  @Test
  void finishedMeansTheEndTokenWasSampled() {
    Rollout r = collect(PpoSetting.of("sampling.temperature=3", "sampling.max_new_tokens=30"), PpoSetting::rewards).rollout();
    int finished = 0;
    for (int b = 0; b < r.size(); b++) {
      int[] ids = r.sequences().get(b).response();
      assertEquals(ids[ids.length - 1] == TinyPolicies.EOS, r.finished()[b]);
      assertEquals(r.finished()[b] ? 1 : 0, Arrays.stream(ids).filter(id -> id == TinyPolicies.EOS).count());
      assertTrue(r.finished()[b] || ids.length == 30);
      finished += r.finished()[b] ? 1 : 0;
    }
    assertTrue(finished > 0 && finished < r.size(), "both kinds occur: " + finished);
  }

  @Test
  void oneTokenResponses() {
    Rollout r = collect(PpoSetting.of("sampling.max_new_tokens=1", "policy.whiten=false"), PpoSetting::manyRewards).rollout();
    assertEquals(PpoSetting.PROMPTS, r.tokens());
    for (int i = 0; i < r.tokens(); i++) {
      assertEquals(r.rewards()[i] - r.values()[i], r.advantages()[i], 1e-5);
      assertEquals(r.rewards()[i], r.returns()[i], 1e-5);
    }
  }

  /** Sentence-level PPO: the score comes at the last token, the KL penalty at every token (SPEC 5). */
  @Test
  void terminalRewardsComeAtTheLastValidToken() {
    PpoSetting setting = PpoSetting.of("policy.whiten=false", "policy.length_penalty=false");
    List<float[]> terminal = new ArrayList<>();
    RolloutCollector.Collected collected = collect(setting, responses -> {
      TokenRewarder.Rewards tokens = PpoSetting.rewards(responses);
      float[] scores = new float[responses.size()];
      for (int b = 0; b < scores.length; b++) {
        scores[b] = 1 + b;
      }
      terminal.add(scores);
      return new TokenRewarder.Rewards(new float[tokens.classes().length], scores, tokens.classes());
    });
    Rollout r = collected.rollout();
    double total = 0;
    for (int b = 0; b < r.size(); b++) {
      for (int i = r.cuSeqlens()[b]; i < r.cuSeqlens()[b + 1]; i++) {
        double expected = -BETA * r.kl()[i] + (i == r.cuSeqlens()[b + 1] - 1 ? terminal.get(0)[b] : 0);
        assertEquals(expected, r.rewards()[i], 1e-5);
      }
      total += terminal.get(0)[b];
    }
    assertEquals(total / r.size(), new PpoMetrics(collected, BETA, TinyPolicies.EOS).meanScore(), 1e-6);
  }

  /** What stands at masked tokens decides nothing (INVARIANTS 1). */
  @Test
  void poisonAtMaskedTokensChangesNoBit() {
    PpoSetting setting = PpoSetting.of("policy.only_labelled_tokens=true");
    RolloutCollector.Collected clean = collect(setting, PpoSetting::manyRewards);
    for (float poison : new float[] {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY, 1e30f, -1e30f}) {
      RolloutCollector.Collected other = collect(setting, responses -> {
        TokenRewarder.Rewards rewards = PpoSetting.manyRewards(responses);
        for (int i = 0; i < rewards.perToken().length; i++) {
          rewards.perToken()[i] = rewards.classes()[i] == 0 ? poison : rewards.perToken()[i];
        }
        return rewards;
      });
      assertEquals(clean.shaping(), other.shaping());
      for (int i = 0; i < clean.rollout().tokens(); i++) {
        if (clean.rollout().valid()[i] != 0) {
          assertEquals(clean.rollout().advantages()[i], other.rollout().advantages()[i]);
          assertEquals(clean.rollout().returns()[i], other.rollout().returns()[i]);
        }
      }
    }
  }
}
