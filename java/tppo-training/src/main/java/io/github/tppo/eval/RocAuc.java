// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.eval;

import io.github.tppo.run.Check;
import it.unimi.dsi.fastutil.ints.IntArrays;

/** Area under the ROC curve, as scikit-learn's {@code roc_auc_score} defines it. */
public final class RocAuc {
  private RocAuc() {}

  /**
   * Probability that a positive is scored above a negative, ties counting one half.
   *
   * @return the area, or NaN if one of the two kinds is absent
   */
  public static double binary(float[] scores, boolean[] positive) {
    int n = scores.length;
    if (positive.length != n) {
      throw new IllegalArgumentException("positive: " + positive.length + " values, expected " + n);
    }
    int[] order = new int[n];
    for (int i = 0; i < n; i++) {
      order[i] = i;
    }
    IntArrays.quickSort(order, (a, b) -> Float.compare(scores[a], scores[b]));
    double rankSum = 0;
    long positives = 0;
    for (int i = 0; i < n; ) {
      int end = i;
      while (end < n && scores[order[end]] == scores[order[i]]) {
        end++;
      }
      double rank = (i + 1 + end) / 2.0; // ties share the mean of their ranks
      for (int k = i; k < end; k++) {
        if (positive[order[k]]) {
          rankSum += rank;
          positives++;
        }
      }
      i = end == i ? i + 1 : end; // a NaN equals nothing, not even itself
    }
    long negatives = n - positives;
    if (positives == 0 || negatives == 0) {
      return Double.NaN;
    }
    return (rankSum - positives * (positives + 1) / 2.0) / ((double) positives * negatives);
  }

  /**
   * One-vs-rest areas of all classes, averaged with the classes' frequencies as weights (SPEC 4).
   * Classes without a token are left out.
   *
   * @param probabilities row-major {@code [n, classes]}
   * @param labels class of each of the n tokens
   */
  public static double weightedOneVsRest(float[] probabilities, int[] labels, int classes) {
    int n = labels.length;
    Check.atLeast("classes", classes, 1);
    if (probabilities.length != (long) n * classes) {
      throw new IllegalArgumentException("probabilities: " + probabilities.length + " values, expected " + (long) n * classes);
    }
    double sum = 0;
    double weight = 0;
    float[] scores = new float[n];
    boolean[] positive = new boolean[n];
    for (int c = 0; c < classes; c++) {
      long count = 0;
      for (int i = 0; i < n; i++) {
        scores[i] = probabilities[i * classes + c];
        positive[i] = labels[i] == c;
        count += positive[i] ? 1 : 0;
      }
      double auc = binary(scores, positive);
      if (!Double.isNaN(auc)) {
        sum += auc * count;
        weight += count;
      }
    }
    return weight == 0 ? Double.NaN : sum / weight;
  }
}
