// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.policy;

import io.github.tppo.kernels.Kernels;
import io.github.tppo.kernels.NativeArray;
import io.github.tppo.kernels.NllLossOptions;
import io.github.tppo.kernels.NllLossOutputs;
import io.github.tppo.kernels.NllLossStats;
import io.github.tppo.kernels.TokenLayout;
import io.github.tppo.model.AdamW;
import io.github.tppo.model.Autograd;
import io.github.tppo.model.Decoder;
import io.github.tppo.model.Scope;
import io.github.tppo.model.StepResult;
import io.github.tppo.model.Workers;
import io.github.tppo.run.SftConfig;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;

/** Supervised fine-tuning: next-token likelihood of the true queries, and in part of the prompt. */
public final class SftTrainer implements AutoCloseable {
  /** Batches whose sequences are sorted by length together. */
  private static final int BUCKET_WINDOW = 32;

  /** Parts of a batch that run side by side: fixed, so that results do not depend on the number of threads. */
  private static final int PARTS = 2;

  private final Decoder policy;
  private final List<Decoder> replicas = new ArrayList<>();
  private final int padId;
  private final SftConfig config;
  private final List<Sequence> data;
  private final int[] lengths;
  private final long seed;
  private final AdamW optimizer;
  private final long batchesPerEpoch;
  private final long totalSteps;
  private int[][] batches;
  private long batchesOfEpoch = -1;

  /**
   * @param policy is trained in place
   * @param data prompts with their true responses
   */
  public SftTrainer(Decoder policy, int padId, SftConfig config, List<Sequence> data, long seed) {
    if (data.isEmpty()) {
      throw new IllegalArgumentException("no training examples: the log has no user with enough queries");
    }
    this.policy = policy;
    for (int i = 1; i < PARTS; i++) {
      replicas.add(policy.replica());
    }
    this.padId = padId;
    this.config = config;
    this.data = data;
    this.lengths = data.stream().mapToInt(Sequence::length).toArray();
    this.seed = seed;
    this.optimizer = new AdamW(policy.trainable(), Optimizers.options(config.optimizer()));
    this.batchesPerEpoch = (data.size() + config.batchSize() - 1) / config.batchSize();
    long byEpochs = (long) Math.ceil(config.epochs() * batchesPerEpoch);
    this.totalSteps = config.maxSteps() > 0 ? Math.min(byEpochs, config.maxSteps()) : byEpochs;
  }

  /** Optimiser steps in all. */
  public long totalSteps() {
    return totalSteps;
  }

  /** One optimiser step; {@code step} counts from 0 and decides the batch and the learning rate. */
  public Map<String, Double> step(long step) {
    long epoch = step / batchesPerEpoch;
    if (epoch != batchesOfEpoch) {
      batches = Permutation.bucketed(lengths, config.batchSize(), BUCKET_WINDOW, seed, epoch);
      batchesOfEpoch = epoch;
    }
    List<Sequence> sequences = new ArrayList<>();
    for (int i : batches[(int) (step % batchesPerEpoch)]) {
      sequences.add(data.get(i));
    }
    double rate = config.optimizer().rate(step, totalSteps);
    optimizer.zeroGrad();
    Loss loss = backward(sequences);
    StepResult result = optimizer.step(rate);
    if (!result.applied()) {
      throw new ArithmeticException("sft: the gradient norm of step " + step + " is not finite; lower sft.optimizer.learning_rate");
    }
    Map<String, Double> metrics = new LinkedHashMap<>();
    metrics.put("loss/sft", loss.stats.loss());
    metrics.put("sft/response_nll", loss.responseNll());
    metrics.put("sft/entropy_avg", loss.stats.entropy() / Math.max(1, loss.stats.valid()));
    metrics.put("policy/grad_norm", result.gradNorm());
    metrics.put("lr", rate);
    metrics.put("sft/tokens", (double) sequences.stream().mapToInt(Sequence::length).sum());
    return metrics;
  }

