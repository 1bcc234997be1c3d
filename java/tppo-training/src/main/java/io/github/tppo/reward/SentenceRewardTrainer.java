// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.reward;

import io.github.tppo.eval.RocAuc;
import io.github.tppo.kernels.BalanceMaskOptions;
import io.github.tppo.kernels.DType;
import io.github.tppo.kernels.Kernels;
import io.github.tppo.kernels.NativeArray;
import io.github.tppo.kernels.TokenLayout;
import io.github.tppo.model.Autograd;
import io.github.tppo.model.Longformer;
import io.github.tppo.model.Pass;
import io.github.tppo.model.Scope;
import io.github.tppo.model.Tensors;
import io.github.tppo.policy.BatchGradient;
import io.github.tppo.run.Check;
import io.github.tppo.run.RewardConfig;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Tensor;

/**
 * Trains the sentence-level reward model, the baseline of the token-level one: the same trunk with one score for a response, see
 * {@link SentenceScores}, and binary cross-entropy against the judge's label of the whole. The paper does not print the loss of this
 * model; it says that its classes are balanced as the token-level model's are (4.1.3), which here is the same balance mask over the
 * responses of a batch: the larger class is thinned to {@code reward.balance_ratio} for each of the smaller.
 */
public final class SentenceRewardTrainer extends RewardTrainer<SentenceSample> {
  private static final int EVAL_BATCH = 128;

  private final long seed;

  /**
   * @param model is trained in place
   * @throws IllegalArgumentException when it has not one label
   */
  public SentenceRewardTrainer(Longformer model, int padId, RewardConfig config, List<SentenceSample> data, long seed) {
    super(model, padId, config, data, SentenceSample::input, seed);
    SentenceScores.requireOneLabel(model);
    this.seed = seed;
  }

  /** Sums over the responses that count; the loss is divided by their number in the whole batch. */
  private record Loss(double loss, double correct, double count) {
    Loss plus(Loss other) {
      return new Loss(loss + other.loss, correct + other.correct, count + other.count);
    }
  }

  @Override
  Map<String, Double> backward(BatchGradient<Longformer> gradient, List<SentenceSample> samples, long step) {
    byte[] kept = balanced(samples, step);
    int count = IntStream.range(0, kept.length).map(b -> kept[b]).sum();
    Loss loss = gradient.add(samples, (replica, part, first) -> backward(replica, part, kept, first, count), Loss::plus);
    Map<String, Double> metrics = new LinkedHashMap<>();
    metrics.put("loss/reward", loss.loss);
    metrics.put("reward/accuracy", loss.correct / Math.max(1, loss.count));
    metrics.put("reward/valid_responses", loss.count);
    return metrics;
  }

  /** 1 for the responses of a batch that count; the draw depends on seed and step alone. */
  private byte[] balanced(List<SentenceSample> samples, long step) {
    int n = samples.size();
    NativeArray classes = NativeArray.ofInts(samples.stream().mapToInt(s -> s.relevant() ? 2 : 1).toArray());
    NativeArray kept = NativeArray.allocate(DType.U8, n);
    Kernels.balanceMask(TokenLayout.packed(n, NativeArray.ofInts(IntStream.rangeClosed(0, n).toArray())), classes, null,
        BalanceMaskOptions.defaults().withRho(config().balanceRatio()).withSeed(seed).withStep(step), kept);
    byte[] counts = kept.toBytes();
    for (int b = 0; b < n; b++) {
      counts[b] = samples.get(b).input().scored() == 0 ? 0 : counts[b]; // an empty response has no score to learn
    }
    return counts;
  }

  private Loss backward(Longformer replica, List<SentenceSample> samples, byte[] kept, int first, int count) {
    RewardBatch batch = new RewardBatch(samples.stream().map(SentenceSample::input).toList());
    Pass pass = batch.forward(replica, padId(), config().compute().gradientCheckpointing());
    Tensor logits = batch.logits(replica, pass);
    double[] scores = SentenceScores.of(batch, Tensors.toFloats(logits));
    double[] gradient = new double[scores.length];
    Loss sum = new Loss(0, 0, 0);
    for (int b = 0; b < scores.length; b++) {
      if (kept[first + b] != 0) {
        boolean relevant = samples.get(b).relevant();
        gradient[b] = (SentenceScores.probability(scores[b]) - (relevant ? 1 : 0)) / count;
        sum = sum.plus(new Loss(crossEntropy(scores[b], relevant) / count, scores[b] > 0 == relevant ? 1 : 0, 1));
      }
    }
    Autograd.backward(logits, Tensors.of(SentenceScores.gradient(batch, gradient), batch.tokens(), 1));
    pass.backward();
    return sum;
  }

  /** -ln of the probability of the label, without overflow for any score. */
  static double crossEntropy(double score, boolean relevant) {
    double margin = relevant ? score : -score;
    return Math.log1p(Math.exp(-Math.abs(margin))) + Math.max(0, -margin);
  }

  /**
   * What the model is worth on responses that it was not trained on.
   *
   * @param loss mean binary cross-entropy
   * @param aucWeighted area under the ROC curve; that of the two classes is one, so weighting by frequency leaves it as it is
   * @param accuracy share of the labels that are on the score's side of 0
   */
  public record Quality(double loss, double aucWeighted, double accuracy, long responses) {}

  /** Measures loss and area under the ROC curve on other responses, without balance mask. */
  public Quality evaluate(List<SentenceSample> samples) {
    Check.list("samples", samples);
    Check.require(!samples.isEmpty(), "samples", "none", "at least one");
    int n = samples.size();
    float[] probabilities = new float[2 * n];
    int[] labels = new int[n];
    double loss = 0;
    double correct = 0;
    for (int from = 0; from < n; from += EVAL_BATCH) {
      RewardBatch batch = new RewardBatch(samples.subList(from, Math.min(n, from + EVAL_BATCH)).stream()
          .map(SentenceSample::input).toList());
      double[] scores;
      try (Scope scope = Scope.noGrad()) {
        scores = SentenceScores.of(batch, Tensors.toFloats(batch.logits(model(), padId())));
      }
      for (int b = 0; b < scores.length; b++) {
        boolean relevant = samples.get(from + b).relevant();
        loss += crossEntropy(scores[b], relevant) / n;
        correct += scores[b] > 0 == relevant ? 1 : 0;
        labels[from + b] = relevant ? 1 : 0;
        probabilities[2 * (from + b)] = (float) SentenceScores.probability(-scores[b]);
        probabilities[2 * (from + b) + 1] = (float) SentenceScores.probability(scores[b]);
      }
    }
    return new Quality(loss, RocAuc.weightedOneVsRest(probabilities, labels, 2), correct / Math.max(1, n), n);
  }

  @Override
  public Map<String, Double> measure(List<SentenceSample> samples) {
    Quality quality = evaluate(samples);
    Map<String, Double> metrics = new LinkedHashMap<>();
    metrics.put("eval/loss", quality.loss());
    metrics.put("eval/auc_weighted", quality.aucWeighted());
    return metrics;
  }
}
