// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.policy;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.tppo.kernels.Kernels;
import io.github.tppo.model.Autograd;
import io.github.tppo.model.Decoder;
import io.github.tppo.model.Precision;
import io.github.tppo.model.Tensors;
import io.github.tppo.run.ComputeConfig;
import io.github.tppo.run.ConfigReader;
import io.github.tppo.run.OptimizerConfig;
import io.github.tppo.run.TppoConfig;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Micro-batches, gradient checkpointing and precision change what is in memory, not what is learnt (INVARIANTS 11). */
class ComputeOptionsTest {
  /** One of the responses is empty: alone in its micro-batch it has no token that counts. */
  private static final List<Sequence> DATA = TinyPolicies.sequences(8, 3, 5, 2, 0, 6, 1, 4, 4, 7, 2, 3);
  private static final int[] MICRO_BATCHES = {1, 2, 3, 5, 100};

  @BeforeAll
  static void oneThread() {
    Tensors.setThreads(1);
    Kernels.setThreads(1);
  }

  /** Metrics of some steps, and the gradients of the last. */
  private record Run(List<Map<String, Double>> metrics, Map<String, float[]> weights, Map<String, float[]> gradients) {
    void assertSame(Run other) {
      assertEquals(metrics, other.metrics);
      weights.forEach((name, values) -> assertArrayEquals(values, other.weights.get(name), name));
      gradients.forEach((name, values) -> assertArrayEquals(values, other.gradients.get(name), name));
    }

    /** Metrics and gradients of the first step agree, the latter in proportion to the largest of their tensor. */
    void assertClose(Run other, double tolerance) {
      assertEquals(metrics.get(0).keySet(), other.metrics.get(0).keySet());
      metrics.get(0).forEach((name, value) ->
          assertEquals(value, other.metrics.get(0).get(name), tolerance * Math.max(0.1, Math.abs(value)), name));
      assertEquals(gradients.keySet(), other.gradients.keySet());
      gradients.forEach((name, values) -> {
        double largest = 1e-6;
        for (float value : values) {
          largest = Math.max(largest, Math.abs(value));
        }
        assertArrayEquals(values, other.gradients.get(name), (float) (tolerance * largest), name);
      });
    }
  }

  private static Map<String, float[]> gradients(Decoder policy) {
    Map<String, float[]> gradients = new LinkedHashMap<>();
    policy.parameters().forEach((name, tensor) -> {
      if (Autograd.hasGradient(tensor)) {
        gradients.put(name, Tensors.toFloats(Autograd.gradient(tensor)));
      }
    });
    return gradients;
  }

  private static Run sft(int steps, String... sets) {
    List<String> all = new ArrayList<>(List.of("sft.batch_size=11", "sft.epochs=100", "sft.optimizer.learning_rate=0.01"));
    all.addAll(List.of(sets));
    try (Decoder policy = TinyPolicies.create(1); SftTrainer trainer = new SftTrainer(policy, TinyPolicies.PAD,
        ConfigReader.read(TppoConfig.class, all).sft(), DATA, 1)) {
      List<Map<String, Double>> metrics = new ArrayList<>();
      for (int step = 0; step < steps; step++) {
        metrics.add(trainer.step(step));
      }
      return new Run(metrics, TinyPolicies.weights(policy), gradients(policy));
    }
  }

  private static Run ppo(int rounds, String... sets) {
    PpoSetting setting = PpoSetting.of(sets);
    try (Decoder policy = TinyPolicies.create(1); Decoder reference = policy.copy();
        PpoTrainer trainer = setting.trainer(policy, reference, PpoSetting::manyRewards)) {
      List<Map<String, Double>> metrics = new ArrayList<>();
      for (int round = 0; round < rounds; round++) {
        metrics.add(trainer.round(round));
      }
      return new Run(metrics, TinyPolicies.weights(policy), gradients(policy));
    }
  }

  @ParameterizedTest
  @ValueSource(doubles = {0, 0.25})
  void fineTuningDoesNotDependOnTheMicroBatch(double promptWeight) {
    Run whole = sft(1, "sft.prompt_weight=" + promptWeight);
    for (int size : MICRO_BATCHES) {
      whole.assertClose(sft(1, "sft.prompt_weight=" + promptWeight, "sft.compute.micro_batch_size=" + size), 1e-5);
    }
  }

  /** One mini-batch, in which some tokens and, in micro-batches of one, whole passes do not count. */
  @ParameterizedTest
  @ValueSource(strings = {"token_mean", "seq_mean_token_mean", "seq_mean_token_sum"})
  void theLossesOfTppoDoNotDependOnTheMicroBatch(String aggregation) {
    String[] sets = {"policy.batch_size=8", "policy.only_labelled_tokens=true", "policy.entropy_coef=0.05", "policy.kl_coef=0.1",
        "policy.dual_clip=3", "sampling.max_new_tokens=3", "policy.aggregation=" + aggregation, ""};
    Run[] runs = new Run[MICRO_BATCHES.length + 1];
    for (int i = 0; i < runs.length; i++) {
      sets[sets.length - 1] = "policy.compute.micro_batch_size=" + (i == 0 ? 0 : MICRO_BATCHES[i - 1]);
      runs[i] = ppo(1, sets);
      runs[0].assertClose(runs[i], 1e-5);
    }
    assertTrue(runs[0].metrics().get(0).get("policy/grad_norm") > 0.01);
  }

