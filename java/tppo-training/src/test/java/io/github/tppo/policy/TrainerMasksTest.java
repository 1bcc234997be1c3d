// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.policy;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.tppo.TrainingOutcome;
import io.github.tppo.kernels.Kernels;
import io.github.tppo.model.Decoder;
import io.github.tppo.model.Scope;
import io.github.tppo.model.Tensors;
import io.github.tppo.run.ConfigReader;
import io.github.tppo.run.TppoConfig;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** What stands where nothing counts decides nothing in fine-tuning, DPO and PPO, and a batch of nothing is skipped (INVARIANTS 1 to 3). */
@SuppressWarnings("try") // scopes are opened for what their closing frees
class TrainerMasksTest {
  private static final String EMBEDDING = "model.embed_tokens.weight";
  private static final int HIDDEN = 32;

  @BeforeAll
  static void oneThread() {
    Tensors.setThreads(1);
    Kernels.setThreads(1);
  }

  private static void same(TrainingOutcome clean, TrainingOutcome other) {
    clean.assertSame(other, name -> name.equals(EMBEDDING), TinyPolicies.PAD, HIDDEN);
  }

  /** A policy whose output layer has weights of its own, with a number in the whole embedding of the padding token. */
  private static Decoder policy(float padding) {
    Decoder policy = TinyPolicies.create(TinyPolicies.VOCAB, false, 1);
    try (Scope scope = Scope.noGrad()) {
      Tensor embedding = policy.parameters().get(EMBEDDING).detach();
      embedding.select(0, TinyPolicies.PAD).fill_(new Scalar(padding));
    }
    return policy;
  }

  private static TppoConfig config(String... sets) {
    List<String> all = new ArrayList<>(List.of("sft.batch_size=11", "sft.epochs=3", "sft.optimizer.learning_rate=0.01",
        "sft.optimizer.warmup_steps=0", "dpo.batch_size=9", "dpo.epochs=3", "dpo.optimizer.learning_rate=0.01", "dpo.optimizer.warmup_steps=0"));
    all.addAll(List.of(sets));
    return ConfigReader.read(TppoConfig.class, all);
  }

  private static TrainingOutcome sft(float padding, int padId, List<Sequence> data, String... sets) {
    try (Decoder policy = policy(padding); SftTrainer trainer = new SftTrainer(policy, padId, config(sets).sft(), data, 1)) {
      List<Map<String, Double>> metrics = new ArrayList<>();
      for (long step = 0; step < trainer.totalSteps(); step++) {
        metrics.add(trainer.step(step));
      }
      return new TrainingOutcome(metrics, TinyPolicies.weights(policy));
    }
  }

  private static TrainingOutcome dpo(float padding, int padId, List<PreferencePair> data, String... sets) {
    try (Decoder policy = policy(padding); Decoder reference = policy(padding);
        DpoTrainer trainer = new DpoTrainer(policy, reference, padId, config(sets).dpo(), 0.7, data, 5)) {
      List<Map<String, Double>> metrics = new ArrayList<>();
      for (long step = 0; step < trainer.totalSteps(); step++) {
        metrics.add(trainer.step(step));
      }
      return new TrainingOutcome(metrics, TinyPolicies.weights(policy));
    }
  }

  /** Responses of many lengths, empty ones and single tokens among them. */
  private static List<Sequence> sequences() {
    return TinyPolicies.sequences(8, 3, 5, 2, 0, 6, 1, 4, 4, 7, 2, 0);
  }

  @Test
  void poisonAtPaddingChangesNoBitOfFineTuning() {
    for (String promptWeight : List.of("0", "0.25")) {
      TrainingOutcome clean = sft(0.5f, TinyPolicies.PAD, sequences(), "sft.prompt_weight=" + promptWeight);
      for (float poison : TrainingOutcome.POISON) {
        same(clean, sft(poison, TinyPolicies.PAD, sequences(), "sft.prompt_weight=" + promptWeight));
      }
      same(clean, sft(0.5f, 20, sequences(), "sft.prompt_weight=" + promptWeight));
      assertTrue(clean.metrics().get(0).get("policy/grad_norm") > 0.1);
    }
  }

  @Test
  void poisonAtPaddingChangesNoBitOfDpo() {
    TrainingOutcome clean = dpo(0.5f, TinyPolicies.PAD, DpoTrainerTest.pairs());
    for (float poison : TrainingOutcome.POISON) {
      same(clean, dpo(poison, TinyPolicies.PAD, DpoTrainerTest.pairs()));
    }
    same(clean, dpo(0.5f, 20, DpoTrainerTest.pairs()));
    assertTrue(clean.metrics().get(2).get("rewards/margins") > 0);
  }

  /** Rewards of tokens that do not count, and the id at padding. */
  @Test
  void poisonAtMaskedTokensChangesNoBitOfPpo() {
    TrainingOutcome clean = ppo(Float.MIN_VALUE, TinyPolicies.PAD);
    for (float poison : TrainingOutcome.POISON) {
      same(clean, ppo(poison, TinyPolicies.PAD));
    }
    same(clean, ppo(0, 20));
  }

