// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.policy;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.tppo.kernels.Kernels;
import io.github.tppo.model.Decoder;
import io.github.tppo.model.Tensors;
import io.github.tppo.model.Workers;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PpoTrainerTest {
  @TempDir
  Path dir;

  @BeforeAll
  static void oneThread() {
    Tensors.setThreads(1);
    Kernels.setThreads(1);
  }

  @AfterEach
  void workers() {
    Workers.setCount(Runtime.getRuntime().availableProcessors());
  }

  private record Run(List<Map<String, Double>> metrics, Map<String, float[]> weights) {
    void assertSame(Run other) {
      assertEquals(metrics, other.metrics);
      weights.forEach((name, values) -> assertArrayEquals(values, other.weights.get(name), name));
    }
  }

  private static Run train(PpoSetting setting, TokenRewarder rewarder, int rounds) {
    try (Decoder policy = TinyPolicies.create(1); Decoder reference = policy.copy();
        PpoTrainer trainer = setting.trainer(policy, reference, rewarder)) {
      List<Map<String, Double>> metrics = new ArrayList<>();
      for (int round = 0; round < rounds; round++) {
        metrics.add(trainer.round(round));
      }
      return new Run(metrics, TinyPolicies.weights(policy));
    }
  }

  @Test
  void theRewardedTokenBecomesFrequent() {
    Run run = train(PpoSetting.of("policy.rollout_size=32", "policy.batch_size=16", "policy.optimizer.learning_rate=0.005",
        "policy.epochs=2", "policy.kl_coef=0.01"), PpoSetting::rewards, 30);
    double before = run.metrics().get(0).get("reward/token_relevant_frac");
    double after = run.metrics().get(29).get("reward/token_relevant_frac");
    assertTrue(before < 0.15, "before: " + before);
    assertTrue(after > 0.5, "after: " + after);
    assertTrue(run.metrics().get(29).get("objective/scores") > 2 * run.metrics().get(0).get("objective/scores"));
    assertEquals(0, run.metrics().get(0).get("objective/kl"), "policy and reference are the same at first");
    assertTrue(run.metrics().get(29).get("objective/kl") > 0.5);
    assertEquals(0, run.metrics().stream().mapToDouble(m -> m.get("steps_skipped")).sum());
  }

  /** Exactly 1, and not about 1, in every round and at any number of threads (INVARIANTS 7). */
  @Test
  void theFirstRatioOfEveryRoundIsExactlyOne() {
    for (int threads : new int[] {1, 2}) {
      Workers.setCount(threads);
      for (String temperature : List.of("1", "0.7")) {
        PpoSetting setting = PpoSetting.of("policy.optimizer.learning_rate=0.02", "policy.epochs=3", "policy.batch_size=3",
            "sampling.temperature=" + temperature);
        for (Map<String, Double> metrics : train(setting, PpoSetting::manyRewards, 4).metrics()) {
          assertEquals(0, metrics.get("policy/first_batch_off_policy"));
          assertTrue(metrics.get("policy/approxkl_avg") > 0, "later mini-batches are off policy");
        }
      }
    }
  }

  /** One mini-batch and one pass: every ratio of the round is 1. */
  @Test
  void aSingleMiniBatchIsOnPolicy() {
    Map<String, Double> metrics = train(PpoSetting.of("policy.batch_size=8"), PpoSetting::manyRewards, 2).metrics().get(1);
    assertEquals(1, metrics.get("val/ratio"));
    assertEquals(0, metrics.get("policy/approxkl_avg"));
    assertEquals(0, metrics.get("policy/clipfrac_avg"));
  }

  @Test
  void sameSeedSameBitsForAnyNumberOfThreads() {
    PpoSetting setting = PpoSetting.of("policy.epochs=2");
    Workers.setCount(1);
    Run one = train(setting, PpoSetting::manyRewards, 3);
    Workers.setCount(3);
    one.assertSame(train(setting, PpoSetting::manyRewards, 3));
  }

  @Test
  void goingOnFromASavedStateGivesTheSameBits() throws IOException {
    PpoSetting setting = PpoSetting.of("policy.epochs=2", "policy.kl_target=0.5", "policy.kl_horizon=50",
        "policy.critic_warmup=1", "policy.optimizer.learning_rate=0.01");
    Run whole = train(setting, PpoSetting::manyRewards, 6);
    assertFalse(whole.metrics().get(5).get("objective/kl_coef").equals(whole.metrics().get(4).get("objective/kl_coef")),
        "the coefficient is steered, or the test has no teeth");
    for (int stop : new int[] {1, 3}) {
      List<Map<String, Double>> metrics = new ArrayList<>();
      try (Decoder policy = TinyPolicies.create(1); Decoder reference = policy.copy();
          PpoTrainer trainer = setting.trainer(policy, reference, PpoSetting::manyRewards)) {
        for (int round = 0; round < stop; round++) {
          metrics.add(trainer.round(round));
        }
        trainer.save(dir);
      }
      try (Decoder policy = TinyPolicies.create(1); Decoder reference = policy.copy();
          PpoTrainer trainer = setting.trainer(policy, reference, PpoSetting::manyRewards)) {
        trainer.load(dir);
        for (int round = stop; round < 6; round++) {
          metrics.add(trainer.round(round));
        }
        whole.assertSame(new Run(metrics, TinyPolicies.weights(policy)));
      }
    }
  }

  /** INVARIANTS 4: skipped, counted, and given up with a message after a bounded number in a row. */
  @Test
  void nonFiniteGradientsAreSkippedAndThenEndTheRun() {
    PpoSetting setting = PpoSetting.of("policy.whiten=false");
    boolean[] poisoned = {true};
    TokenRewarder rewarder = responses -> {
      TokenRewarder.Rewards rewards = PpoSetting.rewards(responses);
      Arrays.fill(rewards.perToken(), poisoned[0] ? Float.NaN : 0.5f);
      return rewards;
    };
    try (Decoder policy = TinyPolicies.create(1); Decoder reference = policy.copy();
        PpoTrainer trainer = setting.trainer(policy, reference, rewarder)) {
      Map<String, float[]> before = TinyPolicies.weights(policy);
      for (int round = 0; round < 4; round++) {
        assertEquals(4, trainer.round(round).get("steps_skipped"), "two mini-batches of policy and critic");
      }
      TinyPolicies.weights(policy).forEach((name, values) -> assertArrayEquals(before.get(name), values, name));
      poisoned[0] = false;
      assertEquals(0, trainer.round(4).get("steps_skipped"), "a good round starts the count anew");
      poisoned[0] = true;
      for (int round = 5; round < 9; round++) {
        trainer.round(round);
      }
      String message = assertThrows(ArithmeticException.class, () -> trainer.round(9)).getMessage();
      assertTrue(message.contains("policy.optimizer.learning_rate"), message);
    }
  }

  @Test
  void onlyLabelledTokensLeavesClassZeroOut() {
    PpoSetting setting = PpoSetting.of("policy.only_labelled_tokens=true", "policy.epochs=2");
    Run clean = train(setting, PpoSetting::manyRewards, 2);
    clean.assertSame(train(setting, responses -> {
      TokenRewarder.Rewards rewards = PpoSetting.manyRewards(responses);
      for (int i = 0; i < rewards.perToken().length; i++) {
        rewards.perToken()[i] = rewards.classes()[i] == 0 ? Float.NaN : rewards.perToken()[i];
      }
      return rewards;
    }, 2));
    Run all = train(PpoSetting.of("policy.epochs=2"), PpoSetting::manyRewards, 2);
    assertFalse(all.metrics().get(0).get("objective/entropy").equals(clean.metrics().get(0).get("objective/entropy")));
  }

  /** INVARIANTS 3: no token of a round counts. */
  @Test
  void allTokensMaskedGiveNoNaN() {
    PpoSetting setting = PpoSetting.of("policy.only_labelled_tokens=true");
    Run run = train(setting, responses -> {
      int n = responses.stream().mapToInt(r -> r.ids().length).sum();
      return new TokenRewarder.Rewards(new float[n], null, new int[n]);
    }, 2);
    for (Map<String, Double> metrics : run.metrics()) {
      metrics.forEach((name, value) ->
          assertTrue(Double.isFinite(value) || name.equals("val/explained_variance"), name + " " + value));
    }
    run.weights().forEach((name, values) -> {
      for (float v : values) {
        assertTrue(Float.isFinite(v), name);
      }
    });
  }

  /** Sentence-level PPO: the same training with a score at the last token, which the length penalty does not touch. */
  @Test
  void aScoreOfTheWholeResponseTrainsToo() {
    TokenRewarder sentences = responses -> {
      float[] scores = new float[responses.size()];
      for (int b = 0; b < scores.length; b++) {
        int[] ids = responses.get(b).ids();
        scores[b] = Arrays.stream(ids).filter(id -> id == PpoSetting.PAID).count() / (float) ids.length;
      }
      int n = responses.stream().mapToInt(r -> r.ids().length).sum();
      return new TokenRewarder.Rewards(new float[n], scores, new int[n]);
    };
    String[] sets = {"policy.rollout_size=32", "policy.batch_size=16", "policy.optimizer.learning_rate=0.005", "policy.epochs=2",
        "policy.kl_coef=0.01", "policy.length_penalty=true"};
    Run run = train(PpoSetting.of(sets), sentences, 30);
    double before = run.metrics().get(0).get("objective/scores");
    double after = run.metrics().get(29).get("objective/scores");
    assertTrue(before < 0.15 && after > 0.5, before + " to " + after);
    assertFalse(run.metrics().get(0).containsKey("reward/token_relevant_frac"), "there are no classes");
    sets[5] = "policy.length_penalty=false";
    assertEquals(run.metrics().get(1).get("objective/scores"), train(PpoSetting.of(sets), sentences, 2).metrics().get(1).get("objective/scores"));
  }

  @Test
  void oneTokenResponsesTrain() {
    Run run = train(PpoSetting.of("sampling.max_new_tokens=1"), PpoSetting::manyRewards, 3);
    for (Map<String, Double> metrics : run.metrics()) {
      assertEquals(1, metrics.get("response/length_mean"));
      assertEquals(0, metrics.get("steps_skipped"));
      assertTrue(Double.isFinite(metrics.get("loss/policy_avg")));
    }
  }

  @Test
  void onlyTheCriticLearnsInItsWarmUp() {
    PpoSetting setting = PpoSetting.of("policy.critic_warmup=2");
    try (Decoder policy = TinyPolicies.create(1); Decoder reference = policy.copy();
        PpoTrainer trainer = setting.trainer(policy, reference, PpoSetting::manyRewards)) {
      Map<String, float[]> before = TinyPolicies.weights(policy);
      assertEquals(0, trainer.round(0).get("val/mean"), 1e-2, "the critic starts at zero");
      Map<String, Double> second = trainer.round(1);
      assertFalse(second.containsKey("loss/policy_avg"));
      assertTrue(second.get("val/mean") != 0);
      TinyPolicies.weights(policy).forEach((name, values) -> assertArrayEquals(before.get(name), values, name));
      assertTrue(trainer.round(2).containsKey("loss/policy_avg"));
      assertFalse(Arrays.equals(before.get("model.norm.weight"), TinyPolicies.weights(policy).get("model.norm.weight")));
      TinyPolicies.weights(reference).forEach((name, values) -> assertArrayEquals(before.get(name), values, name));
    }
  }

  @Test
  void noPromptsAreRefused() {
    PpoSetting setting = PpoSetting.of();
    try (Decoder policy = TinyPolicies.create(1); Decoder reference = policy.copy()) {
      assertThrows(IllegalArgumentException.class, () -> new PpoTrainer(policy, reference, PpoSetting::rewards,
          setting.policy(), setting.sampling(), List.of(), 5, 2, 1, 1));
    }
  }
}
