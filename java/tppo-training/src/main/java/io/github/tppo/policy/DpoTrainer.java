// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.policy;

import io.github.tppo.kernels.DType;
import io.github.tppo.kernels.DpoLossOptions;
import io.github.tppo.kernels.DpoLossOutputs;
import io.github.tppo.kernels.DpoLossStats;
import io.github.tppo.kernels.Kernels;
import io.github.tppo.kernels.NativeArray;
import io.github.tppo.kernels.NllLossOptions;
import io.github.tppo.kernels.NllLossOutputs;
import io.github.tppo.kernels.TokenLayout;
import io.github.tppo.kernels.TokenLogProbsOptions;
import io.github.tppo.kernels.TokenLogProbsOutputs;
import io.github.tppo.model.AdamW;
import io.github.tppo.model.Autograd;
import io.github.tppo.model.Decoder;
import io.github.tppo.model.Pass;
import io.github.tppo.model.Scope;
import io.github.tppo.model.StepResult;
import io.github.tppo.model.TrainingState;
import io.github.tppo.run.DpoConfig;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;

/**
 * Direct preference optimisation with the sigmoid loss (appendix H): {@code -ln sigmoid(beta (log-ratio of the chosen - log-ratio of the
 * rejected))}, where a log-ratio is the sum over a response's tokens of what policy and frozen SFT policy differ in.
 *
 * <p>Log-probabilities are taken at the temperature of sampling, as everywhere (INVARIANTS 9): the policy that is evaluated samples at
 * it, the rejected responses were sampled at it, and so the SFT policy that beta holds the trained one close to is the one at that
 * temperature. It is the constraint that the KL penalty of PPO is made of. At temperature 1 this is TRL's loss.
 *
 * <p>The reference runs beside the policy on the same batches, so that at the first step both agree to the bit and all rewards are 0.
 * Not thread safe.
 */
public final class DpoTrainer implements AutoCloseable {
  private final Decoder policy;
  private final Decoder reference;
  private final int padId;
  private final DpoConfig config;
  private final double temperature;
  private final EpochBatches<PreferencePair> batches;
  private final BatchGradient<Decoder> gradient;
  private final AdamW optimizer;
  private final SkippedSteps skips = new SkippedSteps("train-policy", "lower dpo.optimizer.learning_rate");
  private final long totalSteps;

  /**
   * @param policy is trained in place
   * @param reference the frozen SFT policy
   * @param temperature that of sampling
   */
  public DpoTrainer(Decoder policy, Decoder reference, int padId, DpoConfig config, double temperature, List<PreferencePair> data,
      long seed) {
    if (data.isEmpty()) {
      throw new IllegalArgumentException("no pairs of true queries and sample");
    }
    this.policy = policy;
    this.reference = reference;
    this.padId = padId;
    this.config = config;
    this.temperature = temperature;
    policy.setPrecision(config.compute().precision());
    reference.setPrecision(config.compute().precision());
    this.batches = new EpochBatches<>(data, PreferencePair::length, config.batchSize(), seed);
    this.gradient = new BatchGradient<>(policy, Decoder::replica, Decoder::trainable, pairs(config.compute().microBatchSize()));
    this.optimizer = new AdamW(policy.trainable(), Optimizers.options(config.optimizer()));
    long byEpochs = batches.steps(config.epochs());
    this.totalSteps = config.maxSteps() > 0 ? Math.min(byEpochs, config.maxSteps()) : byEpochs;
  }

  /** Pairs whose sequences fit a micro-batch; the loss needs both of a pair in one pass. */
  private static int pairs(int microBatchSize) {
    return microBatchSize == 0 ? 0 : Math.max(1, microBatchSize / 2);
  }

  /** Optimiser steps in all. */
  public long totalSteps() {
    return totalSteps;
  }

  /** Sums over pairs; losses are divided by the pairs of the whole batch. */
  private record Loss(DpoLossStats stats, double chosenLogprob, double rejectedLogprob) {
    Loss plus(Loss other) {
      return new Loss(stats.plus(other.stats), chosenLogprob + other.chosenLogprob, rejectedLogprob + other.rejectedLogprob);
    }
  }

  /**
   * One optimiser step; {@code step} counts from 0 and decides the batch and the learning rate. Returns its metrics under TRL's names,
   * each a mean over the pairs.
   *
   * @throws ArithmeticException when gradients were not finite in too many steps in a row
   */
  public Map<String, Double> step(long step) {
    List<PreferencePair> pairs = batches.of(step);
    DpoLossOptions options = DpoLossOptions.defaults().withBeta(config.beta()).withNormalizer(pairs.size());
    double rate = config.optimizer().rate(step, totalSteps);
    optimizer.zeroGrad();
    Loss loss = gradient.add(pairs, (model, part, first) -> backward(model, part, options), Loss::plus);
    int tokens = pairs.stream().mapToInt(PreferencePair::responseTokens).sum();
    StepResult result = tokens == 0 ? StepResult.NONE : optimizer.step(rate); // weights and moments stay as they are (INVARIANTS 3)
    skips.add(tokens > 0 && !result.applied());
    double n = pairs.size();
    Map<String, Double> metrics = new LinkedHashMap<>();
    metrics.put("loss/dpo", loss.stats.loss());
    metrics.put("rewards/chosen", loss.stats.chosenReward() / n);
    metrics.put("rewards/rejected", loss.stats.rejectedReward() / n);
    metrics.put("rewards/accuracies", loss.stats.correct() / n);
    metrics.put("rewards/margins", loss.stats.margin() / n);
    metrics.put("logps/chosen", loss.chosenLogprob / n);
    metrics.put("logps/rejected", loss.rejectedLogprob / n);
    metrics.put("policy/grad_norm", result.gradNorm());
    metrics.put("steps_skipped", result.applied() ? 0.0 : 1);
    metrics.put("lr", rate);
    metrics.put("dpo/tokens", (double) tokens);
    return metrics;
  }

