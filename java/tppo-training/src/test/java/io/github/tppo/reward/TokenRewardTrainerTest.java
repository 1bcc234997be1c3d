// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.reward;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.tppo.kernels.Kernels;
import io.github.tppo.model.Autograd;
import io.github.tppo.model.Longformer;
import io.github.tppo.model.Scope;
import io.github.tppo.model.Tensors;
import io.github.tppo.model.Workers;
import io.github.tppo.run.ConfigReader;
import io.github.tppo.run.RewardConfig;
import io.github.tppo.run.TppoConfig;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Scalar;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

@SuppressWarnings("try") // scopes are opened for what their closing frees
class TokenRewardTrainerTest {
  private static final int PAD = 1;

  @BeforeAll
  static void oneThread() {
    Tensors.setThreads(1);
    Kernels.setThreads(1);
  }

  @AfterEach
  void workers() {
    Workers.setCount(Runtime.getRuntime().availableProcessors());
  }

  private static RewardConfig config(String... sets) {
    List<String> all = new ArrayList<>(List.of("reward.batch_size=4", "reward.epochs=40",
        "reward.optimizer.learning_rate=0.01", "reward.optimizer.warmup_steps=5"));
    all.addAll(List.of(sets));
    return ConfigReader.read(TppoConfig.class, all).reward();
  }

  /** Random labels of 20 responses: nothing to generalise, all to learn by heart. */
  private static List<RewardSample> samples() {
    SplittableRandom random = new SplittableRandom(6);
    List<RewardSample> samples = new ArrayList<>();
    for (int i = 0; i < 20; i++) {
      RewardInput input = RewardBatchTest.input(random, 3 + random.nextInt(8), 2 + random.nextInt(6));
      int[] classes = random.ints(input.scored(), 0, 3).toArray();
      classes[classes.length - 1] = 0;
      samples.add(new RewardSample(input, classes, 1 + random.nextInt(2)));
    }
    return samples;
  }

  private record Run(List<Map<String, Double>> metrics, Map<String, float[]> weights, Map<String, float[]> gradients,
      TokenRewardTrainer.Quality quality) {}

  private static Run train(RewardConfig config, long seed) {
    try (Longformer model = RewardBatchTest.model(1);
        TokenRewardTrainer trainer = new TokenRewardTrainer(model, PAD, config, samples(), seed)) {
      List<Map<String, Double>> metrics = new ArrayList<>();
      for (long step = 0; step < trainer.totalSteps(); step++) {
        metrics.add(trainer.step(step));
      }
      Map<String, float[]> weights = new LinkedHashMap<>();
      Map<String, float[]> gradients = new LinkedHashMap<>();
      model.parameters().forEach((name, tensor) -> {
        weights.put(name, Tensors.toFloats(tensor));
        gradients.put(name, Tensors.toFloats(Autograd.gradient(tensor)));
      });
      return new Run(metrics, weights, gradients, trainer.evaluate(samples()));
    }
  }

  @Test
  void learnsTwentyResponsesByHeart() {
    Run run = train(config("reward.local_weight=1", "reward.global_weight=0"), 1);
    assertEquals(200, run.metrics().size());
    assertTrue(run.quality().aucWeighted() > 0.99, run.quality().toString());
    assertTrue(run.quality().aucRelevant() > 0.99, run.quality().toString());
    assertTrue(run.quality().accuracy() > 0.95, run.quality().toString());
    double first = run.metrics().get(0).get("loss/reward_local");
    assertTrue(run.metrics().get(199).get("loss/reward_local") < 0.2 * first);
  }

  /** With the default weights the two losses pull against each other here; both must still fall. */
  @Test
  void bothLossesFall() {
    Run run = train(config(), 1);
    double[] first = mean(run.metrics().subList(0, 10));
    double[] last = mean(run.metrics().subList(190, 200));
    assertTrue(last[0] < 0.6 * first[0] && last[1] < 0.8 * first[1], Arrays.toString(first) + " " + Arrays.toString(last));
    assertTrue(run.quality().aucRelevant() > 0.9, run.quality().toString());
    for (Map<String, Double> m : run.metrics()) {
      assertEquals(0.4 * m.get("loss/reward_local") + 0.6 * m.get("loss/reward_global"), m.get("loss/reward"), 1e-6);
    }
  }

