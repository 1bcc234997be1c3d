// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.policy;

import io.github.tppo.kernels.Kernels;
import io.github.tppo.kernels.NativeArray;
import io.github.tppo.kernels.NllLossOptions;
import io.github.tppo.kernels.NllLossOutputs;
import io.github.tppo.kernels.NllLossStats;
import io.github.tppo.kernels.TokenLayout;
import io.github.tppo.model.AdamW;
import io.github.tppo.model.Decoder;
import io.github.tppo.model.Pass;
import io.github.tppo.model.StepResult;
import io.github.tppo.model.TrainingState;
import io.github.tppo.run.SftConfig;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/** Supervised fine-tuning: next-token likelihood of the true queries, and in part of the prompt. Not thread safe. */
public final class SftTrainer implements AutoCloseable {
  private final Decoder policy;
  private final int padId;
  private final SftConfig config;
  private final EpochBatches<Sequence> batches;
  private final BatchGradient<Decoder> gradient;
  private final AdamW optimizer;
  private final SkippedSteps skips = new SkippedSteps("sft", "lower sft.optimizer.learning_rate");
  private final long totalSteps;

  /**
   * @param policy is trained in place
   * @param data prompts with their true responses
   */
  public SftTrainer(Decoder policy, int padId, SftConfig config, List<Sequence> data, long seed) {
    if (data.isEmpty()) {
      throw new IllegalArgumentException("no training examples: the log has no user with enough queries");
    }
    this.policy = policy;
    this.padId = padId;
    this.config = config;
    policy.setPrecision(config.compute().precision());
    this.batches = new EpochBatches<>(data, Sequence::length, config.batchSize(), seed);
    this.gradient = new BatchGradient<>(policy, Decoder::replica, Decoder::trainable, config.compute().microBatchSize());
    this.optimizer = new AdamW(policy.trainable(), Optimizers.options(config.optimizer()));
    long byEpochs = batches.steps(config.epochs());
    this.totalSteps = config.maxSteps() > 0 ? Math.min(byEpochs, config.maxSteps()) : byEpochs;
  }

  /** Optimiser steps in all. */
  public long totalSteps() {
    return totalSteps;
  }

  /**
   * One optimiser step; {@code step} counts from 0 and decides the batch and the learning rate.
   *
   * @throws ArithmeticException when gradients were not finite in too many steps in a row
   */
  public Map<String, Double> step(long step) {
    List<Sequence> sequences = batches.of(step);
    double normalizer = 0;
    for (Sequence s : sequences) {
      normalizer += s.response().length + config.promptWeight() * (s.prompt().length - 1);
    }
    NllLossOptions options = NllLossOptions.defaults().withNormalizer(normalizer);
    double rate = config.optimizer().rate(step, totalSteps);
    optimizer.zeroGrad();
    Loss loss = gradient.add(sequences, (model, part, first) -> backward(model, part, options), Loss::plus);
    boolean nothing = normalizer == 0; // no token counts: weights and moments stay as they are (INVARIANTS 3)
    StepResult result = nothing ? StepResult.NONE : optimizer.step(rate);
    skips.add(!nothing && !result.applied());
    Map<String, Double> metrics = new LinkedHashMap<>();
    metrics.put("loss/sft", loss.stats.loss());
    metrics.put("sft/response_nll", -loss.responseLogprob / Math.max(1, loss.responseTokens));
    metrics.put("sft/entropy_avg", loss.stats.entropy() / Math.max(1, loss.stats.valid()));
    metrics.put("policy/grad_norm", result.gradNorm());
    metrics.put("steps_skipped", result.applied() ? 0.0 : 1);
    metrics.put("lr", rate);
    metrics.put("sft/tokens", (double) sequences.stream().mapToInt(Sequence::length).sum());
    return metrics;
  }

  /** Sums over some sequences. */
  private record Loss(NllLossStats stats, double responseLogprob, long responseTokens) {
    Loss plus(Loss other) {
      return new Loss(stats.plus(other.stats), responseLogprob + other.responseLogprob, responseTokens + other.responseTokens);
    }
  }

  private Loss backward(Decoder model, List<Sequence> sequences, NllLossOptions options) {
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
    Pass pass = model.forward(batch.inputIds(padId), batch.attentionMask(), config.compute().gradientCheckpointing());
    NllLossStats stats = LossHead.backward(batch.scoredRows(pass.hidden()), model.outputWeight(), layer -> Kernels.linearNllLoss(
        TokenLayout.flat(batch.tokens()), layer, targets, nativeWeights, options, NllLossOutputs.none().withLogprob(logprobs)));
    pass.backward();
    float[] values = logprobs.toFloats();
    double sum = 0;
    long count = 0;
    for (int b = 0; b < sequences.size(); b++) {
      int end = batch.cuSeqlens()[b + 1];
      for (int i = end - sequences.get(b).response().length; i < end; i++) {
        sum += values[i];
        count++;
      }
    }
    return new Loss(stats, sum, count);
  }

  /** Mean negative log-likelihood of the response tokens of other examples, without training. */
  public double evaluate(List<Sequence> examples) {
    Objects.requireNonNull(examples, "examples");
    PolicyScorer.Scores scores = PolicyScorer.score(policy, padId, examples, 1.0, 64);
    double sum = 0;
    for (float logprob : scores.logprobs()) {
      sum -= logprob;
    }
    return sum / Math.max(1, scores.logprobs().length);
  }

  /** Writes all that the next step depends on into a folder that exists. */
  public void save(Path folder) throws IOException {
    TrainingState.save(folder, policy.trainable(), optimizer);
    skips.save(folder);
  }

  /** Reads what {@link #save} wrote. */
  public void load(Path folder) throws IOException {
    TrainingState.load(folder, policy.trainable(), optimizer);
    skips.load(folder);
  }

  @Override
  public void close() {
    gradient.replicas().forEach(Decoder::close);
    optimizer.close();
  }
}
