// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

/**
 * Philox4x32-10, a counter-based random generator (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011); the
 * same bits as {@code native/math/philox.h}. A number depends only on (seed, stream, position), so nothing about batches or
 * threads can change it.
 */
final class Philox {

  private static final long MULTIPLIER_0 = 0xD2511F53L;
  private static final long MULTIPLIER_1 = 0xCD9E8D57L;
  private static final int WEYL_0 = 0x9E3779B9;
  private static final int WEYL_1 = 0xBB67AE85;
  private static final long UNSIGNED = 0xFFFFFFFFL;

  private Philox() {
  }

  /**
   * Writes the four random words of a counter into {@code out[0..3]}.
   *
   * @param seed the key
   * @param low counter words 0 and 1
   * @param high counter words 2 and 3
   */
  static void words(long seed, long low, long high, int[] out) {
    int c0 = (int) low;
    int c1 = (int) (low >>> 32);
    int c2 = (int) high;
    int c3 = (int) (high >>> 32);
    int k0 = (int) seed;
    int k1 = (int) (seed >>> 32);
    for (int round = 0; round < 10; round++) {
      long a = MULTIPLIER_0 * (c0 & UNSIGNED);
      long b = MULTIPLIER_1 * (c2 & UNSIGNED);
      c0 = (int) (b >>> 32) ^ c1 ^ k0;
      c2 = (int) (a >>> 32) ^ c3 ^ k1;
      c1 = (int) b;
      c3 = (int) a;
      k0 += WEYL_0;
      k1 += WEYL_1;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
  }

  /** A uniform number in [0, 1) with 53 random bits. */
  static double uniform(long seed, long stream, long position) {
    int[] words = new int[4];
    words(seed, position, stream, words);
    return toUniform(words[0], words[1]);
  }

  /** As {@link #normals(long, long, long, float[])} from element 0. */
  static void normals(long seed, long stream, float[] out) {
    normals(seed, stream, 0, out);
  }

  /**
   * Fills {@code out} with standard normal numbers: elements from, from + 1, ... of stream {@code stream}, by Box and Muller's method.
   *
   * @param from even
   */
  static void normals(long seed, long stream, long from, float[] out) {
    int[] words = new int[4];
    for (int i = 0; i < out.length; i += 2) {
      words(seed, (from + i) / 2, stream, words);
      // StrictMath gives the same bits on every platform; 1 - u keeps the logarithm finite
      double radius = StrictMath.sqrt(-2 * StrictMath.log(1 - toUniform(words[0], words[1])));
      double angle = 2 * Math.PI * toUniform(words[2], words[3]);
      out[i] = (float) (radius * StrictMath.cos(angle));
      if (i + 1 < out.length) {
        out[i + 1] = (float) (radius * StrictMath.sin(angle));
      }
    }
  }

  private static double toUniform(int high, int low) {
    long bits = ((high & UNSIGNED) << 21) | ((low & UNSIGNED) >>> 11);
    return bits * 0x1.0p-53;
  }
}
