// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.policy;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.tppo.kernels.Kernels;
import io.github.tppo.model.Decoder;
import io.github.tppo.model.Scope;
import io.github.tppo.model.Tensors;
import io.github.tppo.model.Workers;
import io.github.tppo.run.ComputeConfig;
import io.github.tppo.run.OptimizerConfig;
import io.github.tppo.run.SftConfig;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@SuppressWarnings("try") // scopes are opened for what their closing frees
class SftTrainerTest {
  private static final List<Sequence> DATA = TinyPolicies.sequences(8, 3, 5, 2, 6, 1, 4, 4, 7, 2, 3);

  @BeforeAll
  static void oneThread() {
    Tensors.setThreads(1);
    Kernels.setThreads(1);
  }

  private static SftConfig config(int batch, double promptWeight, double epochs, int maxSteps, double rate) {
    return new SftConfig("random", null, epochs, maxSteps, batch, promptWeight, 10, ComputeConfig.defaults(),
        OptimizerConfig.of(rate, 0, OptimizerConfig.Schedule.CONSTANT));
  }

  private record Run(List<Map<String, Double>> metrics, Map<String, float[]> weights, double nll) {}

  private static Run train(long seed, SftConfig config) {
    try (Decoder policy = TinyPolicies.create(1);
        SftTrainer trainer = new SftTrainer(policy, TinyPolicies.PAD, config, DATA, seed)) {
      List<Map<String, Double>> metrics = new ArrayList<>();
      for (long step = 0; step < trainer.totalSteps(); step++) {
        metrics.add(trainer.step(step));
      }
      return new Run(metrics, TinyPolicies.weights(policy), trainer.evaluate(DATA));
    }
  }

  @Test
  void lossFallsAndTheDataIsLearnt() {
    Run run = train(1, config(4, 0.1, 25, 0, 1e-2));
    assertEquals(75, run.metrics().size());
    double first = run.metrics().get(0).get("sft/response_nll");
    assertEquals(Math.log(TinyPolicies.VOCAB), first, 1.5, "a random policy is about uniform");
    assertTrue(run.nll() < 0.3 * first, run.nll() + " from " + first);
  }

  @Test
  void sameSeedSameBitsAnotherSeedOthers() {
    SftConfig config = config(4, 0.1, 2, 0, 1e-2);
    Run a = train(1, config);
    Run b = train(1, config);
    Run c = train(2, config);
    assertEquals(a.metrics(), b.metrics());
    a.weights().forEach((name, values) -> assertArrayEquals(values, b.weights().get(name), name));
    assertFalse(Arrays.equals(a.weights().get("model.norm.weight"), c.weights().get("model.norm.weight")));
  }

  /** Parts of a batch run side by side (INVARIANTS 11). */
  @Test
  void theNumberOfThreadsChangesNoBit() {
    SftConfig config = config(4, 0.1, 2, 0, 1e-2);
    Workers.setCount(1);
    Run one = train(1, config);
    Workers.setCount(3);
    Run three = train(1, config);
    Workers.setCount(1);
    assertEquals(one.metrics(), three.metrics());
    one.weights().forEach((name, values) -> assertArrayEquals(values, three.weights().get(name), name));
  }

  @Test
  void stepsAreBoundedByEpochsAndByMaxSteps() {
    try (Decoder policy = TinyPolicies.create(1)) {
      assertEquals(3, steps(policy, config(4, 0, 1, 0, 1e-3)));
      assertEquals(5, steps(policy, config(4, 0, 1.5, 0, 1e-3)));
      assertEquals(2, steps(policy, config(4, 0, 1.5, 2, 1e-3)));
      assertEquals(5, steps(policy, config(4, 0, 1.5, 200, 1e-3)));
    }
  }

  private static long steps(Decoder policy, SftConfig config) {
    try (SftTrainer trainer = new SftTrainer(policy, TinyPolicies.PAD, config, DATA, 1)) {
      return trainer.totalSteps();
    }
  }

