// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.verify;

import io.github.tppo.kernels.DType;
import io.github.tppo.kernels.GlobalMode;
import io.github.tppo.kernels.Kernels;
import io.github.tppo.kernels.LocalReduction;
import io.github.tppo.kernels.NativeArray;
import io.github.tppo.kernels.RewardModelLossOptions;
import io.github.tppo.kernels.RewardModelLossOutputs;
import io.github.tppo.kernels.RewardModelLossStats;
import io.github.tppo.kernels.TokenLayout;

/** Loss of the token-level reward model, in its forms. */
final class RewardModelVectors {

  private final VectorFile file;
  private final long sequences;
  private final long length;
  private final TokenLayout unmasked;
  private final TokenLayout masked;
  private final RewardModelLossOptions options;

  private RewardModelVectors(VectorFile file) {
    this.file = file;
    this.sequences = file.shape("labels")[0];
    this.length = file.shape("labels")[1];
    this.unmasked = TokenLayout.padded(sequences, length);
    this.masked = unmasked.withMask(file.input("mask"));
    double[] weights = file.inputValues("class_weights");
    this.options = RewardModelLossOptions.defaults()
        .withLocalWeight(file.inputScalar("w_local")).withGlobalWeight(file.inputScalar("w_global"))
        .withClassWeight0(weights[0]).withClassWeight1(weights[1]).withClassWeight2(weights[2]);
  }

  static void check(VectorFile file) {
    RewardModelVectors vectors = new RewardModelVectors(file);
    vectors.perToken();
    vectors.losses();
    vectors.gradients();
    vectors.validCounts();
  }

  private void perToken() {
    RewardModelLossOutputs outputs = RewardModelLossOutputs.none()
        .withWeightedNll(file.output(DType.F32, masked.tokens()))
        .withMeanArgmax(file.output(DType.F32, sequences)).withMeanExpected(file.output(DType.F32, sequences));
    run(masked, options, outputs);
    file.compare("weighted_nll", outputs.weightedNll());
    file.compare("mean_argmax", outputs.meanArgmax());
    file.compare("mean_expected", outputs.meanExpected());
    // These two are expected at masked tokens as well.
    outputs = RewardModelLossOutputs.none().withExpectedValue(file.output(DType.F32, masked.tokens()))
        .withArgmax(file.output(DType.I32, masked.tokens()));
    run(unmasked, options, outputs);
    file.compare("expected_value", outputs.expectedValue());
    file.compare("argmax", outputs.argmax());
  }

  private void losses() {
    for (LocalReduction reduction : LocalReduction.values()) {
      String local = reduction == LocalReduction.SUM_OVER_N ? "local_sum" : "local_wmean";
      for (GlobalMode mode : new GlobalMode[] {GlobalMode.ARGMAX, GlobalMode.EXPECTED}) {
        String global = mode == GlobalMode.ARGMAX ? "global_argmax" : "global_expected";
        RewardModelLossStats stats = run(masked, options.withLocalReduction(reduction).withGlobalMode(mode),
            RewardModelLossOutputs.none());
        file.compare(local, stats.local());
        file.compare(global, stats.global());
        file.compare("total_" + local + "_" + global, stats.loss());
      }
    }
  }

  private void gradients() {
    RewardModelLossOptions local = options.withLocalWeight(1).withGlobalWeight(0);
    RewardModelLossOptions global = options.withLocalWeight(0).withGlobalWeight(1);
    gradient("grad_local_sum", local);
    gradient("grad_local_wmean", local.withLocalReduction(LocalReduction.WEIGHTED_MEAN));
    gradient("grad_global_expected", global.withGlobalMode(GlobalMode.EXPECTED));
    gradient("grad_global_straight_through", global);
    gradient("grad_total_local_sum_global_expected", options.withGlobalMode(GlobalMode.EXPECTED));
    gradient("grad_total_local_sum_global_straight_through", options);
  }

  private void gradient(String name, RewardModelLossOptions chosen) {
    NativeArray gradient = file.output(DType.F32, masked.tokens() * 3);
    run(masked, chosen, RewardModelLossOutputs.none().withGradLogits(gradient));
    file.compare(name, gradient);
  }

  /** The kernel counts valid tokens per call, so each sequence is a call. */
  private void validCounts() {
    NativeArray logits = file.input("logits");
    NativeArray labels = file.input("labels");
    double[] counts = new double[Math.toIntExact(sequences)];
    for (int b = 0; b < counts.length; b++) {
      TokenLayout one = TokenLayout.padded(1, length).withMask(masked.mask().slice(b * length, length));
      counts[b] = Kernels.rewardModelLoss(one, logits.slice(b * length * 3, length * 3),
          labels.slice(b * length, length), null, null, options.withGlobalWeight(0),
          RewardModelLossOutputs.none()).valid();
    }
    file.compare("valid_counts", counts);
  }

  private RewardModelLossStats run(TokenLayout layout, RewardModelLossOptions chosen, RewardModelLossOutputs outputs) {
    return Kernels.rewardModelLoss(layout, file.input("logits"), file.input("labels"),
        file.input("sentence_labels"), null, chosen, outputs);
  }
}
