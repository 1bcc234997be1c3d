// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.policy;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.tppo.kernels.Kernels;
import io.github.tppo.model.AdamW;
import io.github.tppo.model.Decoder;
import io.github.tppo.model.Tensors;
import io.github.tppo.model.TrainingState;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Every logged metric equals what is recomputed from the rollout, by other means (INVARIANTS 6). */
class PpoMetricsTest {
  @TempDir
  Path dir;

  @BeforeAll
  static void oneThread() {
    Tensors.setThreads(1);
    Kernels.setThreads(1);
  }

  @Test
  void ofTheDefaults() throws IOException {
    check(TinyPolicies.VOCAB, false, PpoSetting.of("policy.epochs=2", "policy.optimizer.learning_rate=0.02",
        "policy.kl_target=1", "policy.kl_horizon=100"));
  }

  @Test
  void withMaskedTokensEntropyBonusAndUnevenMiniBatches() throws IOException {
    check(TinyPolicies.VOCAB, true, PpoSetting.of("policy.epochs=2", "policy.optimizer.learning_rate=0.02",
        "policy.only_labelled_tokens=true", "policy.entropy_coef=0.05", "policy.batch_size=3", "policy.whiten=false",
        "policy.aggregation=seq_mean_token_mean", "policy.clip_high=0.3"));
  }

  /** So many tokens in the vocabulary that a mini-batch has to go in several chunks. */
  @Test
  void withALossInChunks() throws IOException {
    check(200_000, true, PpoSetting.of("policy.batch_size=8", "policy.aggregation=seq_mean_token_mean"));
  }

  private void check(int vocab, boolean sequenceMean, PpoSetting setting) throws IOException {
    try (Decoder policy = TinyPolicies.create(vocab, true, 1); Decoder reference = policy.copy();
        PpoTrainer trainer = setting.trainer(policy, reference, PpoSetting::manyRewards)) {
      trainer.round(0); // policy and critic part from where they started
      trainer.save(dir);
      try (Decoder twin = TinyPolicies.create(vocab, true, 5);
          AdamW optimizer = new AdamW(twin.parameters(), Optimizers.options(setting.policy().optimizer()));
          Critic critic = new Critic(reference.copy(), TinyPolicies.PAD, setting.policy().valueClip(),
              setting.policy().compute(), setting.policy().criticOptimizer())) {
        TrainingState.load(dir.resolve("policy"), twin.parameters(), optimizer);
        critic.load(dir.resolve("critic"));
        Map<String, Double> metrics = trainer.round(1);
        assertEquals(0, metrics.get("policy/first_batch_off_policy"));
        compare(metrics, setting, twin, optimizer, critic, reference, sequenceMean);
      }
    }
  }

  private static List<Prompt> promptsOfRoundOne() {
    int[] order = Permutation.of(PpoSetting.PROMPTS, Permutation.mix(17, 0x9707), 1);
    List<Prompt> prompts = PpoSetting.prompts();
    return Arrays.stream(order).mapToObj(prompts::get).toList();
  }

  private static void compare(Map<String, Double> metrics, PpoSetting setting, Decoder twin, AdamW optimizer, Critic critic,
      Decoder reference, boolean sequenceMean) {
    int epochs = setting.policy().epochs();
    int[][] first = Permutation.batches(PpoSetting.PROMPTS, setting.policy().batchSize(), 17, epochs);
    double beta = metrics.get("objective/kl_coef");
    RolloutCollector.Collected collected = setting.collector(twin, reference, critic, PpoSetting::manyRewards)
        .collect(promptsOfRoundOne(), all -> first, Permutation.mix(17, PpoTrainer.SAMPLES), PpoSetting.PROMPTS, beta);
    Rollout rollout = collected.rollout();
    fromRollout(metrics, rollout, beta, setting);

    PpoOracle oracle = new PpoOracle(setting);
    double[] policy = new double[7];
    double[] value = new double[7];
    int steps = 0;
    for (int epoch = 0; epoch < epochs; epoch++) {
      int[][] batches = epoch == 0 ? first
          : Permutation.batches(PpoSetting.PROMPTS, setting.policy().batchSize(), 17, epochs + epoch);
      for (int[] indices : batches) {
        PpoOracle.PolicyStep step = oracle.policy(twin, rollout, indices, sequenceMean);
        add(policy, step.loss(), step.gradNorm(), step.valid(), step.clipped(), step.k3(), step.entropy(), step.ratio());
        add(value, oracle.value(critic, rollout, indices));
        optimizer.step(setting.policy().optimizer().rate(1, setting.policy().steps()));
        critic.step(List.of(new Critic.Targets(rollout.batch(indices), rollout.gather(rollout.values(), indices),
            rollout.gather(rollout.returns(), indices), rollout.gather(rollout.valid(), indices))), setting.policy().criticOptimizer().rate(1, setting.policy().steps()));
        steps++;
      }
    }
    close(policy[0] / steps, metrics, "loss/policy_avg", 1e-3);
    close(policy[1] / steps, metrics, "policy/grad_norm", 5e-3);
    assertEquals(policy[3] / policy[2], metrics.get("policy/clipfrac_avg"), 1.01 / policy[2], "clipped: one may lie on the border");
    close(policy[4] / policy[2], metrics, "policy/approxkl_avg", 2e-2);
    close(policy[5] / policy[2], metrics, "policy/entropy_avg", 1e-3);
    close(policy[6] / policy[2], metrics, "val/ratio", 2e-3);
    close(value[0] / steps, metrics, "loss/value_avg", 1e-3);
    close(value[2] / value[1], metrics, "val/clipfrac_avg", 1e-2);
    close(value[3] / value[1], metrics, "val/mean", 1e-3);
    double variance = value[5] / value[1] - Math.pow(value[4] / value[1], 2);
    close(1 - value[6] / value[1] / variance, metrics, "val/explained_variance", 1e-3);
    assertTrue(epochs == 1 || policy[3] > 0, "some tokens are clipped, or the test has no teeth");
    assertEquals(0, metrics.get("steps_skipped"));
    assertEquals(0, metrics.get("policy/bad_rows"));
  }

