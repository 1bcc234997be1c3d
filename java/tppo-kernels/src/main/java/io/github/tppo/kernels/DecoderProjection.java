// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

/**
 * One projection of a decoder: {@code y = weight x + bias + loraScale * loraB (loraA x)}.
 *
 * @param weight [out, in], row-major; {@link DType#F32}, {@link DType#BF16} or {@link DType#F16}
 * @param bias [out], in the type of the weight; null for none
 * @param loraA {@link DType#F32} [rank, in]; null for no low-rank pair
 * @param loraB {@link DType#F32} [out, rank]; null exactly when {@code loraA} is
 * @param loraScale factor of the low-rank pair, finite
 */
public record DecoderProjection(NativeArray weight, NativeArray bias, NativeArray loraA, NativeArray loraB,
    double loraScale) {

  public DecoderProjection {
    Checks.require(weight != null, "weight is null");
    Checks.require((loraA == null) == (loraB == null), "loraA and loraB must be given both or neither");
    Checks.require(Double.isFinite(loraScale), "loraScale must be finite, is " + loraScale);
  }

  /** A plain product. */
  public static DecoderProjection of(NativeArray weight) {
    return new DecoderProjection(weight, null, null, null, 1);
  }

  /** Returns a copy with {@code bias} replaced; it may be null. */
  public DecoderProjection withBias(NativeArray value) {
    return new DecoderProjection(weight, value, loraA, loraB, loraScale);
  }

  /** Returns a copy with the low-rank pair replaced. */
  public DecoderProjection withLora(NativeArray a, NativeArray b, double scale) {
    return new DecoderProjection(weight, bias, a, b, scale);
  }
}