  /** The parts of a batch side by side on replicas; their gradients are added up in a fixed order. */
  private Loss backward(List<Sequence> sequences) {
    double normalizer = 0;
    List<List<Sequence>> parts = BatchParts.of(sequences, PARTS);
    for (Sequence s : sequences) {
      normalizer += s.response().length + config.promptWeight() * (s.prompt().length - 1);
    }
    List<Loss> losses = new ArrayList<>();
    for (int i = 0; i < parts.size(); i++) {
      losses.add(new Loss(i == 0 ? policy : replicas.get(i - 1), parts.get(i), normalizer));
    }
    Workers.run(losses);
    Loss sum = losses.get(0);
    for (int i = 1; i < losses.size(); i++) {
      Autograd.moveGradients(replicas.get(i - 1).trainable(), policy.trainable());
      sum.add(losses.get(i));
    }
    return sum;
  }

  /** Mean negative log-likelihood of the response tokens of other examples, without training. */
  public double evaluate(List<Sequence> examples) {
    PolicyScorer.Scores scores = PolicyScorer.score(policy, padId, examples, 1.0, 64);
    double sum = 0;
    for (float logprob : scores.logprobs()) {
      sum -= logprob;
    }
    return sum / Math.max(1, scores.logprobs().length);
  }

  /** The optimiser, whose state belongs to a checkpoint. */
  public AdamW optimizer() {
    return optimizer;
  }

  @Override
  public void close() {
    replicas.forEach(Decoder::close);
    optimizer.close();
  }

  /** Loss and gradient of one part of a batch. */
  private final class Loss implements Runnable {
    private final Decoder model;
    private final List<Sequence> sequences;
    private final double normalizer;
    private NllLossStats stats;
    private double responseLogprob;
    private long responseTokens;

    Loss(Decoder model, List<Sequence> sequences, double normalizer) {
      this.model = model;
      this.sequences = sequences;
      this.normalizer = normalizer;
    }

    @Override
    public void run() {
      try (Scope scope = Scope.withGrad()) {
        backward();
      }
    }

    void add(Loss other) {
      stats = stats.plus(other.stats);
      responseLogprob += other.responseLogprob;
      responseTokens += other.responseTokens;
    }

    private void backward() {
      boolean all = config.promptWeight() > 0;
      SequenceBatch batch = all ? SequenceBatch.ofAllTokens(sequences) : SequenceBatch.ofResponses(sequences);
      float[] weights = new float[batch.tokens()];
      Arrays.fill(weights, 1);
      for (int b = 0; all && b < sequences.size(); b++) {
        int promptTokens = sequences.get(b).prompt().length - 1;
        Arrays.fill(weights, batch.cuSeqlens()[b], batch.cuSeqlens()[b] + promptTokens, (float) config.promptWeight());
      }
      NativeArray targets = NativeArray.ofLongs(batch.targets());
      NativeArray nativeWeights = NativeArray.ofFloats(weights);
      NativeArray logprobs = NativeArray.ofFloats(new float[batch.tokens()]);
      NllLossOptions options = NllLossOptions.defaults().withNormalizer(normalizer);
      Tensor rows = batch.scoredRows(model.hidden(batch.inputIds(padId), batch.attentionMask()));
      stats = LossHead.backward(rows, model.outputWeight(), layer -> Kernels.linearNllLoss(TokenLayout.flat(batch.tokens()), layer,
          targets, nativeWeights, options, NllLossOutputs.none().withLogprob(logprobs)));
      float[] values = logprobs.toFloats();
      for (int b = 0; b < sequences.size(); b++) {
        int end = batch.cuSeqlens()[b + 1];
        for (int i = end - sequences.get(b).response().length; i < end; i++) {
          responseLogprob += values[i];
          responseTokens++;
        }
      }
    }

    double responseNll() {
      return -responseLogprob / Math.max(1, responseTokens);
    }
  }
}
