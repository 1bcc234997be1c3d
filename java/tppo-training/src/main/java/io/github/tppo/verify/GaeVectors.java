// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.verify;

import io.github.tppo.kernels.DType;
import io.github.tppo.kernels.GaeOptions;
import io.github.tppo.kernels.Kernels;
import io.github.tppo.kernels.NativeArray;
import io.github.tppo.kernels.TokenLayout;
import io.github.tppo.kernels.WhitenOptions;
import io.github.tppo.kernels.WhitenStats;
import java.util.List;

/** Advantages, padded and packed, and their whitening; one case per {@code X_gamma}. */
final class GaeVectors {

  private static final String GAMMA = "_gamma";

  private GaeVectors() {}

  static void check(VectorFile file) {
    file.markInputs("lengths");
    List<String> cases = file.names().stream().filter(n -> n.endsWith(GAMMA))
        .map(n -> n.substring(0, n.length() - GAMMA.length())).toList();
    for (String name : cases) {
      GaeOptions options = GaeOptions.defaults()
          .withGamma(file.inputScalar(name + GAMMA)).withLambda(file.inputScalar(name + "_lam"));
      padded(file, name, options);
      packed(file, name, options);
    }
  }

  private static void padded(VectorFile file, String name, GaeOptions options) {
    long[] shape = file.shape("rewards");
    NativeArray mask = file.input("mask");
    TokenLayout layout = TokenLayout.padded(shape[0], shape[1]).withMask(mask);
    NativeArray advantages = file.output(DType.F32, layout.tokens());
    NativeArray returns = file.output(DType.F32, layout.tokens());
    Kernels.gae(layout, file.input("rewards"), file.input("values"), options, advantages, returns);
    file.compare(name + "_advantages", advantages);
    file.compare(name + "_returns", returns);

    NativeArray whitened = file.output(DType.F32, layout.tokens());
    WhitenStats stats = Kernels.whiten(advantages, mask, WhitenOptions.defaults(), whitened);
    file.compare(name + "_whitened", whitened);
    file.compare(name + "_mean", stats.mean());
    file.compare(name + "_var_unbiased", stats.variance());
    stats = Kernels.whiten(advantages, mask, WhitenOptions.defaults().withUnbiased(false), whitened);
    file.compare(name + "_whitened_biased", whitened);
    file.compare(name + "_var_biased", stats.variance());
    Kernels.whiten(advantages, mask, WhitenOptions.defaults().withKeepMean(true), whitened);
    file.compare(name + "_whitened_keep_mean", whitened);
  }

  private static void packed(VectorFile file, String name, GaeOptions options) {
    NativeArray rewards = file.input("packed_rewards");
    TokenLayout layout = TokenLayout.packed(rewards.length(), file.input("cu_seqlens"));
    NativeArray advantages = file.output(DType.F32, layout.tokens());
    NativeArray returns = file.output(DType.F32, layout.tokens());
    Kernels.gae(layout, rewards, file.input("packed_values"), options, advantages, returns);
    file.compare(name + "_packed_advantages", advantages);
    file.compare(name + "_packed_returns", returns);
    Kernels.whiten(advantages, null, WhitenOptions.defaults(), advantages);
    file.compare(name + "_packed_whitened", advantages);
  }
}
