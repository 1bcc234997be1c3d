// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.policy;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.tppo.kernels.Kernels;
import io.github.tppo.model.AdapterConfig;
import io.github.tppo.model.Decoder;
import io.github.tppo.model.Lora;
import io.github.tppo.model.SafeTensors;
import io.github.tppo.model.Scope;
import io.github.tppo.model.Tensors;
import io.github.tppo.model.Workers;
import io.github.tppo.run.ConfigReader;
import io.github.tppo.run.DpoConfig;
import io.github.tppo.run.TppoConfig;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@SuppressWarnings("try") // scopes are opened for what their closing frees
class DpoTrainerTest {
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

  /** Responses of many lengths: none, one token, longer ones. */
  static List<PreferencePair> pairs() {
    List<Sequence> chosen = TinyPolicies.sequences(8, 3, 5, 2, 6, 1, 4, 4, 7, 2);
    int[] lengths = {4, 0, 6, 1, 3, 5, 2, 2, 8};
    List<Sequence> rejected = TinyPolicies.sequences(9, lengths);
    List<PreferencePair> pairs = new ArrayList<>();
    for (int i = 0; i < lengths.length; i++) {
      pairs.add(new PreferencePair(chosen.get(i), new Sequence(chosen.get(i).prompt(), rejected.get(i).response())));
    }
    return pairs;
  }

  private static DpoConfig config(String... sets) {
    List<String> all = new ArrayList<>(List.of("dpo.batch_size=4", "dpo.epochs=2", "dpo.optimizer.learning_rate=0.01",
        "dpo.optimizer.warmup_steps=0", "dpo.optimizer.schedule=constant"));
    all.addAll(List.of(sets));
    return ConfigReader.read(TppoConfig.class, all).dpo();
  }

  private record Run(List<Map<String, Double>> metrics, Map<String, float[]> weights) {
    void assertSame(Run other) {
      assertEquals(metrics, other.metrics);
      assertEquals(weights.keySet(), other.weights.keySet());
      weights.forEach((name, values) -> assertArrayEquals(values, other.weights.get(name), name));
    }

    void assertClose(Run other, double tolerance) {
      for (int i = 0; i < metrics.size(); i++) {
        Map<String, Double> found = other.metrics.get(i);
        metrics.get(i).forEach((name, value) -> assertEquals(value, found.get(name), tolerance * Math.max(1, Math.abs(value)), name));
      }
      weights.forEach((name, values) -> assertArrayEquals(values, other.weights.get(name), (float) tolerance, name));
    }
  }

  /** Steps from one to another, from what was saved if there are any before; the state is saved at the end. */
  private Run train(Decoder policy, Decoder reference, DpoConfig config, double temperature, int from, int to) throws IOException {
    try (policy; reference;
        DpoTrainer trainer = new DpoTrainer(policy, reference, TinyPolicies.PAD, config, temperature, pairs(), 5)) {
      if (from > 0) {
        trainer.load(dir);
      }
      List<Map<String, Double>> metrics = new ArrayList<>();
      for (long step = from; step < Math.min(to, trainer.totalSteps()); step++) {
        metrics.add(trainer.step(step));
      }
      trainer.save(dir);
      Map<String, float[]> weights = new LinkedHashMap<>();
      policy.trainable().forEach((name, tensor) -> weights.put(name, Tensors.toFloats(tensor)));
      return new Run(metrics, weights);
    }
  }

  private Run train(String... sets) throws IOException {
    return train(TinyPolicies.create(1), TinyPolicies.create(1), config(sets), 0.7, 0, 1000);
  }

  private Run adapters(int from, int to) throws IOException {
    try (Decoder base = TinyPolicies.create(1)) {
      Decoder policy = base.adapted(Lora.create(ADAPTERS, base.config(), 3, 0));
      return train(policy, policy.base(), config(), 0.7, from, to);
    }
  }

