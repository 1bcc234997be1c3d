// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.policy;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.tppo.model.SafeTensors;
import io.github.tppo.model.Tensors;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;

/**
 * The metrics of a round by their definitions and in float64, from the file of its rollout and from nothing else. On the way it checks
 * that what the file holds fits together: rewards follow from token rewards and log-probabilities, advantages from rewards and values.
 */
public final class RolloutOracle {
  /** Numbers of the file were rounded to float32 once or twice, those of the metrics not. */
  private static final double ROUNDING = 2e-6;

  private final Map<String, double[]> arrays = new HashMap<>();
  private final Map<String, String> settings;
  private final int n;
  private final int[] cu;
  private final double[] mask;
  private final double[] lwp;
  private final Map<String, Double> metrics = new LinkedHashMap<>();

  private RolloutOracle(Path file) throws IOException {
    SafeTensors tensors = SafeTensors.open(file);
    for (String name : tensors.names()) {
      try (Tensor tensor = tensors.read(name)) {
        arrays.put(name, Tensors.toDoubles(tensor));
      }
    }
    settings = tensors.metadata();
    cu = ints("cu_seqlens");
    n = cu.length - 1;
    mask = array("mask");
    lwp = new double[mask.length];
  }

  /** What metrics.jsonl should say of the round, without step and time and what is measured apart from it ({@code eval/}). */
  public static Map<String, Double> metrics(Path file) throws IOException {
    RolloutOracle oracle = new RolloutOracle(file);
    oracle.rewards();
    oracle.advantages();
    oracle.updates();
    return oracle.metrics;
  }

  /** The names are the same, and the values but for rounding: {@code 2e-6} relative, or of 0.01 for a smaller one. */
  public static void assertSame(Map<String, Double> expected, Map<String, Double> logged) {
    assertEquals(expected.keySet(), logged.keySet());
    expected.forEach((name, value) -> assertEquals(value, logged.get(name), tolerance(ROUNDING, 0.01, value), name));
  }

  private double[] array(String name) {
    return arrays.get(name);
  }

  private int[] ints(String name) {
    return Arrays.stream(array(name)).mapToInt(x -> (int) x).toArray();
  }

  private double number(String name) {
    return Double.parseDouble(settings.get(name));
  }

  /** A log-ratio as the kernels take it. */
  private static double clamped(double logRatio) {
    return Math.max(-20, Math.min(20, logRatio));
  }

  private double kl(int i) {
    double d = Math.max(-20, Math.min(20, array("old_logprobs")[i] - array("ref_logprobs")[i]));
    return switch (settings.get("kl_estimator")) {
      case "k1" -> d;
      case "k2" -> d * d / 2;
      default -> Math.exp(-d) - 1 + d;
    };
  }

  private void rewards() {
    double[] terminal = arrays.getOrDefault("terminal_rewards", new double[n]);
    double[] scores = new double[n];
    double[] sums = new double[4]; // tokens, KL, entropy, tokens beyond the suggested length
    double[] classes = new double[3];
    double lwpSum = 0;
    double ends = 0;
    double total = 0;
    int[] ids = ints("response_ids");
    for (int b = 0; b < n; b++) {
      assertEquals(cu[b + 1] - cu[b], array("lengths")[b]);
      int last = -1;
      for (int i = cu[b]; i < cu[b + 1]; i++) {
        last = mask[i] != 0 ? i : last;
      }
      for (int i = cu[b]; i < cu[b + 1]; i++) {
        classes[(int) array("classes")[i]]++;
        if (mask[i] == 0) {
          continue;
        }
        int position = i - cu[b] + 1;
        double beyond = position - number("suggested_length");
        lwp[i] = settings.get("length_penalty").equals("true") ? 1 / (1 + Math.exp(number("alpha") * beyond - 6)) : 1;
        double shaped = lwp[i] * array("token_rewards")[i];
        double end = i == last ? terminal[b] : 0;
        double reward = shaped - number("kl_coef") * kl(i) + end;
        near(shaped, "shaped_rewards", i);
        near(kl(i), "kl", i);
        near(reward, "rewards", i);
        scores[b] += shaped + end;
        total += reward;
        lwpSum += lwp[i];
        add(sums, 1, array("old_logprobs")[i] - array("ref_logprobs")[i], array("entropies")[i], beyond > 0 ? 1 : 0);
      }
      near(scores[b], "scores", b);
      boolean end = ids[cu[b + 1] - 1] == (int) number("eos_id");
      assertEquals(end ? 1 : 0, array("finished")[b]);
      ends += end ? 1 : 0;
    }
    double tokens = Math.max(1, sums[0]);
    double mean = Arrays.stream(scores).average().orElseThrow();
    double squares = Arrays.stream(scores).map(s -> (s - mean) * (s - mean)).sum();
    metrics.put("objective/kl", sums[1] / n);
    metrics.put("objective/entropy", sums[2] / tokens);
    metrics.put("objective/scores", mean);
    metrics.put("objective/scores_std", n < 2 ? 0 : Math.sqrt(squares / (n - 1)));
    metrics.put("objective/non_score_reward", total / n - mean);
    metrics.put("objective/rlhf_reward", total / n);
    metrics.put("objective/kl_coef", number("kl_coef"));
    metrics.put("reward/lwp_mean", lwpSum / tokens);
    if (classes[1] + classes[2] > 0) {
      metrics.put("reward/token_relevant_frac", classes[2] / (classes[1] + classes[2]));
      metrics.put("reward/token_irrelevant_frac", classes[1] / (classes[1] + classes[2]));
    }
    metrics.put("reward/beyond_suggested_frac", sums[3] / tokens);
    metrics.put("response/length_mean", mask.length / (double) n);
    metrics.put("val/num_eos_tokens", ends);
    metrics.put("lr", number("lr"));
    metrics.put("episode", number("episode"));
  }

