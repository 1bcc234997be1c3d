// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.report;

import io.github.tppo.run.MetricsWriter;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

/** Made-up metrics of all training stages, with the names that the stages write. */
final class SampleCurves {
  private final Random random;
  private final Path root;

  private SampleCurves(Path root, long seed) {
    this.root = root;
    this.random = new Random(100 + seed);
  }

  /** Writes the metrics of a run that trains these policies. */
  static void write(Path root, List<String> models, long seed) throws IOException {
    SampleCurves curves = new SampleCurves(root, seed);
    for (String model : List.of("ppo", "tppo", "printed")) {
      if (models.contains(model)) {
        curves.policy(Models.folder(model), !model.equals("ppo"), model.equals("tppo") ? 1.6 : 1.1);
      }
    }
    curves.reward("reward-token", true, 0.81);
    if (models.contains("ppo")) {
      curves.reward("reward-sentence", false, 0.74);
    }
    if (models.contains("dpo")) {
      curves.dpo();
    }
    try (MetricsWriter out = MetricsWriter.open(root.resolve("sft"))) {
      for (int s = 1; s <= 300; s++) {
        out.write(s, Map.of("sft/response_nll", 1.6 + 5 * Math.exp(-s / 60.0) + curves.noise(0.05)));
      }
    }
  }

  /** Writes the metrics of a policy, and of a reward model of its own, that differ from TPPO's in one setting. */
  static void ablation(Path root, String arm, double gain, boolean ownReward, long seed) throws IOException {
    SampleCurves curves = new SampleCurves(root, seed);
    curves.policy("ablation/" + arm + "/tppo", true, gain);
    if (ownReward) {
      curves.reward("ablation/" + arm + "/reward-token", true, 0.7 + 0.06 * gain);
    }
  }

  private double noise(double deviation) {
    return random.nextGaussian() * deviation;
  }

  private void reward(String folder, boolean token, double auc) throws IOException {
    try (MetricsWriter out = MetricsWriter.open(root.resolve(folder))) {
      for (int s = 1; s <= 400; s++) {
        double local = 0.5 + 0.6 * Math.exp(-s / 90.0);
        double global = 0.2 + 0.3 * Math.exp(-s / 120.0);
        Map<String, Double> m = new LinkedHashMap<>();
        m.put("loss/reward", 0.4 * local + 0.6 * global + noise(0.02));
        if (token) {
          m.put("loss/reward_local", local + noise(0.03));
          m.put("loss/reward_global", global + noise(0.02));
        }
        if (s % 50 == 0) {
          m.put("eval/loss", 0.4 * local + 0.6 * global + 0.02 + noise(0.004));
          m.put("eval/auc_weighted", auc - 0.25 * Math.exp(-s / 80.0) + noise(0.004));
          if (token) {
            m.put("eval/loss_local", local + 0.03);
            m.put("eval/loss_global", global + 0.02);
            m.put("eval/auc_relevant", auc - 0.04 - 0.25 * Math.exp(-s / 80.0));
          }
        }
        out.write(s, m);
      }
    }
  }

  private void dpo() throws IOException {
    try (MetricsWriter out = MetricsWriter.open(root.resolve("dpo"))) {
      for (int s = 1; s <= 200; s++) {
        double t = s / 200.0;
        Map<String, Double> m = new LinkedHashMap<>();
        m.put("loss/dpo", 0.69 - 0.2 * t + noise(0.01));
        m.put("rewards/chosen", 0.1 * t + noise(0.01));
        m.put("rewards/rejected", -0.6 * t + noise(0.02));
        m.put("rewards/margins", 0.7 * t + noise(0.02));
        m.put("rewards/accuracies", 0.5 + 0.3 * Math.sqrt(t) + noise(0.02));
        if (s % 50 == 0) {
          m.put("eval/judge_token_relevance", 20 + t + noise(0.5));
          m.put("eval/judge_sentence_relevance", 16 + t + noise(0.5));
        }
        out.write(s, m);
      }
    }
  }

  private void policy(String folder, boolean token, double gain) throws IOException {
    double scale = token ? 8 : 1; // a sum over tokens is on another scale than one score a response
    try (MetricsWriter out = MetricsWriter.open(root.resolve(folder))) {
      for (int s = 1; s <= 80; s++) {
        double t = s / 80.0;
        Map<String, Double> m = new LinkedHashMap<>();
        m.put("objective/kl", 3 * t * t * gain + Math.abs(noise(0.1)));
        m.put("objective/scores", scale * (1.2 + 0.3 * gain * t + noise(token ? 0.02 : 0.04)));
        m.put("objective/scores_std", scale * (0.4 - (token ? 0.12 : 0.05) * t + noise(0.004)));
        m.put("objective/entropy", 2.1 - 0.4 * t);
        m.put("reward/lwp_mean", 0.96 + 0.02 * t);
        m.put("reward/beyond_suggested_frac", 0.05 - 0.03 * t);
        if (token) {
          m.put("reward/token_relevant_frac", 0.2 + 0.1 * t);
          m.put("reward/token_irrelevant_frac", 0.8 - 0.1 * t);
        }
        m.put("response/length_mean", 24 + 2 * t * gain + noise(0.4));
        m.put("loss/policy_avg", -0.01 * t + noise(0.004));
        m.put("loss/value_avg", 0.6 * Math.exp(-3 * t) + 0.1);
        m.put("val/explained_variance", s == 1 ? Double.NaN : 0.6 * t);
        if (s % 10 == 0) {
          m.put("eval/judge_token_relevance", 20 + 2 * gain * t + noise(0.4));
          m.put("eval/judge_sentence_relevance", 16 + 2 * gain * t + noise(0.5));
        }
        out.write(s, m);
      }
    }
  }
}
