// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.reward;

import io.github.tppo.model.AdamW;
import io.github.tppo.model.Longformer;
import io.github.tppo.model.StepResult;
import io.github.tppo.model.TrainingState;
import io.github.tppo.policy.BatchGradient;
import io.github.tppo.policy.EpochBatches;
import io.github.tppo.policy.Optimizers;
import io.github.tppo.policy.SkippedSteps;
import io.github.tppo.run.RewardConfig;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/**
 * What the training of the token-level and of the sentence-level reward model have in common: batches, optimiser and state, so that the
 * models differ in their labels and losses alone. Not thread safe.
 *
 * @param <S> a labelled response
 */
public abstract class RewardTrainer<S> implements AutoCloseable {
  private final Longformer model;
  private final int padId;
  private final RewardConfig config;
  private final Function<S, RewardInput> input;
  private final EpochBatches<S> batches;
  private final BatchGradient<Longformer> gradient;
  private final AdamW optimizer;
  private final SkippedSteps skips = new SkippedSteps("train-reward", "lower reward.optimizer.learning_rate");
  private final long totalSteps;

  /** @param model is trained in place */
  RewardTrainer(Longformer model, int padId, RewardConfig config, List<S> data, Function<S, RewardInput> input, long seed) {
    if (data.isEmpty()) {
      throw new IllegalArgumentException("no labelled responses");
    }
    this.model = model;
    this.padId = padId;
    this.config = config;
    model.setPrecision(config.compute().precision());
    this.input = input;
    this.batches = new EpochBatches<>(data, sample -> input.apply(sample).ids().length, config.batchSize(), seed);
    this.gradient = new BatchGradient<>(model, Longformer::replica, Longformer::parameters, config.compute().microBatchSize());
    this.optimizer = new AdamW(model.parameters(), Optimizers.options(config.optimizer()));
    this.totalSteps = batches.steps(config.epochs());
  }

  /** Optimiser steps in all. */
  public final long totalSteps() {
    return totalSteps;
  }

  /**
   * One optimiser step; {@code step} counts from 0.
   *
   * @throws ArithmeticException when gradients were not finite in too many steps in a row
   */
  public final Map<String, Double> step(long step) {
    double rate = config.optimizer().rate(step, totalSteps);
    optimizer.zeroGrad();
    List<S> samples = batches.of(step);
    Map<String, Double> metrics = backward(gradient, samples, step);
    boolean nothing = samples.stream().allMatch(s -> input.apply(s).scored() == 0); // weights and moments stay as they are (INVARIANTS 3)
    StepResult result = nothing ? StepResult.NONE : optimizer.step(rate);
    skips.add(!nothing && !result.applied());
    metrics.put("reward/grad_norm", result.gradNorm());
    metrics.put("steps_skipped", result.applied() ? 0.0 : 1);
    metrics.put("lr", rate);
    return metrics;
  }

  /** Adds the gradient of a batch's loss to those of the model, and returns the metrics of the loss in a map that can be added to. */
  abstract Map<String, Double> backward(BatchGradient<Longformer> gradient, List<S> samples, long step);

  /** Measures the model on responses that it is not trained on: metrics whose names begin with {@code eval/}. */
  public abstract Map<String, Double> measure(List<S> samples);

  final Longformer model() {
    return model;
  }

  final int padId() {
    return padId;
  }

  final RewardConfig config() {
    return config;
  }

  /** Writes all that the next step depends on into a folder that exists. */
  public final void save(Path folder) throws IOException {
    TrainingState.save(folder, model.parameters(), optimizer);
    skips.save(folder);
  }

  /** Reads what {@link #save} wrote. */
  public final void load(Path folder) throws IOException {
    TrainingState.load(folder, model.parameters(), optimizer);
    skips.load(folder);
  }

  @Override
  public final void close() {
    gradient.replicas().forEach(Longformer::close);
    optimizer.close();
  }
}
