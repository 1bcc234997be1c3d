// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

/**
 * Settings of {@link Kernels#valueLoss}.
 *
 * @param clip values may move this far from the old ones; default 0.2, negative = no clipping
 * @param normalizer what the sum is divided by; 0 takes it from this call, a positive value makes micro-batches
 *     add up to a batch
 */
public record ValueLossOptions(
    double clip, double normalizer) {

  public ValueLossOptions {
    Checks.require(normalizer >= 0, "normalizer must not be negative, is " + normalizer);
  }

  private static final ValueLossOptions DEFAULTS =
      new ValueLossOptions(0.2, 0);

  /** Returns the documented defaults. */
  public static ValueLossOptions defaults() {
    return DEFAULTS;
  }

  /** Returns a copy with {@code clip} replaced. */
  public ValueLossOptions withClip(double value) {
    return new ValueLossOptions(value, normalizer);
  }

  /** Returns a copy with {@code normalizer} replaced. */
  public ValueLossOptions withNormalizer(double value) {
    return new ValueLossOptions(clip, value);
  }
}
