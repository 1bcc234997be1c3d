// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.reward;

import io.github.tppo.eval.RocAuc;
import io.github.tppo.kernels.RewardModelLossStats;
import io.github.tppo.model.Autograd;
import io.github.tppo.model.Longformer;
import io.github.tppo.model.Pass;
import io.github.tppo.model.Scope;
import io.github.tppo.model.Tensors;
import io.github.tppo.policy.BatchGradient;
import io.github.tppo.run.Check;
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
public final class TokenRewardTrainer extends RewardTrainer<RewardSample> {
  private static final int EVAL_BATCH = 128;

  private final long seed;

  /** @param model is trained in place */
  public TokenRewardTrainer(Longformer model, int padId, RewardConfig config, List<RewardSample> data, long seed) {
    super(model, padId, config, data, RewardSample::input, seed);
    this.seed = seed;
  }

  @Override
  Map<String, Double> backward(BatchGradient<Longformer> gradient, List<RewardSample> samples, long step) {
    RewardTargets targets = RewardTargets.balanced(samples, config(), seed, step);
    RewardModelLossStats stats = gradient.add(samples, (replica, part, first) -> backward(replica, part, targets, first),
        RewardModelLossStats::plus);
    Map<String, Double> metrics = new LinkedHashMap<>();
    metrics.put("loss/reward", stats.loss());
    metrics.put("loss/reward_local", stats.local());
    metrics.put("loss/reward_global", stats.global());
    metrics.put("reward/accuracy", stats.correct() / Math.max(1, stats.valid()));
    metrics.put("reward/valid_tokens", stats.valid());
    return metrics;
  }

  private RewardModelLossStats backward(Longformer replica, List<RewardSample> samples, RewardTargets targets, int first) {
    RewardBatch batch = new RewardBatch(samples.stream().map(RewardSample::input).toList());
    Pass pass = batch.forward(replica, padId(), config().compute().gradientCheckpointing());
    Tensor logits = batch.logits(replica, pass);
    Tensor logitsGradient = Tensors.empty(ScalarType.Float, batch.tokens(), 3);
    RewardModelLossStats stats = targets.loss(batch, first, Tensors.view(logits.detach()), Tensors.view(logitsGradient));
    Autograd.backward(logits, logitsGradient);
    pass.backward();
    return stats;
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
    Check.list("samples", samples);
    Check.require(!samples.isEmpty(), "samples", "none", "at least one");
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
        Tensor logits = batch.logits(model(), padId());
        RewardModelLossStats stats = RewardTargets.all(part, config()).loss(batch, 0, Tensors.view(logits), null);
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

  @Override
  public Map<String, Double> measure(List<RewardSample> samples) {
    Quality quality = evaluate(samples);
    Map<String, Double> metrics = new LinkedHashMap<>();
    metrics.put("eval/loss", quality.loss());
    metrics.put("eval/loss_local", quality.localLoss());
    metrics.put("eval/loss_global", quality.globalLoss());
    metrics.put("eval/auc_weighted", quality.aucWeighted());
    metrics.put("eval/auc_relevant", quality.aucRelevant());
    return metrics;
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
}
