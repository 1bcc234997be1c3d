// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.reward;

import io.github.tppo.kernels.BalanceMaskOptions;
import io.github.tppo.kernels.DType;
import io.github.tppo.kernels.Kernels;
import io.github.tppo.kernels.LocalReduction;
import io.github.tppo.kernels.NativeArray;
import io.github.tppo.kernels.RewardModelLossOptions;
import io.github.tppo.kernels.RewardModelLossOutputs;
import io.github.tppo.kernels.RewardModelLossStats;
import io.github.tppo.kernels.TokenLayout;
import io.github.tppo.run.RewardConfig;
import java.util.Arrays;
import java.util.List;

/**
 * Labels and masks of a whole batch, of which parts are computed side by side: the balance mask and the normalisers
 * are those of the batch, so that the parts' losses and gradients add up to the batch's.
 */
final class RewardTargets {
  private final RewardConfig config;
  private final int[] starts;
  private final NativeArray labels;
  private final NativeArray mask;
  private final NativeArray labelled;
  private final float[] sentences;
  private final double weight;

  private RewardTargets(List<RewardSample> samples, RewardConfig config, BalanceMaskOptions balance) {
    this.config = config;
    this.starts = new int[samples.size() + 1];
    this.sentences = new float[samples.size()];
    for (int b = 0; b < samples.size(); b++) {
      starts[b + 1] = starts[b] + samples.get(b).classes().length;
      sentences[b] = samples.get(b).sentence();
    }
    int[] classes = samples.stream().flatMapToInt(s -> Arrays.stream(s.classes())).toArray();
    this.labels = NativeArray.ofInts(classes);
    byte[] kept = new byte[classes.length];
    Arrays.fill(kept, (byte) 1);
    if (balance != null) {
      NativeArray balanced = NativeArray.allocate(DType.U8, classes.length);
      Kernels.balanceMask(TokenLayout.packed(classes.length, NativeArray.ofInts(starts)), labels, null, balance, balanced);
      kept = balanced.toBytes();
    }
    byte[] content = new byte[classes.length];
    double sum = 0;
    for (int i = 0; i < classes.length; i++) {
      content[i] = (byte) (classes[i] > 0 ? kept[i] : 0);
      sum += kept[i] * config.classWeights().get(classes[i]);
    }
    this.mask = NativeArray.ofBytes(kept);
    this.labelled = NativeArray.ofBytes(content);
    this.weight = sum;
  }

  /** All tokens count: for measuring. */
  static RewardTargets all(List<RewardSample> samples, RewardConfig config) {
    return new RewardTargets(samples, config, null);
  }

  /** The larger of the classes 1 and 2 is thinned out, by a draw that depends on seed and step alone. */
  static RewardTargets balanced(List<RewardSample> samples, RewardConfig config, long seed, long step) {
    return new RewardTargets(samples, config,
        BalanceMaskOptions.defaults().withRho(config.balanceRatio()).withSeed(seed).withStep(step));
  }

  /**
   * Loss of a part of the batch, and its gradient.
   *
   * @param part neighbouring samples of the batch
   * @param firstSample the first of them
   * @param logits [tokens of the part, 3]
   * @param gradient same shape, or null for the loss alone
   */
  RewardModelLossStats loss(RewardBatch part, int firstSample, NativeArray logits, NativeArray gradient) {
    int first = starts[firstSample];
    int tokens = part.tokens();
    float[] sentenceLabels = Arrays.copyOfRange(sentences, firstSample, firstSample + part.cuSeqlens().length - 1);
    TokenLayout layout = TokenLayout.packed(tokens, NativeArray.ofInts(part.cuSeqlens())).withMask(mask.slice(first, tokens));
    RewardModelLossOptions options = RewardModelLossOptions.defaults()
        .withLocalReduction(config.localReduction()).withGlobalMode(config.globalMode())
        .withLocalWeight(config.localWeight()).withGlobalWeight(config.globalWeight())
        .withClassWeight0(config.classWeights().get(0)).withClassWeight1(config.classWeights().get(1))
        .withClassWeight2(config.classWeights().get(2))
        .withNumSamples(sentences.length)
        .withLocalNormalizer(config.localReduction() == LocalReduction.WEIGHTED_MEAN ? weight : 0);
    NativeArray globalMask =
        config.globalTokens() == RewardConfig.GlobalTokens.LABELLED ? labelled.slice(first, tokens) : null;
    return Kernels.rewardModelLoss(layout, logits, labels.slice(first, tokens), NativeArray.ofFloats(sentenceLabels),
        globalMask, options, RewardModelLossOutputs.none().withGradLogits(gradient));
  }
}