  /** GAE backwards over the tokens that count, then whitening. */
  private void advantages() {
    double[] advantages = new double[mask.length];
    double[] sums = new double[3];
    double largest = 1; // the kernel's error is relative to the largest of a sequence
    for (int b = 0; b < n; b++) {
      double nextValue = 0;
      double next = 0;
      for (int i = cu[b + 1] - 1; i >= cu[b]; i--) {
        if (mask[i] != 0) {
          next = array("rewards")[i] + number("gamma") * nextValue - array("values")[i] + number("gamma") * number("lambda") * next;
          nextValue = array("values")[i];
          advantages[i] = next;
          largest = Math.max(largest, Double.isNaN(next) ? 0 : Math.abs(next));
          add(sums, 1, next, next * next);
        }
      }
    }
    double mean = sums[1] / Math.max(1, sums[0]);
    double variance = sums[0] < 2 ? 0 : (sums[2] - sums[0] * mean * mean) / (sums[0] - 1);
    boolean whiten = settings.get("whiten").equals("true");
    double shift = whiten ? mean : 0;
    double scale = whiten ? 1 / Math.sqrt(variance + 1e-8) : 1;
    double error = tolerance(1e-6, 10, largest);
    for (int i = 0; i < mask.length; i++) {
      double expected = mask[i] == 0 ? 0 : (advantages[i] - shift) * scale;
      assertEquals(expected, array("advantages")[i], tolerance(1, 1e-5, error * scale), "advantages " + i);
      assertEquals(mask[i] == 0 ? 0 : advantages[i] + array("values")[i], array("returns")[i], error, "returns " + i);
    }
  }

  private void updates() {
    int[] responses = ints("update_responses");
    int[] cuResponses = ints("update_cu_responses");
    int[] cuTokens = ints("update_cu_tokens");
    boolean train = arrays.containsKey("update_logprobs");
    double[] policy = new double[10];
    double[] value = new double[6];
    double losses = 0;
    double valueLosses = 0;
    double steps = 0;
    double skipped = 0;
    double first = Double.NaN;
    for (int m = 0; m + 1 < cuResponses.length; m++) {
      int[] rows = Arrays.copyOfRange(responses, cuResponses[m], cuResponses[m + 1]);
      if (cuTokens[m] == cuTokens[m + 1]) {
        skipped++;
        continue;
      }
      steps++;
      skipped += 1 - array("update_critic_applied")[m] + (train ? 1 - array("update_policy_applied")[m] : 0);
      double[] step = new double[10];
      losses += train ? policyLoss(rows, cuTokens[m], step) : 0;
      add(policy, step);
      first = Double.isNaN(first) ? step[7] + Math.abs(step[8]) + Math.abs(step[3]) : first;
      double[] of = new double[6];
      valueLosses += valueLoss(rows, cuTokens[m], of);
      add(value, of);
    }
    metrics.put("steps_skipped", skipped);
    if (train) {
      double valid = Math.max(1, policy[0]);
      metrics.put("loss/policy_avg", losses / steps);
      metrics.put("policy/clipfrac_avg", policy[2] / valid);
      metrics.put("policy/approxkl_avg", policy[3] / valid);
      metrics.put("policy/entropy_avg", policy[4] / valid);
      metrics.put("policy/grad_norm", Arrays.stream(array("update_grad_norms")).sum() / steps);
      metrics.put("policy/first_batch_off_policy", first);
      metrics.put("policy/clamped", policy[6]);
      metrics.put("policy/bad_rows", policy[9]);
      metrics.put("val/ratio", policy[5] / valid);
    }
    if (steps > 0) {
      double tokens = value[0];
      double variance = value[3] / tokens - Math.pow(value[2] / tokens, 2);
      metrics.put("loss/value_avg", valueLosses / steps);
      metrics.put("val/clipfrac_avg", value[4] / tokens);
      metrics.put("val/mean", value[1] / tokens);
      metrics.put("val/explained_variance", variance > 0 ? 1 - value[5] / tokens / variance : Double.NaN);
    }
  }

