// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.verify;

import io.github.tppo.kernels.DType;
import io.github.tppo.kernels.Kernels;
import io.github.tppo.kernels.NativeArray;
import io.github.tppo.kernels.ShapeRewardsInputs;
import io.github.tppo.kernels.ShapeRewardsOptions;
import io.github.tppo.kernels.ShapeRewardsOutputs;
import io.github.tppo.kernels.TokenLayout;
import java.util.Arrays;

/** Length penalty, KL penalty and suggested lengths. */
final class RewardShapingVectors {

  /** Far more than any response; added to l and to sl alike, so that positions fit an int and sl is not negative. */
  private static final int SHIFT = 1 << 30;

  private RewardShapingVectors() {}

  static void check(VectorFile file) {
    rewards(file);
    edges(file);
    for (int i = 0; file.has("sl" + i + "_query_lengths"); i++) {
      String name = "sl" + i;
      int[] lengths = Arrays.stream(file.inputValues(name + "_query_lengths")).mapToInt(l -> (int) l).toArray();
      int queries = (int) file.inputScalar(name + "_num_queries");
      file.compare(name + "_median", Kernels.suggestedLength(lengths, 1));
      file.compare(name + "_expected", Kernels.suggestedLength(lengths, queries));
    }
  }

  private static void rewards(VectorFile file) {
    long[] shape = file.shape("classes");
    TokenLayout unmasked = TokenLayout.padded(shape[0], shape[1]);
    TokenLayout masked = unmasked.withMask(file.input("mask"));
    ShapeRewardsInputs inputs = ShapeRewardsInputs.ofClasses(file.input("classes"))
        .withPositions(file.input("positions"))
        .withLogprobs(file.input("logprobs"), file.input("ref_logprobs"));
    int n = Math.toIntExact(unmasked.tokens());
    ShapeRewardsOutputs outputs = new ShapeRewardsOutputs(file.output(DType.F32, n), file.output(DType.F32, n),
        file.output(DType.F32, n), file.output(DType.F32, n));
    double[] suggested = file.inputValues("sl");
    double[] lwp = new double[suggested.length * n];
    double[] shaped = new double[lwp.length];
    double[] rewards = new double[lwp.length];
    for (int s = 0; s < suggested.length; s++) {
      ShapeRewardsOptions options = ShapeRewardsOptions.defaults().withAlpha(file.inputScalar("alpha"))
          .withSuggestedLength(suggested[s]).withKlCoef(file.inputScalar("kl_coef")).withLogRatioClamp(0);
      // lwp is expected at masked positions too.
      Kernels.shapeRewards(unmasked, inputs, options, outputs);
      System.arraycopy(file.read(outputs.lwp()), 0, lwp, s * n, n);
      Kernels.shapeRewards(masked, inputs, options, outputs);
      System.arraycopy(file.read(outputs.shaped()), 0, shaped, s * n, n);
      System.arraycopy(file.read(outputs.rewards()), 0, rewards, s * n, n);
    }
    file.compare("lwp", lwp);
    file.compare("shaped_rewards", shaped);
    file.compare("rewards_with_kl", rewards);
    file.compare("kl_k1", outputs.kl());
  }

  private static void edges(VectorFile file) {
    int[] positions = Arrays.stream(file.inputValues("edge_l_minus_sl"))
        .mapToInt(l -> (int) Math.max(-SHIFT, Math.min(SHIFT - 1, l)) + SHIFT).toArray();
    NativeArray lwp = file.output(DType.F32, positions.length);
    NativeArray classes = file.upload(NativeArray.ofInts(new int[positions.length]));
    Kernels.shapeRewards(TokenLayout.flat(positions.length),
        ShapeRewardsInputs.ofClasses(classes).withPositions(file.upload(NativeArray.ofInts(positions))),
        ShapeRewardsOptions.defaults().withAlpha(file.inputScalar("alpha")).withSuggestedLength(SHIFT),
        ShapeRewardsOutputs.none().withLwp(lwp));
    file.compare("edge_lwp", lwp);
  }
}