  private Loss backward(Decoder model, List<PreferencePair> pairs, DpoLossOptions options) {
    int n = pairs.size();
    List<Sequence> sequences = new ArrayList<>(); // all chosen, then all rejected
    pairs.forEach(pair -> sequences.add(pair.chosen()));
    pairs.forEach(pair -> sequences.add(pair.rejected()));
    SequenceBatch batch = SequenceBatch.ofResponses(sequences);
    NativeArray targets = NativeArray.ofLongs(batch.targets());
    Tensor ids = batch.inputIds(padId);
    Tensor mask = batch.attentionMask();
    float[] expected;
    try (Scope scope = Scope.noGrad()) {
      expected = sums(batch, targets, batch.scoredRows(reference.hidden(ids, mask)), reference.outputWeight());
    }
    Pass pass = model.forward(ids, mask, config.compute().gradientCheckpointing());
    Tensor rows = batch.scoredRows(pass.hidden());
    float[] found = sums(batch, targets, rows, model.outputWeight());
    NativeArray chosenGradient = NativeArray.allocate(DType.F32, n);
    NativeArray rejectedGradient = NativeArray.allocate(DType.F32, n);
    DpoLossStats stats = Kernels.dpoLoss(part(found, 0, n), part(found, n, 2 * n), part(expected, 0, n), part(expected, n, 2 * n),
        options, DpoLossOutputs.none().withGradChosen(chosenGradient).withGradRejected(rejectedGradient));
    if (Double.isFinite(stats.loss())) {
      NativeArray weights = NativeArray.ofFloats(weights(batch, chosenGradient.toFloats(), rejectedGradient.toFloats()));
      LossHead.backward(rows, model.outputWeight(), layer -> Kernels.linearNllLoss(TokenLayout.flat(batch.tokens()), layer, targets,
          weights, NllLossOptions.defaults().withTemperature(temperature).withNormalizer(1), NllLossOutputs.none()));
    } else { // gradients are not finite either, and so the optimiser skips the step
      Autograd.backward(rows, rows.detach().mul(new Scalar(Float.NaN)));
    }
    pass.backward();
    return new Loss(stats, sum(found, 0, n), sum(found, n, 2 * n));
  }

  /** Log-probability of each response: the sum over its tokens. */
  private float[] sums(SequenceBatch batch, NativeArray targets, Tensor rows, Tensor outputWeight) {
    NativeArray logprobs = NativeArray.allocate(DType.F32, batch.tokens());
    TokenLogProbsOptions options = TokenLogProbsOptions.defaults().withTemperature(temperature);
    LossHead.forward(rows.detach(), outputWeight, layer -> Kernels.linearTokenLogProbs(TokenLayout.flat(batch.tokens()), layer, targets,
        options, new TokenLogProbsOutputs(logprobs, null)));
    float[] values = logprobs.toFloats();
    float[] sums = new float[batch.size()];
    for (int b = 0; b < sums.length; b++) {
      sums[b] = (float) sum(values, batch.cuSeqlens()[b], batch.cuSeqlens()[b + 1]);
    }
    return sums;
  }

  /**
   * The loss reaches a token through the sum of its response alone, so that every token of a response has the same gradient; as weights of a
   * likelihood loss with the sign turned, they take it back through the output layer without a [tokens, vocabulary] array.
   */
  private static float[] weights(SequenceBatch batch, float[] ofChosen, float[] ofRejected) {
    float[] weights = new float[batch.tokens()];
    for (int b = 0; b < batch.size(); b++) {
      float gradient = b < ofChosen.length ? ofChosen[b] : ofRejected[b - ofChosen.length];
      Arrays.fill(weights, batch.cuSeqlens()[b], batch.cuSeqlens()[b + 1], -gradient);
    }
    return weights;
  }

  private static NativeArray part(float[] values, int from, int to) {
    return NativeArray.ofFloats(Arrays.copyOfRange(values, from, to));
  }

  private static double sum(float[] values, int from, int to) {
    double sum = 0;
    for (int i = from; i < to; i++) {
      sum += values[i];
    }
    return sum;
  }

  /** Writes all that the next step depends on, beside the frozen reference, into a folder that exists. */
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
