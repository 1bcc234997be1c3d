// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.reward;

import io.github.tppo.eval.RocAuc;
import io.github.tppo.kernels.RewardModelLossStats;
import io.github.tppo.model.AdamW;
import io.github.tppo.model.Autograd;
import io.github.tppo.model.Longformer;
import io.github.tppo.model.Scope;
import io.github.tppo.model.StepResult;
import io.github.tppo.model.Tensors;
import io.github.tppo.model.Workers;
import io.github.tppo.policy.BatchParts;
import io.github.tppo.policy.Optimizers;
import io.github.tppo.policy.Permutation;
import io.github.tppo.run.RewardConfig;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Trains the token-level reward model on labelled responses: local and global loss over the balanced tokens (SPEC 4). */
public final class TokenRewardTrainer implements AutoCloseable {
  private static final int BUCKET_WINDOW = 32;
  private static final int EVAL_BATCH = 128;
  /** Parts of a batch that run side by side: fixed, so that results do not depend on the number of threads. */
  private static final int PARTS = 2;

  private final Longformer model;
  private final List<Longformer> replicas = new ArrayList<>();
  private final int padId;
  private final RewardConfig config;
  private final List<RewardSample> data;
  private final int[] lengths;
  private final long seed;
  private final AdamW optimizer;
  private final long batchesPerEpoch;
  private final long totalSteps;
  private int[][] batches;
  private long batchesOfEpoch = -1;

  /** @param model is trained in place */
  public TokenRewardTrainer(Longformer model, int padId, RewardConfig config, List<RewardSample> data, long seed) {
    if (data.isEmpty()) {
      throw new IllegalArgumentException("no labelled responses");
    }
    this.model = model;
    for (int i = 1; i < PARTS; i++) {
      replicas.add(model.replica());
    }
    this.padId = padId;
    this.config = config;
    this.data = data;
    this.lengths = data.stream().mapToInt(s -> s.input().ids().length).toArray();
    this.seed = seed;
    this.optimizer = new AdamW(model.parameters(), Optimizers.options(config.optimizer()));
    this.batchesPerEpoch = (data.size() + config.batchSize() - 1) / config.batchSize();
    this.totalSteps = (long) Math.ceil(config.epochs() * batchesPerEpoch);
  }

  /** Optimiser steps in all. */
  public long totalSteps() {
    return totalSteps;
  }

  /** One optimiser step; {@code step} counts from 0. */
  public Map<String, Double> step(long step) {
    long epoch = step / batchesPerEpoch;
    if (epoch != batchesOfEpoch) {
      batches = Permutation.bucketed(lengths, config.batchSize(), BUCKET_WINDOW, seed, epoch);
      batchesOfEpoch = epoch;
    }
    List<RewardSample> samples =
        Arrays.stream(batches[(int) (step % batchesPerEpoch)]).mapToObj(data::get).toList();
    double rate = config.optimizer().rate(step, totalSteps);
    optimizer.zeroGrad();
    RewardModelLossStats stats = backward(samples, step);
    StepResult result = optimizer.step(rate);
    if (!result.applied()) {
      throw new ArithmeticException("train-reward: the gradient norm of step " + step
          + " is not finite; lower reward.optimizer.learning_rate");
    }
    Map<String, Double> metrics = new LinkedHashMap<>();
    metrics.put("loss/reward", stats.loss());
    metrics.put("loss/reward_local", stats.local());
    metrics.put("loss/reward_global", stats.global());
    metrics.put("reward/accuracy", stats.correct() / Math.max(1, stats.valid()));
    metrics.put("reward/valid_tokens", stats.valid());
    metrics.put("reward/grad_norm", result.gradNorm());
    metrics.put("lr", rate);
    return metrics;
  }

