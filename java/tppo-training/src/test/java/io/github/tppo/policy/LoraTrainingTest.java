// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.policy;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.tppo.kernels.Kernels;
import io.github.tppo.model.AdapterConfig;
import io.github.tppo.model.Decoder;
import io.github.tppo.model.Lora;
import io.github.tppo.model.SafeTensors;
import io.github.tppo.model.Tensors;
import io.github.tppo.model.Workers;
import io.github.tppo.run.ConfigReader;
import io.github.tppo.run.SftConfig;
import io.github.tppo.run.TppoConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Fine-tuning and PPO of adapters on a frozen policy. */
class LoraTrainingTest {
  private static final List<Sequence> DATA = TinyPolicies.sequences(8, 3, 5, 2, 6, 1, 4, 4, 7, 2, 3);
  private static final AdapterConfig ADAPTERS = AdapterConfig.of(4, 8, false, List.of(AdapterConfig.ALL_LINEAR));

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

  private static Decoder adapted() {
    try (Decoder base = TinyPolicies.create(1)) {
      return base.adapted(Lora.create(ADAPTERS, base.config(), 3, 0));
    }
  }

  private static Map<String, float[]> values(Map<String, Tensor> tensors) {
    Map<String, float[]> values = new LinkedHashMap<>();
    tensors.forEach((name, tensor) -> values.put(name, Tensors.toFloats(tensor)));
    return values;
  }

  private static void assertSame(Map<String, float[]> expected, Map<String, float[]> found) {
    assertEquals(expected.keySet(), found.keySet());
    expected.forEach((name, values) -> assertArrayEquals(values, found.get(name), name));
  }

  private static SftConfig sft() {
    return ConfigReader.read(TppoConfig.class, List.of("sft.epochs=20", "sft.batch_size=4", "sft.optimizer.learning_rate=0.03",
        "sft.optimizer.warmup_steps=0", "sft.optimizer.schedule=constant")).sft();
  }

  /** Metrics and trained adapters; the base is checked to be as it was. */
  private record Run(List<Map<String, Double>> metrics, Map<String, float[]> adapters) {
    void assertSame(Run other) {
      assertEquals(metrics, other.metrics);
      LoraTrainingTest.assertSame(adapters, other.adapters);
    }
  }

  @Test
  void fineTuningAdaptersLearnsTheDataAndLeavesTheBase() {
    try (Decoder policy = adapted(); SftTrainer trainer = new SftTrainer(policy, TinyPolicies.PAD, sft(), DATA, 1)) {
      Map<String, float[]> base = TinyPolicies.weights(policy);
      double before = trainer.evaluate(DATA);
      for (long step = 0; step < trainer.totalSteps(); step++) {
        trainer.step(step);
      }
      assertTrue(trainer.evaluate(DATA) < 0.7 * before, trainer.evaluate(DATA) + " from " + before);
      assertSame(base, TinyPolicies.weights(policy));
      policy.merge();
      assertTrue(trainer.evaluate(DATA) < 0.7 * before, "merged: " + trainer.evaluate(DATA));
    }
  }

  @Test
  void fineTuningGoesOnFromASavedStateThatHoldsAdaptersAlone() throws IOException {
    Run whole = fineTune(1, 0, 9);
    Workers.setCount(3);
    whole.assertSame(fineTune(1, 0, 9));
    Run first = fineTune(1, 0, 5);
    Run second = fineTune(1, 5, 9);
    List<Map<String, Double>> metrics = new ArrayList<>(first.metrics);
    metrics.addAll(second.metrics);
    whole.assertSame(new Run(metrics, second.adapters));
    assertEquals(whole.adapters.keySet(), SafeTensors.open(dir.resolve("weights.safetensors")).names());
    assertEquals(2 * whole.adapters.size() + 1, SafeTensors.open(dir.resolve("optimizer.safetensors")).names().size());
  }

  private Run fineTune(long seed, int from, int to) throws IOException {
    try (Decoder policy = adapted(); SftTrainer trainer = new SftTrainer(policy, TinyPolicies.PAD, sft(), DATA, seed)) {
      if (from > 0) {
        trainer.load(dir);
      }
      List<Map<String, Double>> metrics = new ArrayList<>();
      for (long step = from; step < to; step++) {
        metrics.add(trainer.step(step));
      }
      trainer.save(dir);
      return new Run(metrics, values(policy.trainable()));
    }
  }

