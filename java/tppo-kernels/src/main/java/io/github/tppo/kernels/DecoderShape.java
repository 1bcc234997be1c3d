// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

import java.util.Arrays;

/**
 * Sizes and settings of a decoder of the Llama, Mistral and Qwen2 family.
 *
 * @param hiddenSize H, at least 1
 * @param intermediateSize I, at least 1
 * @param layers number of layers, at least 1
 * @param heads query heads, a multiple of {@code kvHeads}
 * @param kvHeads key/value heads, at least 1
 * @param headSize even; need not be {@code hiddenSize / heads}
 * @param vocabSize V, at least 1
 * @param rmsNormEps added to the mean of squares, at least 0
 * @param ropeFrequencies {@code headSize / 2} angles per position in radians, of the rotary position embedding
 * @param windows for each layer how many positions, its own included, a row attends to; 0 = all
 */
public record DecoderShape(int hiddenSize, int intermediateSize, int layers, int heads, int kvHeads, int headSize,
    int vocabSize, double rmsNormEps, double[] ropeFrequencies, int[] windows) {

  public DecoderShape {
    positive("hiddenSize", hiddenSize);
    positive("intermediateSize", intermediateSize);
    positive("layers", layers);
    positive("heads", heads);
    positive("kvHeads", kvHeads);
    positive("headSize", headSize);
    positive("vocabSize", vocabSize);
    Checks.require(heads % kvHeads == 0, "heads " + heads + " is not a multiple of kvHeads " + kvHeads);
    Checks.require(headSize % 2 == 0, "headSize must be even, is " + headSize);
    Checks.require(rmsNormEps >= 0 && rmsNormEps < Double.POSITIVE_INFINITY,
        "rmsNormEps must be finite and at least 0, is " + rmsNormEps);
    Checks.require(ropeFrequencies != null && ropeFrequencies.length == headSize / 2,
        "ropeFrequencies must be headSize / 2 = " + headSize / 2 + " numbers");
    Checks.require(windows != null && windows.length == layers, "windows must be one number for each of " + layers
        + " layers");
    for (int window : windows) {
      Checks.require(window >= 0, "window must not be negative, is " + window);
    }
    ropeFrequencies = ropeFrequencies.clone();
    windows = windows.clone();
  }

  private static void positive(String name, int value) {
    Checks.require(value >= 1, name + " must be at least 1, is " + value);
  }

  @Override
  public double[] ropeFrequencies() {
    return ropeFrequencies.clone();
  }

  @Override
  public int[] windows() {
    return windows.clone();
  }

  /** Compares frequencies and windows by what they hold. */
  @Override
  public boolean equals(Object other) {
    return other instanceof DecoderShape that && hiddenSize == that.hiddenSize
        && intermediateSize == that.intermediateSize && sameCache(that) && heads == that.heads
        && vocabSize == that.vocabSize && rmsNormEps == that.rmsNormEps
        && Arrays.equals(windows, that.windows);
  }

  @Override
  public int hashCode() {
    return 31 * (31 * hiddenSize + vocabSize) + Arrays.hashCode(ropeFrequencies);
  }

  /** Whether a cache for the other shape serves this one too. */
  boolean sameCache(DecoderShape that) {
    return layers == that.layers && kvHeads == that.kvHeads && headSize == that.headSize
        && Arrays.equals(ropeFrequencies, that.ropeFrequencies);
  }
}
