// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.policy;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.tppo.kernels.Kernels;
import io.github.tppo.model.Decoder;
import io.github.tppo.model.SafeTensors;
import io.github.tppo.model.Tensors;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The files of the rollouts: every logged metric follows from them alone (INVARIANTS 6), and writing them changes nothing. */
class RolloutFilesTest {
  @TempDir
  Path dir;

  @BeforeAll
  static void oneThread() {
    Tensors.setThreads(1);
    Kernels.setThreads(1);
  }

  private record Run(List<Map<String, Double>> metrics, Map<String, float[]> weights) {}

  /** Rounds of a training of its own, with files where a folder is given. */
  private static Run train(PpoSetting setting, TokenRewarder rewarder, int rounds, Path folder) throws IOException {
    RolloutFiles files = folder == null ? null : new RolloutFiles(folder);
    try (Decoder policy = TinyPolicies.create(1); Decoder reference = policy.copy();
        PpoTrainer trainer = setting.trainer(policy, reference, rewarder)) {
      List<Map<String, Double>> metrics = new ArrayList<>();
      for (int round = 0; round < rounds; round++) {
        metrics.add(files == null ? trainer.round(round) : trainer.round(round, files));
      }
      return new Run(metrics, TinyPolicies.weights(policy));
    }
  }

  private Path file(int round) {
    return dir.resolve(RolloutFiles.FOLDER).resolve(String.format("round-%06d.safetensors", round));
  }

  /** Trains and compares every metric of every round; returns the metrics. */
  private List<Map<String, Double>> check(TokenRewarder rewarder, int rounds, String... sets) throws IOException {
    List<Map<String, Double>> metrics = train(PpoSetting.of(sets), rewarder, rounds, dir).metrics();
    for (int round = 0; round < rounds; round++) {
      RolloutOracle.assertSame(RolloutOracle.metrics(file(round + 1)), metrics.get(round));
    }
    return metrics;
  }

  @Test
  void everyMetricOfTheDefaultsFollows() throws IOException {
    List<Map<String, Double>> metrics = check(PpoSetting::manyRewards, 3, "policy.epochs=2", "policy.optimizer.learning_rate=0.02",
        "policy.kl_target=1", "policy.kl_horizon=100", "policy.critic_warmup=1");
    assertEquals(0, metrics.get(0).get("lr"), "the critic's warm-up");
    assertTrue(metrics.get(2).get("policy/clipfrac_avg") > 0, "some tokens are clipped, or the test has no teeth");
  }

  @Test
  void everyMetricFollowsWithMaskedTokensAndUnevenMiniBatches() throws IOException {
    for (String aggregation : List.of("token_mean", "seq_mean_token_mean", "seq_mean_token_sum")) {
      check(PpoSetting::manyRewards, 2, "policy.epochs=2", "policy.optimizer.learning_rate=0.05", "policy.only_labelled_tokens=true",
          "policy.entropy_coef=0.05", "policy.batch_size=3", "policy.compute.micro_batch_size=2", "policy.whiten=false",
          "policy.clip_high=0.3", "policy.dual_clip=1.2", "policy.kl_estimator=k3", "policy.gamma=0.9", "policy.value_clip=0",
          "policy.aggregation=" + aggregation);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"sampling.temperature=1e-4", "sampling.temperature=1e4", "policy.kl_coef=1e6", "policy.kl_coef=0", "policy.alpha=0",
      "policy.alpha=1000", "policy.gamma=0 policy.lambda=0", "policy.lambda=1", "policy.clip_low=0 policy.clip_high=0",
      "policy.clip_low=1 policy.clip_high=1e30", "policy.dual_clip=1.0001", "policy.entropy_coef=1e6", "policy.value_clip=1e30",
      "policy.value_clip=1e-6", "policy.optimizer.beta1=0.999999 policy.optimizer.beta2=0.9999999999 policy.optimizer.epsilon=1e-30"})
  void everyMetricFollowsWithExtremeSettings(String sets) throws IOException {
    List<String> all = new ArrayList<>(List.of("policy.epochs=2", "policy.optimizer.learning_rate=0.01"));
    all.addAll(List.of(sets.split(" ")));
    for (Map<String, Double> metrics : check(PpoSetting::manyRewards, 2, all.toArray(String[]::new))) {
      assertEquals(0, metrics.get("steps_skipped"));
      assertEquals(0, metrics.get("policy/bad_rows"));
    }
  }

  @Test
  void everyMetricFollowsWithAScoreAtTheEnd() throws IOException {
    List<Map<String, Double>> metrics = check(responses -> {
      float[] scores = new float[responses.size()];
      for (int b = 0; b < scores.length; b++) {
        scores[b] = responses.get(b).ids().length % 3 - 1;
      }
      int n = responses.stream().mapToInt(r -> r.ids().length).sum();
      return new TokenRewarder.Rewards(new float[n], scores, new int[n]);
    }, 2, "policy.epochs=3", "policy.optimizer.learning_rate=0.02", "policy.length_penalty=false", "sampling.max_new_tokens=5");
    assertTrue(metrics.get(1).get("objective/scores_std") > 0);
  }

