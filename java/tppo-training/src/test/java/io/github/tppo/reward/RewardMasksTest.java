// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.reward;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.tppo.TrainingOutcome;
import io.github.tppo.kernels.Kernels;
import io.github.tppo.model.Longformer;
import io.github.tppo.model.Scope;
import io.github.tppo.model.Tensors;
import io.github.tppo.run.ConfigReader;
import io.github.tppo.run.RewardConfig;
import io.github.tppo.run.TppoConfig;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.bytedeco.pytorch.Scalar;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** What stands where nothing counts decides nothing in the training of both reward models, and a batch of nothing is skipped (INVARIANTS 1 to 4). */
@SuppressWarnings("try") // scopes are opened for what their closing frees
class RewardMasksTest {
  private static final int PAD = 1;
  private static final int HIDDEN = 32;

  @BeforeAll
  static void oneThread() {
    Tensors.setThreads(1);
    Kernels.setThreads(1);
  }

  private static void same(TrainingOutcome clean, TrainingOutcome other) {
    clean.assertSame(other, RewardMasksTest::isPadded, PAD, HIDDEN);
  }

  private static boolean isPadded(String name) {
    return name.endsWith("word_embeddings.weight") || name.endsWith("position_embeddings.weight");
  }

  private static Map<String, float[]> weights(Longformer model) {
    Map<String, float[]> weights = new LinkedHashMap<>();
    model.parameters().forEach((name, tensor) -> weights.put(name, Tensors.toFloats(tensor)));
    return weights;
  }

  private static void poison(Longformer model, float padding) {
    try (Scope scope = Scope.noGrad()) {
      model.parameters().forEach((name, tensor) -> {
        if (isPadded(name)) {
          tensor.detach().select(0, PAD).fill_(new Scalar(padding));
        }
      });
    }
  }

  private static RewardConfig config(int epochs) {
    return ConfigReader.read(TppoConfig.class, List.of("reward.batch_size=8", "reward.epochs=" + epochs,
        "reward.optimizer.learning_rate=0.01", "reward.optimizer.warmup_steps=0")).reward();
  }

  private static TrainingOutcome run(Longformer model, RewardTrainer<?> trainer) {
    try (model; trainer) {
      List<Map<String, Double>> metrics = new ArrayList<>();
      for (long step = 0; step < trainer.totalSteps(); step++) {
        metrics.add(trainer.step(step));
      }
      return new TrainingOutcome(metrics, weights(model));
    }
  }

  private static TrainingOutcome tokens(float padding, int epochs, int... lengths) {
    Longformer model = RewardBatchTest.model(1);
    poison(model, padding);
    SplittableRandom random = new SplittableRandom(6);
    List<RewardSample> samples = new ArrayList<>();
    for (int length : lengths) {
      RewardInput input = RewardBatchTest.input(random, 3 + random.nextInt(8), length);
      int[] classes = random.ints(length, 0, 3).toArray();
      samples.add(new RewardSample(input, classes, length == 0 ? 1 : Math.max(1, classes[0])));
    }
    return run(model, new TokenRewardTrainer(model, PAD, config(epochs), samples, 1));
  }

  private static TrainingOutcome sentences(float padding, int epochs, int... lengths) {
    Longformer model = SentenceRewardTrainerTest.model(1);
    poison(model, padding);
    SplittableRandom random = new SplittableRandom(7);
    List<SentenceSample> samples = new ArrayList<>();
    for (int length : lengths) {
      samples.add(new SentenceSample(RewardBatchTest.input(random, 3 + random.nextInt(8), length), samples.size() % 2 == 0));
    }
    return run(model, new SentenceRewardTrainer(model, PAD, config(epochs), samples, 1));
  }

  @Test
  void poisonAtPaddingChangesNoBit() {
    int[] lengths = {5, 0, 1, 7, 2, 3, 9, 4};
    TrainingOutcome tokens = tokens(0.5f, 3, lengths);
    TrainingOutcome sentences = sentences(0.5f, 3, lengths);
    for (float poison : TrainingOutcome.POISON) {
      same(tokens, tokens(poison, 3, lengths));
      same(sentences, sentences(poison, 3, lengths));
    }
    for (Map<String, Double> metrics : List.of(tokens.metrics().get(2), sentences.metrics().get(2))) {
      assertEquals(0, metrics.get("steps_skipped"));
      metrics.forEach((name, value) -> assertTrue(Double.isFinite(value), name + " " + value));
      assertTrue(metrics.get("reward/grad_norm") > 0.01);
    }
    assertEquals(7, sentences.metrics().get(0).get("reward/valid_responses"), "an empty response does not count");
  }

  @Test
  void aBatchOfEmptyResponsesIsSkippedAndCounted() {
    for (TrainingOutcome run : List.of(tokens(0.5f, 8, 0, 0, 0), sentences(0.5f, 8, 0, 0, 0))) {
      assertEquals(8, run.metrics().size(), "however many in a row: nothing is wrong with the weights");
      for (Map<String, Double> metrics : run.metrics()) {
        assertEquals(1, metrics.get("steps_skipped"));
        metrics.forEach((name, value) -> assertTrue(Double.isFinite(value), name + " " + value));
      }
    }
    Longformer untouched = RewardBatchTest.model(1);
    poison(untouched, 0.5f);
    try (untouched) {
      Map<String, float[]> found = tokens(0.5f, 8, 0, 0, 0).weights();
      weights(untouched).forEach((name, values) -> assertArrayEquals(values, found.get(name), name));
    }
  }

  @Test
  void responsesOfOneTokenTrain() {
    int[] ones = {1, 1, 1, 1, 1, 1};
    for (TrainingOutcome run : List.of(tokens(0.5f, 30, ones), sentences(0.5f, 30, ones))) {
      double first = run.metrics().get(0).get("loss/reward");
      double last = run.metrics().get(29).get("loss/reward");
      assertTrue(last < 0.7 * first, first + " to " + last);
    }
  }

  /** INVARIANTS 4, for the sentence-level model; TokenRewardTrainerTest has the other. */
  @Test
  void nonFiniteGradientsAreSkippedAndThenEndTheRun() {
    List<SentenceSample> samples = new ArrayList<>();
    SplittableRandom random = new SplittableRandom(8);
    for (int i = 0; i < 6; i++) {
      samples.add(new SentenceSample(RewardBatchTest.input(random, 4, 5), i % 2 == 0));
    }
    Longformer model = SentenceRewardTrainerTest.model(1);
    TokenRewardTrainerTest.skipsAndThenEndsTheRun(model, new SentenceRewardTrainer(model, PAD, config(9), samples, 1));
  }
}
