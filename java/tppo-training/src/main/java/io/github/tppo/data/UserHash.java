// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.data;

import java.nio.charset.StandardCharsets;

/**
 * A seeded 64-bit hash of user ids that deals users to splits. The id's UTF-8 bytes are taken eight at a time (little
 * endian, the last ones padded with zeros); each word is added into the state by exclusive or and mixed by SplitMix64's
 * finaliser, and the length comes last. The result depends on nothing but the seed and the id, so a user stays in
 * its split when files are reordered, cut up, or added.
 */
final class UserHash {
  private static final long GOLDEN = 0x9e3779b97f4a7c15L;

  private UserHash() { }

  /** The hash; unsigned order of these is the order of users in the prepared files. */
  static long of(long seed, String user) {
    byte[] utf8 = user.getBytes(StandardCharsets.UTF_8);
    return of(seed, utf8, 0, utf8.length);
  }

  /** The hash of an id in UTF-8. */
  static long of(long seed, byte[] bytes, int from, int to) {
    int length = to - from;
    long h = mix(seed + GOLDEN);
    for (int i = 0; i < length; i += 8) {
      long word = 0;
      for (int k = 0; k < 8 && i + k < length; k++) {
        word |= (bytes[from + i + k] & 0xffL) << (8 * k);
      }
      h = mix(h ^ word) + GOLDEN;
    }
    return mix(h ^ length);
  }

  /** A number in [0, 1) from a hash, independent of the hash's order, so that a split is no stretch of the order. */
  static double unit(long hash) {
    return (mix(hash + GOLDEN) >>> 11) * 0x1.0p-53;
  }

  private static long mix(long z) {
    z = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9L;
    z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
    return z ^ (z >>> 31);
  }
}
