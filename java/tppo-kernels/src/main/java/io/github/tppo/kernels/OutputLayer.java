// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

/**
 * Hidden states and the matrix of the output layer, from which a kernel makes the logits itself, a chunk of tokens at a
 * time: {@code logits = hidden weight^T}. An array of [N, V] never exists.
 *
 * @param hidden [N, H], {@link DType#F32}, {@link DType#BF16} or {@link DType#F16}; rows of masked tokens are not read
 * @param hiddenSize H, at least 1
 * @param hiddenStride elements from one row of {@code hidden} and {@code gradHidden} to the next, at least H
 * @param weight [V, H], contiguous, in the type of {@code hidden}
 * @param gradHidden output, d loss / d hidden, [N, H] in the type of {@code hidden}, 0 at masked tokens; must not
 *     overlap {@code hidden}; null if not wanted
 * @param gradWeight input and output, {@link DType#F32} [V, H]: d loss / d weight is added to what is there; null if
 *     not wanted
 * @param chunkTokens tokens whose logits exist at a time, rounded up to a multiple of 16; 0 lets the kernel choose
 */
public record OutputLayer(NativeArray hidden, long hiddenSize, long hiddenStride, NativeArray weight,
    NativeArray gradHidden, NativeArray gradWeight, long chunkTokens) {

  public OutputLayer {
    Checks.require(hidden != null, "hidden is null");
    Checks.requireFloating("hidden", hidden);
    Checks.require(hiddenSize >= 1, "hiddenSize must be at least 1, is " + hiddenSize);
    Checks.require(hiddenStride >= hiddenSize,
        "hiddenStride " + hiddenStride + " is less than hiddenSize " + hiddenSize);
    Checks.require(weight != null, "weight is null");
    Checks.require(weight.length() >= hiddenSize && weight.length() % hiddenSize == 0,
        "weight must hold whole rows of hiddenSize " + hiddenSize + ", is " + weight);
    Checks.require(chunkTokens >= 0, "chunkTokens must not be negative, is " + chunkTokens);
  }

  /**
   * Contiguous rows, forward only; V follows from the weight.
   *
   * @param hidden [N, H]
   * @param hiddenSize H
   * @param weight [V, H]
   */
  public static OutputLayer of(NativeArray hidden, long hiddenSize, NativeArray weight) {
    return new OutputLayer(hidden, hiddenSize, hiddenSize, weight, null, null, 0);
  }

  /** Returns V, the rows of the weight. */
  public long vocabSize() {
    return weight.length() / hiddenSize;
  }

  /** Returns a copy with both gradients replaced; either may be null. */
  public OutputLayer withGradients(NativeArray gradientOfHidden, NativeArray gradientOfWeight) {
    return new OutputLayer(
        hidden, hiddenSize, hiddenStride, weight, gradientOfHidden, gradientOfWeight, chunkTokens);
  }

  /** Returns a copy with {@code hiddenStride} replaced. */
  public OutputLayer withHiddenStride(long value) {
    return new OutputLayer(hidden, hiddenSize, value, weight, gradHidden, gradWeight, chunkTokens);
  }

  /** Returns a copy with {@code chunkTokens} replaced. */
  public OutputLayer withChunkTokens(long value) {
    return new OutputLayer(hidden, hiddenSize, hiddenStride, weight, gradHidden, gradWeight, value);
  }
}
