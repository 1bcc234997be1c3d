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
import io.github.tppo.model.LongformerConfig;
import io.github.tppo.model.Scope;
import io.github.tppo.model.Tensors;
import io.github.tppo.model.Workers;
import io.github.tppo.run.ConfigReader;
import io.github.tppo.run.RewardConfig;
import io.github.tppo.run.TppoConfig;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@SuppressWarnings("try") // scopes are opened for what their closing frees
class SentenceRewardTrainerTest {
  private static final int PAD = 1;
  /** A response is relevant if it has this token. */
  private static final int WANTED = 7;

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

  static Longformer model(long seed) {
    return Longformer.create(new LongformerConfig(40, 32, 48, 2, 4, List.of(8, 8), 80, 2, PAD, 1e-5, 1, 0.1, 0, 2, 2), seed);
  }

  private static RewardConfig config(String... sets) {
    List<String> all = new ArrayList<>(List.of("reward.batch_size=8", "reward.epochs=2",
        "reward.optimizer.learning_rate=0.01", "reward.optimizer.warmup_steps=5"));
    all.addAll(List.of(sets));
    return ConfigReader.read(TppoConfig.class, all).reward();
  }

  /** Every third response has the wanted token; the prompts have it as often in both kinds. */
  private static List<SentenceSample> samples(long seed, int count) {
    SplittableRandom random = new SplittableRandom(seed);
    List<SentenceSample> samples = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      RewardInput input = RewardBatchTest.input(random, 3 + random.nextInt(8), 3 + random.nextInt(6));
      boolean relevant = i % 3 == 0;
      for (int t = input.responseStart(); t < input.ids().length - 1; t++) {
        input.ids()[t] = input.ids()[t] == WANTED ? WANTED + 1 : input.ids()[t];
      }
      if (relevant) {
        input.ids()[input.responseStart() + random.nextInt(input.scored() - 1)] = WANTED;
      }
      samples.add(new SentenceSample(input, relevant));
    }
    return samples;
  }

  private record Run(List<Map<String, Double>> metrics, Map<String, float[]> weights, Map<String, float[]> gradients,
      SentenceRewardTrainer.Quality quality) {}

  private static Run train(RewardConfig config, List<SentenceSample> data, long seed) {
    try (Longformer model = model(1); SentenceRewardTrainer trainer = new SentenceRewardTrainer(model, PAD, config, data, seed)) {
      List<Map<String, Double>> metrics = new ArrayList<>();
      for (long step = 0; step < trainer.totalSteps(); step++) {
        metrics.add(trainer.step(step));
      }
      return new Run(metrics, values(model), gradients(model), trainer.evaluate(samples(99, 60)));
    }
  }

  private static Map<String, float[]> values(Longformer model) {
    Map<String, float[]> values = new LinkedHashMap<>();
    model.parameters().forEach((name, tensor) -> values.put(name, Tensors.toFloats(tensor)));
    return values;
  }

  private static Map<String, float[]> gradients(Longformer model) {
    Map<String, float[]> gradients = new LinkedHashMap<>();
    model.parameters().forEach((name, tensor) -> gradients.put(name, Tensors.toFloats(Autograd.gradient(tensor))));
    return gradients;
  }

  @Test
  void learnsARuleThatHoldsForOtherResponses() {
    Run run = train(config("reward.epochs=10"), samples(3, 90), 1);
    double first = run.metrics().get(0).get("loss/reward");
    double last = run.metrics().subList(run.metrics().size() - 10, run.metrics().size()).stream()
        .mapToDouble(m -> m.get("loss/reward")).average().orElseThrow();
    assertTrue(last < 0.3 * first, last + " from " + first);
    assertTrue(run.quality().aucWeighted() > 0.95, run.quality().toString());
    assertTrue(run.quality().accuracy() > 0.9, run.quality().toString());
  }

  /** Loss and gradient of a batch against libtorch's own loss of the mean over each response alone. */
  @Test
  void aStepIsTheCrossEntropyOfTheMeanScore() {
    List<SentenceSample> samples = samples(4, 9);
    Run run = train(config("reward.batch_size=9", "reward.epochs=1"), samples, 1);
    try (Longformer model = model(1); Scope scope = Scope.withGrad()) {
      double loss = 0;
      for (SentenceSample sample : samples) {
        Tensor score = scoreAlone(model, sample.input());
        Tensor one = torch.binary_cross_entropy_with_logits(score, Tensors.of(new float[] {sample.relevant() ? 1 : 0}, 1));
        loss += one.item_double() / samples.size();
        Autograd.backward(one, Tensors.of(new float[] {1f / samples.size()}).reshape(Tensors.shape(one)));
      }
      assertEquals(loss, run.metrics().get(0).get("loss/reward"), 1e-6);
      assertClose(gradients(model), run.gradients());
    }
    assertEquals(9, run.metrics().get(0).get("reward/valid_responses"), "a third is relevant: nothing is left out at a ratio of 3");
  }

  private static Tensor scoreAlone(Longformer model, RewardInput input) {
    int n = input.ids().length;
    int[] ones = new int[n];
    int[] global = new int[n];
    int[] types = new int[n];
    Arrays.fill(ones, 1);
    global[0] = 1;
    Arrays.fill(types, input.responseStart(), n, 1);
    Tensor logits = model.logits(Tensors.ids(input.ids(), 1, n), Tensors.ids(ones, 1, n), Tensors.ids(global, 1, n),
        Tensors.ids(types, 1, n));
    return logits.narrow(1, input.responseStart(), input.scored()).mean().reshape(1);
  }

  private static void assertClose(Map<String, float[]> expected, Map<String, float[]> found) {
    expected.forEach((name, values) -> {
      double largest = 1e-3; // a bias of keys has no gradient but rounding
      for (float value : values) {
        largest = Math.max(largest, Math.abs(value));
      }
      assertArrayEquals(values, found.get(name), (float) (2e-5 * largest), name);
    });
  }

  @Test
  void theMicroBatchChangesNothingButTheOrderOfSums() {
    List<SentenceSample> samples = samples(4, 20);
    String[] sets = {"reward.batch_size=20", "reward.epochs=1", "reward.balance_ratio=1", ""};
    Run whole = train(config(Arrays.copyOf(sets, 3)), samples, 1);
    for (int size : new int[] {1, 3, 100}) {
      sets[3] = "reward.compute.micro_batch_size=" + size;
      Run run = train(config(sets), samples, 1);
      whole.metrics().get(0).forEach((name, value) ->
          assertEquals(value, run.metrics().get(0).get(name), 1e-5 * Math.max(0.1, value), name));
      assertClose(whole.gradients(), run.gradients());
    }
    assertTrue(whole.metrics().get(0).get("reward/valid_responses") < 20, "the balance leaves responses out, or the test has no teeth");
  }

  /** 12 of 60 are relevant and all count; of the 48 others as many as the ratio allows, on average. */
  @Test
  void theLargerClassIsThinned() {
    List<SentenceSample> samples = new ArrayList<>(samples(4, 90).stream().filter(SentenceSample::relevant).limit(12).toList());
    samples.addAll(samples(5, 90).stream().filter(s -> !s.relevant()).limit(48).toList());
    for (int ratio : new int[] {1, 2, 3}) {
      double counted = 0;
      int steps = 8;
      RewardConfig config = config("reward.batch_size=60", "reward.epochs=" + steps, "reward.balance_ratio=" + ratio);
      for (Map<String, Double> metrics : train(config, samples, 1).metrics()) {
        counted += metrics.get("reward/valid_responses") / steps;
      }
      assertEquals(12 * (1 + ratio), counted, 3.5, "ratio " + ratio);
    }
  }

  @Test
  void sameSeedSameBitsForAnyNumberOfThreadsAndAnotherSeedOthers() {
    List<SentenceSample> samples = samples(4, 30);
    Workers.setCount(1);
    Run a = train(config(), samples, 1);
    Workers.setCount(3);
    Run b = train(config(), samples, 1);
    Run c = train(config(), samples, 2);
    assertEquals(a.metrics(), b.metrics());
    assertEquals(a.quality(), b.quality());
    a.weights().forEach((name, values) -> assertArrayEquals(values, b.weights().get(name), name));
    assertFalse(Arrays.equals(a.weights().get("classifier.weight"), c.weights().get("classifier.weight")));
  }

  @Test
  void goingOnFromASavedStateGivesTheSameBits() throws IOException {
    List<SentenceSample> samples = samples(4, 30);
    Run whole = train(config(), samples, 1);
    List<Map<String, Double>> metrics = new ArrayList<>();
    int half = whole.metrics().size() / 2;
    try (Longformer model = model(1); SentenceRewardTrainer trainer = new SentenceRewardTrainer(model, PAD, config(), samples, 1)) {
      for (int step = 0; step < half; step++) {
        metrics.add(trainer.step(step));
      }
      trainer.save(dir);
    }
    try (Longformer model = model(2); SentenceRewardTrainer trainer = new SentenceRewardTrainer(model, PAD, config(), samples, 1)) {
      trainer.load(dir);
      for (int step = half; step < trainer.totalSteps(); step++) {
        metrics.add(trainer.step(step));
      }
      values(model).forEach((name, values) -> assertArrayEquals(whole.weights().get(name), values, name));
    }
    assertEquals(whole.metrics(), metrics);
  }

  /** Loss and area from the scores of each response alone, in float64 (SPEC 4). */
  @Test
  void evaluationEqualsItsDefinitions() {
    List<SentenceSample> samples = samples(8, 150); // more than a batch of the evaluation
    try (Longformer model = model(1); Scope scope = Scope.noGrad();
        SentenceRewardTrainer trainer = new SentenceRewardTrainer(model, PAD, config(), samples, 1)) {
      double[] scores = samples.stream().mapToDouble(s ->
          Arrays.stream(Tensors.toDoubles(new RewardBatch(List.of(s.input())).logits(model, PAD))).average().orElseThrow()).toArray();
      double loss = 0;
      double right = 0;
      double won = 0;
      double pairs = 0;
      for (int i = 0; i < scores.length; i++) {
        double p = 1 / (1 + Math.exp(-scores[i]));
        loss -= Math.log(samples.get(i).relevant() ? p : 1 - p) / scores.length;
        right += p > 0.5 == samples.get(i).relevant() ? 1 : 0;
        for (int j = 0; j < scores.length; j++) {
          if (samples.get(i).relevant() && !samples.get(j).relevant()) {
            won += scores[i] > scores[j] ? 1 : 0;
            pairs++;
          }
        }
      }
      SentenceRewardTrainer.Quality quality = trainer.evaluate(samples);
      assertEquals(loss, quality.loss(), 1e-5);
      assertEquals(won / pairs, quality.aucWeighted(), 2 / pairs);
      assertEquals(right / scores.length, quality.accuracy(), 1e-12);
      assertEquals(samples.size(), quality.responses());
      assertEquals(Map.of("eval/loss", quality.loss(), "eval/auc_weighted", quality.aucWeighted()), trainer.measure(samples));
    }
  }

  @Test
  void crossEntropyDoesNotOverflow() {
    assertEquals(1000, SentenceRewardTrainer.crossEntropy(-1000, true));
    assertEquals(1000, SentenceRewardTrainer.crossEntropy(1000, false));
    assertEquals(0, SentenceRewardTrainer.crossEntropy(1000, true));
    assertEquals(Math.log(2), SentenceRewardTrainer.crossEntropy(0, true), 1e-15);
    IntStream.of(-5, 1, 4).forEach(score ->
        assertEquals(-Math.log(1 / (1 + Math.exp(-score))), SentenceRewardTrainer.crossEntropy(score, true), 1e-12));
  }

  @Test
  void noSamplesAndAnotherNumberOfLabelsAreRefused() {
    try (Longformer one = model(1); Longformer three = RewardBatchTest.model(1)) {
      assertThrows(IllegalArgumentException.class, () -> new SentenceRewardTrainer(one, PAD, config(), List.of(), 1));
      String message = assertThrows(IllegalArgumentException.class,
          () -> new SentenceRewardTrainer(three, PAD, config(), samples(1, 3), 1)).getMessage();
      assertTrue(message.contains("3 labels"), message);
    }
  }
}
