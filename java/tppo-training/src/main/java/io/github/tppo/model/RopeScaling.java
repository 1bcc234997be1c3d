// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

/**
 * Rotary position embedding: base frequencies and, for the {@code llama3} type, how long wavelengths are stretched.
 *
 * @param theta base; frequency n of a head of size d is {@code theta^(-2n/d)}
 * @param factor stretch of long wavelengths; 1 = the default type, no stretching
 * @param lowFrequencyFactor wavelengths above {@code originalMaxPositions / lowFrequencyFactor} are stretched wholly
 * @param highFrequencyFactor wavelengths below {@code originalMaxPositions / highFrequencyFactor} are not
 * @param originalMaxPositions context length of the model before stretching
 */
public record RopeScaling(
    double theta, double factor, double lowFrequencyFactor, double highFrequencyFactor, int originalMaxPositions) {

  public RopeScaling {
    if (!(theta > 0) || !(factor >= 1)) {
      throw new IllegalArgumentException("rope theta must be > 0 and factor >= 1, are " + theta + " and " + factor);
    }
    if (factor > 1 && (!(lowFrequencyFactor > 0) || !(highFrequencyFactor > lowFrequencyFactor) || originalMaxPositions < 1)) {
      throw new IllegalArgumentException("rope llama3 needs 0 < low_freq_factor < high_freq_factor and"
          + " original_max_position_embeddings >= 1, are " + lowFrequencyFactor + ", " + highFrequencyFactor + ", "
          + originalMaxPositions);
    }
  }

  /** The default type with base {@code theta}. */
  public static RopeScaling of(double theta) {
    return new RopeScaling(theta, 1, 1, 4, 0);
  }

  /** Whether this is the {@code llama3} type. */
  public boolean stretched() {
    return factor > 1;
  }

  /** The angle per position of each of the {@code headSize / 2} pairs, in radians. */
  double[] frequencies(int headSize) {
    double[] frequencies = new double[headSize / 2];
    for (int n = 0; n < frequencies.length; n++) {
      double f = Math.pow(theta, -2.0 * n / headSize);
      frequencies[n] = stretched() ? stretch(f) : f;
    }
    return frequencies;
  }

  private double stretch(double frequency) {
    double wavelength = 2 * Math.PI / frequency;
    if (wavelength > originalMaxPositions / lowFrequencyFactor) {
      return frequency / factor;
    }
    if (wavelength < originalMaxPositions / highFrequencyFactor) {
      return frequency;
    }
    double s = (originalMaxPositions / wavelength - lowFrequencyFactor) / (highFrequencyFactor - lowFrequencyFactor);
    return (1 - s) * frequency / factor + s * frequency;
  }
}