  private static void fromRollout(Map<String, Double> metrics, Rollout rollout, double beta, PpoSetting setting) {
    int n = rollout.size();
    double tokens = 0;
    double kl = 0;
    double entropy = 0;
    double lwp = 0;
    double beyond = 0;
    double[] classes = new double[3];
    double[] scores = new double[n];
    double penalty = 0;
    int ends = 0;
    for (int b = 0; b < n; b++) {
      int[] ids = rollout.sequences().get(b).response();
      ends += ids[ids.length - 1] == TinyPolicies.EOS ? 1 : 0;
      for (int i = rollout.cuSeqlens()[b]; i < rollout.cuSeqlens()[b + 1]; i++) {
        classes[rollout.classes()[i]]++;
        if (rollout.valid()[i] != 0) {
          int position = i - rollout.cuSeqlens()[b] + 1;
          double factor = 1 / (1 + Math.exp(setting.policy().alpha() * (position - PpoSetting.SUGGESTED_LENGTH) - 6));
          tokens++;
          kl += rollout.oldLogprobs()[i] - (double) rollout.refLogprobs()[i];
          entropy += rollout.entropies()[i];
          lwp += factor;
          beyond += position > PpoSetting.SUGGESTED_LENGTH ? 1 : 0;
          scores[b] += rollout.rewards()[i] + beta * rollout.kl()[i];
          penalty -= beta * rollout.kl()[i];
        }
      }
    }
    double mean = Arrays.stream(scores).sum() / n;
    double squares = Arrays.stream(scores).map(s -> (s - mean) * (s - mean)).sum();
    close(kl / n, metrics, "objective/kl", 1e-5);
    close(entropy / tokens, metrics, "objective/entropy", 1e-5);
    close(mean, metrics, "objective/scores", 1e-5);
    close(Math.sqrt(squares / (n - 1)), metrics, "objective/scores_std", 1e-5);
    close(penalty / n, metrics, "objective/non_score_reward", 1e-4);
    close(mean + penalty / n, metrics, "objective/rlhf_reward", 1e-4);
    close(lwp / tokens, metrics, "reward/lwp_mean", 1e-5);
    close(beyond / tokens, metrics, "reward/beyond_suggested_frac", 1e-9);
    close(classes[2] / (classes[1] + classes[2]), metrics, "reward/token_relevant_frac", 1e-9);
    close(classes[1] / (classes[1] + classes[2]), metrics, "reward/token_irrelevant_frac", 1e-9);
    close(rollout.tokens() / (double) n, metrics, "response/length_mean", 1e-9);
    close(ends, metrics, "val/num_eos_tokens", 1e-9);
    assertEquals(2 * n, metrics.get("episode"), "this is the second round");
  }

  private static void add(double[] sums, double... terms) {
    for (int i = 0; i < terms.length; i++) {
      sums[i] += terms[i];
    }
  }

  private static void close(double expected, Map<String, Double> metrics, String name, double relative) {
    assertEquals(expected, metrics.get(name), relative * Math.max(0.05, Math.abs(expected)), name);
  }
}