  private static double[] mean(List<Map<String, Double>> metrics) {
    return new double[] {metrics.stream().mapToDouble(m -> m.get("loss/reward_local")).average().orElseThrow(),
        metrics.stream().mapToDouble(m -> m.get("loss/reward_global")).average().orElseThrow()};
  }

  @Test
  void sameSeedSameBitsForAnyNumberOfThreadsAndAnotherSeedOthers() {
    RewardConfig config = config("reward.epochs=3");
    Workers.setCount(1);
    Run a = train(config, 1);
    Workers.setCount(3);
    Run b = train(config, 1);
    Run c = train(config, 2);
    assertEquals(a.metrics(), b.metrics());
    assertEquals(a.quality(), b.quality());
    a.weights().forEach((name, values) -> assertArrayEquals(values, b.weights().get(name), name));
    assertFalse(Arrays.equals(a.weights().get("classifier.weight"), c.weights().get("classifier.weight")));
  }

  /** The balance mask and both normalisers are those of the batch (INVARIANTS 11). */
  @Test
  void theMicroBatchChangesNothingButTheOrderOfSums() {
    for (String reduction : List.of("sum_over_n", "weighted_mean")) {
      String[] sets = {"reward.batch_size=20", "reward.epochs=1", "reward.balance_ratio=1", "reward.class_weights=0.5,1,2",
          "reward.local_reduction=" + reduction, ""};
      Run[] runs = new Run[5];
      int[] sizes = {0, 1, 3, 7, 100};
      for (int i = 0; i < runs.length; i++) {
        sets[sets.length - 1] = "reward.compute.micro_batch_size=" + sizes[i];
        runs[i] = train(config(sets), 1);
        Map<String, Double> found = runs[i].metrics().get(0);
        runs[0].metrics().get(0).forEach((name, value) -> assertEquals(value, found.get(name), 1e-5 * Math.max(0.1, value), name));
        Map<String, float[]> gradients = runs[i].gradients();
        runs[0].gradients().forEach((name, values) -> {
          double largest = 1e-3; // a bias of keys has no gradient but rounding
          for (float value : values) {
            largest = Math.max(largest, Math.abs(value));
          }
          assertArrayEquals(values, gradients.get(name), (float) (1e-5 * largest), name);
        });
      }
      assertTrue(runs[0].metrics().get(0).get("reward/valid_tokens") < samples().stream().mapToInt(s -> s.classes().length).sum(),
          "the balance mask leaves tokens out, or the test has no teeth");
    }
  }

  @Test
  void checkpointingChangesNoBit() {
    for (String precision : List.of("float32", "bfloat16")) {
      Run plain = train(config("reward.epochs=2", "reward.compute.precision=" + precision), 1);
      Run again = train(config("reward.epochs=2", "reward.compute.precision=" + precision,
          "reward.compute.gradient_checkpointing=true"), 1);
      assertEquals(plain.metrics(), again.metrics());
      plain.weights().forEach((name, values) -> assertArrayEquals(values, again.weights().get(name), name));
    }
  }

  @Test
  void bfloat16LearnsAsFloat32Does() {
    RewardConfig f32 = config("reward.local_weight=1", "reward.global_weight=0", "reward.epochs=10");
    RewardConfig bf16 = config("reward.local_weight=1", "reward.global_weight=0", "reward.epochs=10",
        "reward.compute.precision=bfloat16");
    Run[] runs = {train(f32, 1), train(bf16, 1)};
    double first = runs[0].metrics().get(0).get("loss/reward");
    assertEquals(first, runs[1].metrics().get(0).get("loss/reward"), 0.05);
    assertFalse(runs[0].metrics().equals(runs[1].metrics()));
    double last = runs[0].metrics().get(49).get("loss/reward");
    assertTrue(last < 0.8 * first, last + " from " + first);
    assertEquals(last, runs[1].metrics().get(49).get("loss/reward"), 0.1 * last);
  }

  /** INVARIANTS 4: skipped, counted, and given up with a message after a bounded number in a row. */
  @Test
  void nonFiniteGradientsAreSkippedAndThenEndTheRun() {
    Longformer model = RewardBatchTest.model(1);
    skipsAndThenEndsTheRun(model, new TokenRewardTrainer(model, PAD, config(), samples(), 1));
  }