  /** Sums: tokens, objective, clipped, k3, entropy, ratio, clamped, outside, k1, bad tokens. Returns the loss. */
  private double policyLoss(int[] rows, int at, double[] sums) {
    double low = 1 - number("clip_low");
    double high = 1 + number("clip_high");
    double dual = number("dual_clip");
    double loss = 0;
    double tokens = 0;
    double sequences = 0;
    for (int b : rows) {
      double count = 0;
      double terms = 0;
      for (int i = cu[b]; i < cu[b + 1]; i++, at++) {
        if (mask[i] == 0) {
          assertEquals(0, array("update_logprobs")[at]);
          continue;
        }
        count++;
        double ratioLog = array("update_logprobs")[at] - array("old_logprobs")[i];
        double d = clamped(ratioLog);
        double toReference = array("update_logprobs")[at] - array("ref_logprobs")[i];
        boolean held = d != ratioLog || clamped(toReference) != toReference;
        double ratio = Math.exp(d);
        assertEquals(ratio, array("update_ratios")[at], tolerance(ROUNDING, 0, ratio));
        double a = array("advantages")[i];
        double entropy = array("update_entropies")[at];
        double objective = Math.min(ratio * a, Math.max(low, Math.min(high, ratio)) * a);
        objective = dual > 0 && a < 0 ? Math.max(objective, dual * a) : objective;
        double term = -objective - number("entropy_coef") * entropy;
        if (Double.isNaN(term)) {
          sums[9]++;
          continue;
        }
        terms += term;
        boolean clipped = a > 0 && ratio > high || a < 0 && ratio < low;
        add(sums, 1, objective, clipped ? 1 : 0, ratio - 1 - d, entropy, ratio, held ? 1 : 0, ratio > high || ratio < low ? 1 : 0, -d);
      }
      tokens += count;
      sequences += count > 0 ? 1 : 0;
      loss += settings.get("aggregation").equals("seq_mean_token_mean") ? terms / Math.max(1, count) : terms;
    }
    return loss / (settings.get("aggregation").equals("token_mean") ? tokens : sequences);
  }

  /** Sums: tokens, values, returns, squared returns, clipped, squared errors. Returns the loss. */
  private double valueLoss(int[] rows, int at, double[] sums) {
    double clip = number("value_clip");
    double loss = 0;
    for (int b : rows) {
      for (int i = cu[b]; i < cu[b + 1]; i++, at++) {
        if (mask[i] != 0) {
          double v = array("update_values")[at];
          double target = array("returns")[i];
          double old = array("values")[i];
          double error = (v - target) * (v - target);
          double near = clip > 0 ? Math.max(old - clip, Math.min(old + clip, v)) : v;
          double clipped = (near - target) * (near - target);
          loss += 0.5 * Math.max(error, clipped);
          add(sums, 1, v, target, target * target, clipped > error ? 1 : 0, error);
        }
      }
    }
    return loss / sums[0];
  }

  private void near(double expected, String name, int i) {
    assertEquals(expected, array(name)[i], tolerance(1e-5, 1, expected), name + " " + i);
  }

  /** NaN agrees with NaN, whatever the tolerance, which must be a number. */
  private static double tolerance(double relative, double least, double of) {
    return relative * (Double.isNaN(of) ? 1 : Math.max(least, Math.abs(of)));
  }

  private static void add(double[] sums, double... terms) {
    for (int i = 0; i < terms.length; i++) {
      sums[i] += terms[i];
    }
  }
}