  /** Loss of one batch of everything, against log_softmax of libtorch in float64. */
  @Test
  void lossIsTheWeightedMeanOverPromptAndResponse() {
    for (double promptWeight : new double[] {0, 0.25, 1}) {
      double expected;
      double responseNll;
      try (Decoder policy = TinyPolicies.create(1)) {
        double[] sums = oracle(policy, promptWeight);
        expected = sums[0] / sums[1];
        responseNll = sums[2] / sums[3];
      }
      Map<String, Double> metrics = train(1, config(DATA.size(), promptWeight, 1, 0, 1e-3)).metrics().get(0);
      assertEquals(expected, metrics.get("loss/sft"), 1e-5);
      assertEquals(responseNll, metrics.get("sft/response_nll"), 1e-5);
    }
  }

  /** Weighted sum of -logprob, sum of weights, the same two over responses alone. */
  private static double[] oracle(Decoder policy, double promptWeight) {
    double[] sums = new double[4];
    for (Sequence s : DATA) {
      int[] ids = IntStream.range(0, s.length()).map(s::token).toArray();
      try (Scope scope = Scope.noGrad()) {
        Tensor hidden = policy.hidden(Tensors.ids(ids, 1, ids.length), null);
        double[] logprobs = Tensors.toDoubles(hidden.matmul(policy.outputWeight().t()).log_softmax(2));
        for (int t = 1; t < ids.length; t++) {
          double nll = -logprobs[(t - 1) * TinyPolicies.VOCAB + ids[t]];
          boolean response = t >= s.prompt().length;
          sums[0] += (response ? 1 : promptWeight) * nll;
          sums[1] += response ? 1 : promptWeight;
          sums[2] += response ? nll : 0;
          sums[3] += response ? 1 : 0;
        }
      }
    }
    return sums;
  }

  /** With weight 0 it cannot matter what the prompt's tokens would have been worth. */
  @Test
  void promptWeightZeroTrainsOnResponsesOnly() {
    Map<String, Double> zero = train(1, config(DATA.size(), 0, 1, 0, 1e-3)).metrics().get(0);
    Map<String, Double> tiny = train(1, config(DATA.size(), 1e-9, 1, 0, 1e-3)).metrics().get(0);
    assertEquals(zero.get("loss/sft"), zero.get("sft/response_nll"), 1e-9);
    assertEquals(zero.get("policy/grad_norm"), tiny.get("policy/grad_norm"), 1e-5);
  }

  @Test
  void emptyDataIsNamed() {
    try (Decoder policy = TinyPolicies.create(1)) {
      assertThrows(IllegalArgumentException.class,
          () -> new SftTrainer(policy, TinyPolicies.PAD, config(4, 0, 1, 0, 1e-3), List.of(), 1));
    }
  }

  /** INVARIANTS 4: skipped, counted, also across a resume, and given up with a message after a bounded number in a row. */
  @Test
  void nonFiniteGradientsAreSkippedAndThenEndTheRun(@TempDir Path dir) throws IOException {
    SftConfig config = config(4, 0, 5, 0, 1e-3);
    try (Decoder policy = TinyPolicies.create(1); Scope scope = Scope.noGrad();
        SftTrainer trainer = new SftTrainer(policy, TinyPolicies.PAD, config, DATA, 1);
        SftTrainer resumed = new SftTrainer(policy, TinyPolicies.PAD, config, DATA, 1)) {
      assertEquals(0, trainer.step(0).get("steps_skipped"));
      Tensor norm = policy.parameters().get("model.norm.weight").detach();
      float[] good = Tensors.toFloats(norm);
      norm.fill_(new Scalar(Float.NaN));
      Map<String, float[]> before = TinyPolicies.weights(policy);
      for (long step = 1; step < 5; step++) {
        assertEquals(1, trainer.step(step).get("steps_skipped"));
      }
      TinyPolicies.weights(policy).forEach((name, values) -> assertArrayEquals(before.get(name), values, name));
      norm.copy_(Tensors.of(good, good.length));
      assertEquals(0, trainer.step(5).get("steps_skipped"), "a good step starts the count anew");
      norm.fill_(new Scalar(Float.NaN));
      trainer.step(6);
      trainer.step(7);
      trainer.save(dir);
      resumed.load(dir);
      resumed.step(8);
      resumed.step(9);
      String message = assertThrows(ArithmeticException.class, () -> resumed.step(10)).getMessage();
      assertTrue(message.contains("sft.optimizer.learning_rate"), message);
    }
  }
}