  /** With NaN in the classifier; closes both. */
  static void skipsAndThenEndsTheRun(Longformer model, RewardTrainer<?> trainer) {
    try (model; trainer; Scope scope = Scope.noGrad()) {
      model.parameters().get("classifier.weight").detach().fill_(new Scalar(Float.NaN));
      float[] before = Tensors.toFloats(model.parameters().get("classifier.bias"));
      for (int step = 0; step < 4; step++) {
        assertEquals(1, trainer.step(step).get("steps_skipped"));
      }
      assertArrayEquals(before, Tensors.toFloats(model.parameters().get("classifier.bias")));
      String message = assertThrows(ArithmeticException.class, () -> trainer.step(4)).getMessage();
      assertTrue(message.contains("reward.optimizer.learning_rate"), message);
    }
  }

  /** Losses and areas from the probabilities, by the definitions and in float64 (SPEC 4). */
  @Test
  void evaluationEqualsItsDefinitions() {
    List<RewardSample> samples = samples();
    try (Longformer model = RewardBatchTest.model(1);
        TokenRewardTrainer trainer = new TokenRewardTrainer(model, PAD, config(), samples, 1); Scope scope = Scope.noGrad()) {
      TokenRewardTrainer.Quality quality = trainer.evaluate(samples);
      List<double[]> probabilities = new ArrayList<>();
      List<Integer> labels = new ArrayList<>();
      double local = 0;
      double global = 0;
      for (RewardSample sample : samples) {
        double[] p = Tensors.toDoubles(new RewardBatch(List.of(sample.input())).logits(model, PAD).softmax(1));
        double sum = 0;
        double count = 0;
        for (int i = 0; i < sample.classes().length; i++) {
          double[] row = Arrays.copyOfRange(p, 3 * i, 3 * i + 3);
          probabilities.add(row);
          labels.add(sample.classes()[i]);
          local -= Math.log(row[sample.classes()[i]]) / samples.size();
          if (sample.classes()[i] > 0) {
            sum += argmax(row);
            count++;
          }
        }
        global += count == 0 ? 0 : Math.pow(sum / count - sample.sentence(), 2) / samples.size();
      }
      assertEquals(local, quality.localLoss(), 1e-4 * local);
      assertEquals(global, quality.globalLoss(), 1e-4 * global);
      assertEquals(0.4 * local + 0.6 * global, quality.loss(), 1e-4 * local);
      assertEquals(weighted(probabilities, labels), quality.aucWeighted(), 1e-9);
      assertEquals(area(probabilities, labels, 2, r -> r[2] / (r[1] + r[2]), true), quality.aucRelevant(), 1e-3);
      long right = IntStream.range(0, labels.size())
          .filter(i -> argmax(probabilities.get(i)) == labels.get(i)).count();
      assertEquals(right / (double) labels.size(), quality.accuracy(), 1e-12);
      assertEquals(labels.size(), quality.tokens());
    }
  }

  private static int argmax(double[] row) {
    int best = 0;
    for (int c = 1; c < 3; c++) {
      best = row[c] > row[best] ? c : best;
    }
    return best;
  }

  private static double weighted(List<double[]> probabilities, List<Integer> labels) {
    double sum = 0;
    for (int c = 0; c < 3; c++) {
      int wanted = c;
      long count = labels.stream().filter(l -> l == wanted).count();
      sum += count * area(probabilities, labels, c, r -> r[wanted], false);
    }
    return sum / labels.size();
  }

  /** Share of the pairs of a positive and a negative that are in order, ties one half. */
  private static double area(List<double[]> probabilities, List<Integer> labels, int positive,
      ToDoubleFunction<double[]> score, boolean contentOnly) {
    double won = 0;
    double pairs = 0;
    for (int i = 0; i < labels.size(); i++) {
      for (int j = 0; j < labels.size(); j++) {
        if (labels.get(i) == positive && labels.get(j) != positive && !(contentOnly && labels.get(j) == 0)) {
          double a = score.applyAsDouble(probabilities.get(i));
          double b = score.applyAsDouble(probabilities.get(j));
          won += a > b ? 1 : a == b ? 0.5 : 0;
          pairs++;
        }
      }
    }
    return won / pairs;
  }

  @Test
  void noSamplesAreRefused() {
    try (Longformer model = RewardBatchTest.model(1)) {
      assertThrows(IllegalArgumentException.class, () -> new TokenRewardTrainer(model, PAD, config(), List.of(), 1));
    }
  }
}