  /** Several steps against autograd over whole logits and an optimiser by its formulae; the policy begins apart from the reference. */
  @Test
  void lossMetricsAndUpdatedWeightsEqualAutograd() throws IOException {
    for (double temperature : new double[] {1, 0.6}) {
      for (String tied : List.of("true", "false")) {
        DpoConfig config = config("dpo.batch_size=9", "dpo.epochs=3", "dpo.beta=0.3", "dpo.optimizer.epsilon=0.01",
            "dpo.optimizer.weight_decay=0", "dpo.optimizer.max_grad_norm=0.5");
        boolean same = Boolean.parseBoolean(tied);
        Run run = train(TinyPolicies.create(TinyPolicies.VOCAB, same, 2), TinyPolicies.create(TinyPolicies.VOCAB, same, 1), config,
            temperature, 0, 3);
        try (Decoder policy = TinyPolicies.create(TinyPolicies.VOCAB, same, 2);
            Decoder reference = TinyPolicies.create(TinyPolicies.VOCAB, same, 1)) {
          DpoOracle oracle = new DpoOracle(policy, reference, config, temperature);
          for (int step = 0; step < 3; step++) {
            Map<String, Double> expected = oracle.step(pairs());
            Map<String, Double> found = run.metrics().get(step);
            expected.forEach((name, value) -> assertEquals(value, found.get(name), 2e-5 * Math.max(1, Math.abs(value)), name));
          }
          TinyPolicies.weights(policy).forEach((name, values) -> assertArrayEquals(values, run.weights().get(name), 2e-6f, name));
        }
        assertTrue(run.metrics().get(0).get("policy/grad_norm") > 0.5, "gradients are clipped, or a part of the test has no teeth");
      }
    }
  }

  /** The same passes on both: the log-ratios are 0 and not about 0. */
  @Test
  void theFirstStepBeginsAtTheReferenceToTheBit() throws IOException {
    for (String micro : List.of("0", "3", "1")) {
      Map<String, Double> first = train("dpo.compute.micro_batch_size=" + micro, "dpo.max_steps=1").metrics().get(0);
      for (String name : List.of("rewards/chosen", "rewards/rejected", "rewards/margins", "rewards/accuracies")) {
        assertEquals(0, first.get(name), name);
      }
      assertEquals(Math.log(2), first.get("loss/dpo"), 1e-7);
    }
  }

  @Test
  void theChosenComeToBePreferred() throws IOException {
    Run run = train("dpo.epochs=8");
    Map<String, Double> last = run.metrics().get(run.metrics().size() - 1);
    assertTrue(last.get("loss/dpo") < 0.3, last.toString());
    assertEquals(1, last.get("rewards/accuracies"));
    assertEquals(last.get("rewards/margins"), last.get("rewards/chosen") - last.get("rewards/rejected"), 1e-5);
    assertTrue(last.get("rewards/margins") > 1, last.toString());
    assertEquals(0, run.metrics().stream().mapToDouble(m -> m.get("steps_skipped")).sum());
  }

  @Test
  void theMicroBatchChangesNothingButTheOrderOfSums() throws IOException {
    Run whole = train("dpo.optimizer.epsilon=0.01");
    for (int size : new int[] {1, 2, 5, 100}) {
      whole.assertClose(train("dpo.optimizer.epsilon=0.01", "dpo.compute.micro_batch_size=" + size), 2e-5);
    }
  }

  @Test
  void threadsAndCheckpointingChangeNoBit() throws IOException {
    Workers.setCount(1);
    Run one = train();
    Workers.setCount(3);
    one.assertSame(train());
    one.assertSame(train("dpo.compute.gradient_checkpointing=true"));
    train("dpo.compute.precision=bfloat16").assertSame(train("dpo.compute.precision=bfloat16", "dpo.compute.gradient_checkpointing=true"));
  }

  @Test
  void bfloat16TrainsAsFloat32Does() throws IOException {
    Run f32 = train("dpo.epochs=4");
    Run bf16 = train("dpo.epochs=4", "dpo.compute.precision=bfloat16");
    double last = f32.metrics().get(11).get("loss/dpo");
    assertEquals(0, bf16.metrics().get(0).get("rewards/margins"), "the reference computes in the policy's precision");
    assertEquals(last, bf16.metrics().get(11).get("loss/dpo"), 0.15);
    assertFalse(f32.metrics().equals(bf16.metrics()));
  }