  private Run ppo(PpoSetting setting, TokenRewarder rewarder, int from, int to) throws IOException {
    try (Decoder policy = adapted(); Decoder reference = policy.base(); PpoTrainer trainer = setting.trainer(policy, reference, rewarder)) {
      Map<String, float[]> base = TinyPolicies.weights(reference);
      if (from > 0) {
        trainer.load(dir);
      }
      List<Map<String, Double>> metrics = new ArrayList<>();
      for (int round = from; round < to; round++) {
        metrics.add(trainer.round(round));
      }
      trainer.save(dir);
      assertSame(base, TinyPolicies.weights(reference));
      assertSame(base, TinyPolicies.weights(policy));
      return new Run(metrics, values(policy.trainable()));
    }
  }

  @Test
  void policyReferenceAndCriticAreOneCopyOfTheWeights() {
    try (Decoder policy = adapted(); Decoder reference = policy.base(); Decoder critic = PpoTrainer.criticTrunk(policy, reference, 1)) {
      policy.parameters().forEach((name, tensor) -> {
        assertEquals(tensor.data_ptr().address(), reference.parameters().get(name).data_ptr().address(), name);
        assertEquals(tensor.data_ptr().address(), critic.parameters().get(name).data_ptr().address(), name);
      });
      assertTrue(reference.trainable().isEmpty());
      assertEquals(policy.trainable().keySet(), critic.trainable().keySet());
      critic.trainable().forEach((name, tensor) ->
          assertTrue(tensor.data_ptr().address() != policy.trainable().get(name).data_ptr().address(), name));
    }
  }

  @Test
  void theRewardedTokenBecomesFrequent() throws IOException {
    Run run = ppo(PpoSetting.of("policy.rollout_size=16", "policy.batch_size=16", "policy.optimizer.learning_rate=0.03",
        "policy.critic_optimizer.learning_rate=0.01", "policy.epochs=2", "policy.kl_coef=0.01"), PpoSetting::rewards, 0, 20);
    double before = run.metrics().get(0).get("reward/token_relevant_frac");
    double after = run.metrics().get(19).get("reward/token_relevant_frac");
    assertTrue(after > 4 * before, before + " to " + after);
    assertEquals(0, run.metrics().get(0).get("objective/kl"), "policy and reference are the same at first");
    assertEquals(0, run.metrics().stream().mapToDouble(m -> m.get("steps_skipped")).sum());
  }

  /** INVARIANTS 7. */
  @Test
  void theFirstRatioOfEveryRoundIsExactlyOne() throws IOException {
    for (int threads : new int[] {1, 2}) {
      Workers.setCount(threads);
      PpoSetting setting = PpoSetting.of("policy.optimizer.learning_rate=0.02", "policy.epochs=3", "policy.batch_size=3",
          "sampling.temperature=0.7");
      for (Map<String, Double> metrics : ppo(setting, PpoSetting::manyRewards, 0, 4).metrics()) {
        assertEquals(0, metrics.get("policy/first_batch_off_policy"));
        assertTrue(metrics.get("policy/approxkl_avg") > 0, "later mini-batches are off policy");
      }
    }
  }

  @Test
  void ppoGoesOnFromASavedStateThatHoldsAdaptersAlone() throws IOException {
    PpoSetting setting = PpoSetting.of("policy.epochs=2", "policy.kl_target=0.5", "policy.kl_horizon=50", "policy.critic_warmup=1",
        "policy.optimizer.learning_rate=0.01");
    Run whole = ppo(setting, PpoSetting::manyRewards, 0, 5);
    Workers.setCount(3);
    Run first = ppo(setting, PpoSetting::manyRewards, 0, 3);
    Run second = ppo(setting, PpoSetting::manyRewards, 3, 5);
    List<Map<String, Double>> metrics = new ArrayList<>(first.metrics);
    metrics.addAll(second.metrics);
    whole.assertSame(new Run(metrics, second.adapters));
    assertEquals(whole.adapters.keySet(), SafeTensors.open(dir.resolve("policy/weights.safetensors")).names());
    List<String> critic = List.copyOf(SafeTensors.open(dir.resolve("critic/weights.safetensors")).names());
    assertEquals(whole.adapters.size() + 2, critic.size());
    assertTrue(critic.containsAll(List.of("value_head.weight", "value_head.bias")));
    assertFalse(critic.contains("model.embed_tokens.weight"));
    assertTrue(Files.exists(dir.resolve("kl_coef")));
  }
}