  @Test
  void theCriticDoesNotDependOnTheMicroBatch() {
    double[] norms = new double[5];
    float[] values = critic(11, norms);
    for (int size : new int[] {1, 4}) {
      double[] found = new double[5];
      assertArrayEquals(values, critic(size, found), 1e-4f);
      for (int step = 0; step < norms.length; step++) {
        assertEquals(norms[step], found[step], 1e-3 * norms[step], "norm of step " + step);
      }
    }
  }

  /** Values after some steps, of which the first changes the head alone. */
  private static float[] critic(int microBatch, double[] norms) {
    try (Critic critic = new Critic(TinyPolicies.create(3), TinyPolicies.PAD, 0.2, ComputeConfig.defaults(),
        OptimizerConfig.of(0.01, 0, OptimizerConfig.Schedule.CONSTANT))) {
      List<Critic.Targets> parts = new ArrayList<>();
      int token = 0;
      for (List<Sequence> part : BatchParts.ofAtMost(DATA, microBatch)) {
        SequenceBatch batch = SequenceBatch.ofResponses(part);
        float[] returns = new float[batch.tokens()];
        byte[] valid = new byte[batch.tokens()];
        for (int i = 0; i < returns.length; i++, token++) {
          returns[i] = token % 3 - 1;
          valid[i] = (byte) (token % 4 == 0 ? 0 : 1);
        }
        parts.add(new Critic.Targets(batch, new float[returns.length], returns, valid));
      }
      for (int step = 0; step < norms.length; step++) {
        norms[step] = critic.step(parts, 0.01).optimizer().gradNorm();
      }
      return critic.values(SequenceBatch.ofResponses(DATA));
    }
  }

  /** INVARIANTS 7 in every cut and precision. */
  @Test
  void theFirstRatioIsExactlyOneWithAllOptions() {
    for (String size : List.of("1", "2", "3")) {
      for (Precision precision : Precision.values()) {
        Run run = ppo(3, "policy.compute.micro_batch_size=" + size, "policy.compute.gradient_checkpointing=true",
            "policy.compute.precision=" + precision.name().toLowerCase(), "policy.optimizer.learning_rate=0.01");
        for (Map<String, Double> metrics : run.metrics()) {
          assertEquals(0, metrics.get("policy/first_batch_off_policy"));
        }
        assertEquals(0, run.metrics().get(0).get("objective/kl"), "policy and reference compute alike");
      }
    }
  }

  @Test
  void checkpointingChangesNoBit() {
    for (String precision : List.of("float32", "bfloat16")) {
      sft(6, "sft.batch_size=4", "sft.compute.precision=" + precision).assertSame(sft(6, "sft.batch_size=4",
          "sft.compute.precision=" + precision, "sft.compute.gradient_checkpointing=true"));
      ppo(3, "policy.epochs=2", "policy.compute.precision=" + precision).assertSame(ppo(3, "policy.epochs=2",
          "policy.compute.precision=" + precision, "policy.compute.gradient_checkpointing=true"));
    }
  }

  @Test
  void bfloat16TrainsAsFloat32DoesButForRounding() {
    Run f32 = sft(1);
    Run bf16 = sft(1, "sft.compute.precision=bfloat16");
    f32.assertClose(bf16, 0.03);
    assertTrue(!f32.metrics().get(0).equals(bf16.metrics().get(0)));
    double[] last = new double[2];
    for (int i = 0; i < 2; i++) {
      List<Map<String, Double>> metrics = sft(40, "sft.compute.precision=" + (i == 0 ? "float32" : "bfloat16")).metrics();
      last[i] = metrics.get(39).get("sft/response_nll");
      assertTrue(last[i] < 0.5 * metrics.get(0).get("sft/response_nll"), "learns: " + last[i]);
    }
    assertEquals(last[0], last[1], 0.1 * last[0]);
  }

  /** The cut is as even as it can be, in order, and nothing is lost. */
  @Test
  void microBatchesAreRunsOfNeighbours() {
    assertEquals(List.of(List.of(1, 2, 3), List.of(4, 5, 6), List.of(7, 8, 9, 10)), BatchParts.ofAtMost(range(10), 4));
    assertEquals(List.of(range(10)), BatchParts.ofAtMost(range(10), 0));
    assertEquals(List.of(range(10)), BatchParts.ofAtMost(range(10), 10));
    assertEquals(10, BatchParts.ofAtMost(range(10), 1).size());
    assertEquals(List.of(), BatchParts.ofAtMost(List.of(), 4));
  }

  private static List<Integer> range(int n) {
    Integer[] numbers = new Integer[n];
    Arrays.setAll(numbers, i -> i + 1);
    return List.of(numbers);
  }
}
