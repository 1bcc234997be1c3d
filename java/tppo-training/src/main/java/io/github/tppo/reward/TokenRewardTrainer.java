// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.reward;

import io.github.tppo.eval.RocAuc;
import io.github.tppo.kernels.BalanceMaskOptions;
import io.github.tppo.kernels.DType;
import io.github.tppo.kernels.Kernels;
import io.github.tppo.kernels.NativeArray;
import io.github.tppo.kernels.RewardModelLossOptions;
import io.github.tppo.kernels.RewardModelLossOutputs;
import io.github.tppo.kernels.RewardModelLossStats;
import io.github.tppo.kernels.TokenLayout;
import io.github.tppo.model.AdamW;
import io.github.tppo.model.Autograd;
import io.github.tppo.model.Longformer;
import io.github.tppo.model.Scope;
import io.github.tppo.model.StepResult;
import io.github.tppo.model.Tensors;
import io.github.tppo.policy.Optimizers;
import io.github.tppo.policy.Permutation;
import io.github.tppo.run.RewardConfig;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;

/** Trains the token-level reward model on labelled responses: local and global loss over the balanced tokens (SPEC 4). */
public final class TokenRewardTrainer implements AutoCloseable {
  private static final int BUCKET_WINDOW = 32;
  private static final int EVAL_BATCH = 128;

  private final Longformer model;
  private final int padId;
  private final RewardConfig config;
  private final List<RewardSample> data;
  private final int[] lengths;
  private final long seed;
  private final AdamW optimizer;
  private final long batchesPerEpoch;
  private final long totalSteps;

  /** @param model is trained in place */
  public TokenRewardTrainer(Longformer model, int padId, RewardConfig config, List<RewardSample> data, long seed) {
    if (data.isEmpty()) {
      throw new IllegalArgumentException("no labelled responses");
    }
    this.model = model;
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
    int[][] batches = Permutation.bucketed(lengths, config.batchSize(), BUCKET_WINDOW, seed, step / batchesPerEpoch);
    List<RewardSample> samples =
        Arrays.stream(batches[(int) (step % batchesPerEpoch)]).mapToObj(data::get).toList();
    double rate = config.optimizer().rate(step, totalSteps);
    try (Scope scope = Scope.withGrad()) {
      optimizer.zeroGrad();
      RewardBatch batch = new RewardBatch(samples.stream().map(RewardSample::input).toList());
      Tensor logits = batch.logits(model, padId);
      Tensor gradient = Tensors.empty(org.bytedeco.pytorch.global.torch.ScalarType.Float, batch.tokens(), 3);
      RewardModelLossStats stats = loss(batch, samples, Tensors.view(logits.detach()), Tensors.view(gradient), step);
      Autograd.backward(logits, gradient);
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
  }

  /** @param balanceStep number of the balance mask's draw; negative = no balance mask; gradient null = loss only */
  private RewardModelLossStats loss(RewardBatch batch, List<RewardSample> samples, NativeArray logits, NativeArray gradient,
      long balanceStep) {
    int n = batch.tokens();
    int[] labels = new int[n];
    byte[] labelled = new byte[n];
    float[] sentences = new float[samples.size()];
    for (int b = 0; b < samples.size(); b++) {
      int[] classes = samples.get(b).classes();
      System.arraycopy(classes, 0, labels, batch.cuSeqlens()[b], classes.length);
      sentences[b] = samples.get(b).sentence();
    }
    NativeArray nativeLabels = NativeArray.ofInts(labels);
    TokenLayout layout = TokenLayout.packed(n, NativeArray.ofInts(batch.cuSeqlens()));
    if (balanceStep >= 0) {
      NativeArray mask = NativeArray.allocate(DType.U8, n);
      Kernels.balanceMask(layout, nativeLabels, null,
          BalanceMaskOptions.defaults().withRho(config.balanceRatio()).withSeed(seed).withStep(balanceStep), mask);
      layout = layout.withMask(mask);
    }
    byte[] kept = layout.mask() == null ? null : layout.mask().toBytes();
    for (int i = 0; i < n; i++) {
      labelled[i] = (byte) (labels[i] > 0 && (kept == null || kept[i] != 0) ? 1 : 0);
    }
    NativeArray globalMask = config.globalTokens() == RewardConfig.GlobalTokens.LABELLED ? NativeArray.ofBytes(labelled) : null;
    RewardModelLossOptions options = RewardModelLossOptions.defaults()
        .withLocalReduction(config.localReduction()).withGlobalMode(config.globalMode())
        .withLocalWeight(config.localWeight()).withGlobalWeight(config.globalWeight())
        .withClassWeight0(config.classWeights().get(0)).withClassWeight1(config.classWeights().get(1))
        .withClassWeight2(config.classWeights().get(2));
    return Kernels.rewardModelLoss(layout, logits, nativeLabels, NativeArray.ofFloats(sentences), globalMask, options,
        RewardModelLossOutputs.none().withGradLogits(gradient));
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
        RewardModelLossStats stats = loss(batch, part, Tensors.view(logits), null, -1);
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
    int[] content = java.util.stream.IntStream.range(0, labels.length).filter(i -> labels[i] > 0).toArray();
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
    optimizer.close();
  }
}