  /** The parts of a batch side by side on replicas; their gradients are added up in a fixed order. */
  private RewardModelLossStats backward(List<RewardSample> samples, long step) {
    RewardTargets targets = RewardTargets.balanced(samples, config, seed, step);
    List<List<RewardSample>> parts = BatchParts.of(samples, PARTS);
    RewardModelLossStats[] stats = new RewardModelLossStats[parts.size()];
    List<Runnable> tasks = new ArrayList<>();
    int first = 0;
    for (int i = 0; i < parts.size(); i++) {
      int part = i;
      int firstSample = first;
      tasks.add(() -> stats[part] = backward(part == 0 ? model : replicas.get(part - 1), parts.get(part), targets, firstSample));
      first += parts.get(i).size();
    }
    Workers.run(tasks);
    RewardModelLossStats sum = stats[0];
    for (int i = 1; i < stats.length; i++) {
      Autograd.moveGradients(replicas.get(i - 1).parameters(), model.parameters());
      sum = sum.plus(stats[i]);
    }
    return sum;
  }

  private RewardModelLossStats backward(Longformer replica, List<RewardSample> samples, RewardTargets targets, int firstSample) {
    try (Scope scope = Scope.withGrad()) {
      RewardBatch batch = new RewardBatch(samples.stream().map(RewardSample::input).toList());
      Tensor logits = batch.logits(replica, padId);
      Tensor gradient = Tensors.empty(ScalarType.Float, batch.tokens(), 3);
      RewardModelLossStats stats = targets.loss(batch, firstSample, Tensors.view(logits.detach()), Tensors.view(gradient));
      Autograd.backward(logits, gradient);
      return stats;
    }
  }

  /** What the model is worth on responses that it was not trained on. */
  public record Quality(double loss, double localLoss, double globalLoss, double aucWeighted, double aucRelevant,
      double accuracy, long tokens) {}

  /**
   * Measures loss and areas under the ROC curve on other responses, without balance mask.
   * {@code aucWeighted} is the frequency-weighted one-vs-rest area over all scored tokens; {@code aucRelevant} that of
   * relevant against irrelevant tokens among those of class 1 and 2, which separators cannot flatter.
   */
  public Quality evaluate(List<RewardSample> samples) {
    List<float[]> probabilities = new ArrayList<>();
    List<int[]> labels = new ArrayList<>();
    double loss = 0;
    double local = 0;
    double global = 0;
    double correct = 0;
    for (int from = 0; from < samples.size(); from += EVAL_BATCH) {
      List<RewardSample> part = samples.subList(from, Math.min(samples.size(), from + EVAL_BATCH));
      RewardBatch batch = new RewardBatch(part.stream().map(RewardSample::input).toList());
      try (Scope scope = Scope.noGrad()) {
        Tensor logits = batch.logits(model, padId);
        RewardModelLossStats stats = RewardTargets.all(part, config).loss(batch, 0, Tensors.view(logits), null);
        double share = part.size() / (double) samples.size();
        loss += share * stats.loss();
        local += share * stats.local();
        global += share * stats.global();
        correct += stats.correct();
        probabilities.add(Tensors.toFloats(logits.softmax(1)));
      }
      part.forEach(s -> labels.add(s.classes()));
    }
    float[] p = concat(probabilities);
    int[] y = labels.stream().flatMapToInt(Arrays::stream).toArray();
    return new Quality(loss, local, global, RocAuc.weightedOneVsRest(p, y, 3), relevantAuc(p, y),
        correct / Math.max(1, y.length), y.length);
  }

  private static double relevantAuc(float[] probabilities, int[] labels) {
    int[] content = IntStream.range(0, labels.length).filter(i -> labels[i] > 0).toArray();
    float[] scores = new float[content.length];
    boolean[] relevant = new boolean[content.length];
    for (int k = 0; k < content.length; k++) {
      float p1 = probabilities[content[k] * 3 + 1];
      float p2 = probabilities[content[k] * 3 + 2];
      scores[k] = p2 / Math.max(Float.MIN_NORMAL, p1 + p2);
      relevant[k] = labels[content[k]] == 2;
    }
    return RocAuc.binary(scores, relevant);
  }

  private static float[] concat(List<float[]> parts) {
    float[] all = new float[parts.stream().mapToInt(p -> p.length).sum()];
    int at = 0;
    for (float[] part : parts) {
      System.arraycopy(part, 0, all, at, part.length);
      at += part.length;
    }
    return all;
  }

  /** The optimiser, whose state belongs to a checkpoint. */
  public AdamW optimizer() {
    return optimizer;
  }

  @Override
  public void close() {
    replicas.forEach(Longformer::close);
    optimizer.close();
  }
}
