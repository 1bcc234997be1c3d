// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.report;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;

/**
 * A mean with its 95 % interval, as {@code results.json} holds it.
 *
 * @param low NaN when there is no interval
 * @param perSeed one value a seed; empty when not kept
 */
record Estimate(double mean, double low, double high, List<Double> perSeed) {

  /** Reads {@code {"mean", "ci95", "per_seed"}} or a plain number; null when there is neither. */
  static Estimate of(JsonNode node) {
    if (node.isNumber()) {
      return new Estimate(node.asDouble(), Double.NaN, Double.NaN, List.of());
    }
    double mean = Numbers.of(node.path("mean"));
    if (Double.isNaN(mean)) {
      return null;
    }
    List<Double> seeds = new ArrayList<>();
    node.path("per_seed").forEach(s -> seeds.add(Numbers.of(s)));
    return new Estimate(mean, Numbers.of(node.path("ci95").path(0)), Numbers.of(node.path("ci95").path(1)), seeds);
  }

  boolean hasInterval() {
    return !Double.isNaN(low) && !Double.isNaN(high);
  }

  /** The interval with brackets. */
  String interval(int decimals) {
    return "[" + Numbers.fixed(low, decimals) + ",\u00A0" + Numbers.fixed(high, decimals) + "]";
  }
}