  /** Responses of one token; mini-batches in which nothing counts; rewards that are not finite. */
  @Test
  void everyMetricFollowsWhereStepsAreSkipped() throws IOException {
    check(PpoSetting::manyRewards, 2, "sampling.max_new_tokens=1", "policy.batch_size=1");
    List<Map<String, Double>> some = check(responses -> {
      TokenRewarder.Rewards rewards = PpoSetting.manyRewards(responses);
      Arrays.fill(rewards.classes(), responses.get(0).ids().length, rewards.classes().length, 0);
      rewards.classes()[0] = 2;
      return rewards;
    }, 2, "policy.only_labelled_tokens=true", "policy.batch_size=2");
    assertEquals(3, some.get(0).get("steps_skipped"), "only the first response has tokens that count");
    List<Map<String, Double>> none = check(responses -> {
      int n = responses.stream().mapToInt(r -> r.ids().length).sum();
      return new TokenRewarder.Rewards(new float[n], null, new int[n]);
    }, 2, "policy.only_labelled_tokens=true", "policy.batch_size=4");
    assertEquals(2, none.get(0).get("steps_skipped"));
    List<Map<String, Double>> bad = check(responses -> {
      TokenRewarder.Rewards rewards = PpoSetting.manyRewards(responses);
      rewards.perToken()[0] = Float.NaN;
      return rewards;
    }, 1, "policy.whiten=false", "policy.batch_size=4");
    assertTrue(bad.get(0).get("policy/bad_rows") > 0 && bad.get(0).get("steps_skipped") == 2, bad.toString());
  }

  @Test
  void theFilesChangeNoBit() throws IOException {
    PpoSetting setting = PpoSetting.of("policy.epochs=2", "policy.optimizer.learning_rate=0.02", "policy.batch_size=3");
    Run with = train(setting, PpoSetting::manyRewards, 2, dir);
    Run without = train(setting, PpoSetting::manyRewards, 2, null);
    assertEquals(without.metrics(), with.metrics());
    without.weights().forEach((name, values) -> assertArrayEquals(values, with.weights().get(name), name));
  }

  /** Names, sizes and types as docs/rollouts.md has them. */
  @Test
  void tensorsHaveTheShapesThatAreDocumented() throws IOException {
    train(PpoSetting.of("policy.epochs=2", "policy.batch_size=3"), PpoSetting::manyRewards, 1, dir);
    SafeTensors tensors = SafeTensors.open(file(1));
    String doc = Files.readString(Path.of("..", "..", "docs", "rollouts.md"));
    long responses = PpoSetting.PROMPTS;
    long tokens = tensors.entry("response_ids").shape()[0];
    for (String name : tensors.names()) {
      SafeTensors.Entry entry = tensors.entry(name);
      String[] row = doc.lines().map(line -> line.split("\\|")).filter(cells -> cells.length > 4 && cells[1].contains("`" + name + "`"))
          .findFirst().orElseThrow(() -> new AssertionError(name));
      String type = switch (entry.dtype().intern()) {
        case Float -> "F32";
        case Double -> "F64";
        case Int -> "I32";
        default -> "U8";
      };
      assertEquals(type, row[2].strip(), name);
      long expected = switch (row[3].strip()) {
        case "[B]" -> responses;
        case "[B + 1]" -> responses + 1;
        case "[T]" -> tokens;
        case "[M]" -> 6;
        case "[M + 1]" -> 7;
        case "[epochs B]" -> 2 * responses;
        case "[U]" -> 2 * tokens; // every mini-batch has a token that counts
        case "[P]" -> entry.shape()[0];
        default -> throw new AssertionError(name + ": " + row[3]);
      };
      assertArrayEquals(new long[] {expected}, entry.shape(), name);
    }
    try (Tensor prompts = tensors.read("prompt_cu_seqlens")) {
      assertEquals(tensors.entry("prompt_ids").shape()[0], Tensors.toLongs(prompts)[(int) responses]);
    }
  }

  /** A run that goes on from round 1 has no file of a round that it has yet to run, whole or torn. */
  @Test
  void filesOfRoundsThatWillBeRunAgainAreDeleted() throws IOException {
    PpoSetting setting = PpoSetting.of();
    train(setting, PpoSetting::manyRewards, 3, dir);
    byte[] second = Files.readAllBytes(file(2));
    Files.writeString(file(4).resolveSibling(file(4).getFileName() + ".tmp"), "torn");
    Files.writeString(dir.resolve(RolloutFiles.FOLDER).resolve("notes.txt"), "the user's own");
    new RolloutFiles(dir).keep(1);
    try (Stream<Path> left = Files.list(dir.resolve(RolloutFiles.FOLDER))) {
      assertEquals(List.of("notes.txt", file(1).getFileName().toString()), left.map(f -> f.getFileName().toString()).sorted().toList());
    }
    train(setting, PpoSetting::manyRewards, 2, dir);
    assertArrayEquals(second, Files.readAllBytes(file(2)));
    new RolloutFiles(dir.resolve("none")).keep(0);
  }
}