  @Test
  void goingOnFromASavedStateGivesTheSameBits() throws IOException {
    Run whole = train();
    assertEquals(6, whole.metrics().size());
    List<Map<String, Double>> metrics = new ArrayList<>(
        train(TinyPolicies.create(1), TinyPolicies.create(1), config(), 0.7, 0, 2).metrics());
    Run rest = train(TinyPolicies.create(3), TinyPolicies.create(1), config(), 0.7, 2, 6);
    metrics.addAll(rest.metrics());
    whole.assertSame(new Run(metrics, rest.weights()));
  }

  /** The reference is the policy without its adapters; the state holds the adapters alone. */
  @Test
  void adaptersTrainAndGoOnAndLeaveTheirBaseAlone() throws IOException {
    Map<String, float[]> base;
    try (Decoder policy = TinyPolicies.create(1)) {
      base = TinyPolicies.weights(policy);
    }
    Run whole = adapters(0, 6);
    assertEquals(0, whole.metrics().get(0).get("rewards/margins"));
    assertTrue(whole.metrics().get(5).get("rewards/margins") > 0);
    Run first = adapters(0, 3);
    Run second = adapters(3, 6);
    List<Map<String, Double>> metrics = new ArrayList<>(first.metrics());
    metrics.addAll(second.metrics());
    whole.assertSame(new Run(metrics, second.weights()));
    assertEquals(whole.weights().keySet(), SafeTensors.open(dir.resolve("weights.safetensors")).names());
    try (Decoder policy = TinyPolicies.create(1); Decoder adapted = policy.adapted(Lora.create(ADAPTERS, policy.config(), 3, 0));
        Decoder reference = adapted.base();
        DpoTrainer trainer = new DpoTrainer(adapted, reference, TinyPolicies.PAD, config(), 1, pairs(), 5)) {
      trainer.step(0);
      TinyPolicies.weights(adapted).forEach((name, values) -> assertArrayEquals(base.get(name), values, name));
    }
  }

  /** A sample that is the true queries says nothing; neither does it harm. */
  @Test
  void equalResponsesGiveNoGradient() {
    List<PreferencePair> equal = TinyPolicies.sequences(3, 4, 1, 0).stream().map(s -> new PreferencePair(s, s)).toList();
    try (Decoder policy = TinyPolicies.create(1); Decoder reference = TinyPolicies.create(2);
        DpoTrainer trainer = new DpoTrainer(policy, reference, TinyPolicies.PAD, config(), 1, equal, 5)) {
      Map<String, Double> metrics = trainer.step(0);
      assertEquals(0, metrics.get("policy/grad_norm"), 1e-6);
      assertEquals(Math.log(2), metrics.get("loss/dpo"), 1e-6);
      assertEquals(metrics.get("logps/chosen"), metrics.get("logps/rejected"), 1e-5);
    }
  }

  /** INVARIANTS 4: skipped, counted, and given up with a message after a bounded number in a row. */
  @Test
  void nonFiniteGradientsAreSkippedAndThenEndTheRun() {
    try (Decoder policy = TinyPolicies.create(1); Decoder reference = TinyPolicies.create(1); Scope scope = Scope.noGrad();
        DpoTrainer trainer = new DpoTrainer(policy, reference, TinyPolicies.PAD, config(), 1, pairs(), 5)) {
      Tensor norm = policy.parameters().get("model.norm.weight").detach();
      norm.fill_(new Scalar(Float.NaN));
      Map<String, float[]> before = TinyPolicies.weights(policy);
      for (long step = 0; step < 4; step++) {
        assertEquals(1, trainer.step(step).get("steps_skipped"));
      }
      TinyPolicies.weights(policy).forEach((name, values) -> assertArrayEquals(before.get(name), values, name));
      String message = assertThrows(ArithmeticException.class, () -> trainer.step(4)).getMessage();
      assertTrue(message.contains("dpo.optimizer.learning_rate"), message);
    }
  }

  @Test
  void badPairsAreRefused() {
    List<Sequence> two = TinyPolicies.sequences(1, 3, 3);
    assertThrows(IllegalArgumentException.class, () -> new PreferencePair(two.get(0), two.get(1)));
    try (Decoder policy = TinyPolicies.create(1); Decoder reference = TinyPolicies.create(1)) {
      assertThrows(IllegalArgumentException.class,
          () -> new DpoTrainer(policy, reference, TinyPolicies.PAD, config(), 1, List.of(), 5));
    }
  }
}