  private static TrainingOutcome ppo(float poison, int padId) {
    PpoSetting setting = PpoSetting.of("policy.only_labelled_tokens=true", "policy.epochs=2", "policy.optimizer.learning_rate=0.02");
    TokenRewarder rewarder = responses -> {
      TokenRewarder.Rewards rewards = PpoSetting.manyRewards(responses);
      for (int i = 0; i < rewards.perToken().length; i++) {
        rewards.perToken()[i] = rewards.classes()[i] == 0 ? poison : rewards.perToken()[i];
      }
      return rewards;
    };
    try (Decoder policy = TinyPolicies.create(1); Decoder reference = policy.copy();
        PpoTrainer trainer = new PpoTrainer(policy, reference, rewarder, setting.policy(), setting.sampling(), PpoSetting.prompts(),
            PpoSetting.SUGGESTED_LENGTH, TinyPolicies.EOS, padId, 17)) {
      return new TrainingOutcome(List.of(trainer.round(0), trainer.round(1)), TinyPolicies.weights(policy));
    }
  }

  /** Neither the weights move, by weight decay, nor do the moments age. */
  @Test
  void aBatchOfEmptyResponsesIsSkippedAndCounted() {
    List<Sequence> nothing = TinyPolicies.sequences(8, 0, 0, 0, 0);
    List<PreferencePair> pairs = nothing.stream().map(s -> new PreferencePair(s, s)).toList();
    Map<String, float[]> before = new LinkedHashMap<>();
    try (Decoder policy = policy(0.5f)) {
      before.putAll(TinyPolicies.weights(policy));
    }
    for (TrainingOutcome run : List.of(sft(0.5f, TinyPolicies.PAD, nothing, "sft.prompt_weight=0", "sft.epochs=8"),
        dpo(0.5f, TinyPolicies.PAD, pairs, "dpo.epochs=8"))) {
      assertEquals(8, run.metrics().size(), "however many in a row: nothing is wrong with the weights");
      for (Map<String, Double> metrics : run.metrics()) {
        assertEquals(1, metrics.get("steps_skipped"));
        metrics.forEach((name, value) -> assertTrue(Double.isFinite(value), name + " " + value));
      }
      before.forEach((name, values) -> assertArrayEquals(values, run.weights().get(name), name));
    }
  }

  /** INVARIANTS 4: activations, losses or rewards beyond float32 make no step. */
  @Test
  void overflowIsSkippedAndCounted() {
    List<Map<String, Double>> metrics = new ArrayList<>();
    try (Decoder policy = policy(0.5f); Decoder reference = policy(0.5f); Scope scope = Scope.noGrad()) {
      policy.parameters().get("model.norm.weight").detach().fill_(new Scalar(3e38f));
      Map<String, float[]> before = TinyPolicies.weights(policy);
      try (SftTrainer sft = new SftTrainer(policy, TinyPolicies.PAD, config().sft(), sequences(), 1);
          DpoTrainer dpo = new DpoTrainer(policy, reference, TinyPolicies.PAD, config().dpo(), 0.7, DpoTrainerTest.pairs(), 5)) {
        metrics.add(sft.step(0));
        metrics.add(dpo.step(0));
      }
      before.forEach((name, values) -> assertArrayEquals(values, TinyPolicies.weights(policy).get(name), name));
    }
    for (String whiten : List.of("true", "false")) {
      TokenRewarder rewarder = responses -> {
        TokenRewarder.Rewards rewards = PpoSetting.rewards(responses);
        Arrays.fill(rewards.perToken(), Float.MAX_VALUE);
        return rewards;
      };
      PpoSetting setting = PpoSetting.of("policy.batch_size=8", "policy.whiten=" + whiten);
      try (Decoder policy = TinyPolicies.create(1); Decoder reference = policy.copy();
          PpoTrainer trainer = setting.trainer(policy, reference, rewarder)) {
        Map<String, float[]> before = TinyPolicies.weights(policy);
        metrics.add(trainer.round(0));
        before.forEach((name, values) -> assertArrayEquals(values, TinyPolicies.weights(policy).get(name), name));
      }
    }
    metrics.forEach(m -> assertTrue(m.get("steps_skipped") > 0, m.toString()));
  }

  @Test
  void responsesOfOneTokenTrain() {
    TrainingOutcome run = sft(0.5f, TinyPolicies.PAD, TinyPolicies.sequences(8, 1, 1, 1, 1), "sft.prompt_weight=0", "sft.epochs=40");
    double first = run.metrics().get(0).get("loss/sft");
    assertTrue(run.metrics().get(39).get("loss/sft") < 0.5 * first, run.metrics().get(39).toString());
    List<Sequence> chosen = TinyPolicies.sequences(8, 1, 1, 1);
    List<Sequence> rejected = TinyPolicies.sequences(9, 1, 0, 1);
    List<PreferencePair> pairs = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      pairs.add(new PreferencePair(chosen.get(i), new Sequence(chosen.get(i).prompt(), rejected.get(i).response())));
    }
    Map<String, Double> last = dpo(0.5f, TinyPolicies.PAD, pairs, "dpo.epochs=10").metrics().get(9);
    assertEquals(1, last.get("rewards/accuracies"), last.toString());
  }
}
