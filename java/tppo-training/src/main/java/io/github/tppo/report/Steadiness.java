// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.report;

import com.fasterxml.jackson.databind.JsonNode;

/**
 * How steady a training score is. Both figures are in standard deviations of the first round's scores, which are those of
 * the common start: the reward models of two methods have different scales, and only so can they be compared.
 *
 * @param spread mean over the rounds of the standard deviation over the responses of a round
 * @param change standard deviation of the change of the mean score from one round to the next; a steady rise is no change
 */
record Steadiness(double spread, double change) {
  private static final int LEAST_ROUNDS = 3;

  /** Measures {@code {"score_mean": [..], "score_std": [..]}}; null when there are fewer than three rounds or no spread. */
  static Steadiness of(JsonNode training) {
    double[] mean = numbers(training.path("score_mean"));
    double[] deviation = numbers(training.path("score_std"));
    if (mean.length < LEAST_ROUNDS || deviation.length != mean.length || !(deviation[0] > 0)) {
      return null;
    }
    double spread = 0;
    for (double d : deviation) {
      spread += d / deviation.length;
    }
    int n = mean.length - 1;
    double drift = (mean[n] - mean[0]) / n;
    double squares = 0;
    for (int i = 1; i <= n; i++) {
      double off = mean[i] - mean[i - 1] - drift;
      squares += off * off;
    }
    double change = Math.sqrt(squares / (n - 1));
    return Double.isFinite(spread) && Double.isFinite(change) ? new Steadiness(spread / deviation[0], change / deviation[0]) : null;
  }

  private static double[] numbers(JsonNode array) {
    double[] all = new double[array.size()];
    for (int i = 0; i < all.length; i++) {
      all[i] = Numbers.of(array.path(i));
    }
    return all;
  }

  boolean steadierThan(Steadiness other) {
    return spread < other.spread && change < other.change;
  }
}
