// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

/**
 * Outputs of {@link Kernels#valueLoss}, {@link DType#F32} [N]; 0 at masked tokens.
 *
 * An output that is null is not computed or not stored.
 *
 * @param perToken the larger of the two squared errors, before the factor 0.5
 * @param gradValues d loss / d values; may be the values themselves (in place)
 */
public record ValueLossOutputs(
    NativeArray perToken, NativeArray gradValues) {

  private static final ValueLossOutputs NONE = new ValueLossOutputs(null, null);

  /** Asks for no output but the statistics. */
  public static ValueLossOutputs none() {
    return NONE;
  }

  /** Returns a copy with {@code perToken} replaced. */
  public ValueLossOutputs withPerToken(NativeArray value) {
    return new ValueLossOutputs(value, gradValues);
  }

  /** Returns a copy with {@code gradValues} replaced. */
  public ValueLossOutputs withGradValues(NativeArray value) {
    return new ValueLossOutputs(perToken, value);
  }
}
