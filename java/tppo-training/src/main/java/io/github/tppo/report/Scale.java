// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.report;

import java.util.ArrayList;
import java.util.List;

/**
 * A linear axis: values from {@code low} to {@code high} on positions from {@code from} to {@code to}.
 *
 * @param step distance of the ticks
 */
record Scale(double low, double high, double from, double to, double step) {

  /** An axis that begins and ends at round numbers around the values. */
  static Scale round(double low, double high, double from, double to, int ticks) {
    double step = step(low, high, ticks);
    return new Scale(step * Math.floor(low / step + 1e-9), step * Math.ceil(high / step - 1e-9), from, to, step)
        .notEmpty();
  }

  /** An axis of exactly these values, with ticks at round numbers. */
  static Scale exact(double low, double high, double from, double to, int ticks) {
    return new Scale(low, high, from, to, step(low, high, ticks)).notEmpty();
  }

  private static double step(double low, double high, int ticks) {
    double raw = high > low ? (high - low) / ticks : Math.max(1e-3, Math.abs(low) / ticks);
    double power = Math.pow(10, Math.floor(Math.log10(raw)));
    double digit = raw / power;
    return power * (digit <= 1.0001 ? 1 : digit <= 2.0001 ? 2 : digit <= 5.0001 ? 5 : 10);
  }

  private Scale notEmpty() {
    return high > low ? this : new Scale(low - step, high + step, from, to, step);
  }

  /** The position of a value, held within the axis. */
  double at(double value) {
    double part = (Math.max(low, Math.min(high, value)) - low) / (high - low);
    return from + part * (to - from);
  }

  /** Round numbers on the axis. */
  List<Double> ticks() {
    List<Double> ticks = new ArrayList<>();
    long first = (long) Math.ceil(low / step - 1e-9);
    long last = (long) Math.floor(high / step + 1e-9);
    for (long i = first; i <= last; i++) {
      ticks.add(i * step);
    }
    return ticks;
  }

  /** A tick's label: as many decimals as the step needs. */
  String label(double tick) {
    double most = Math.max(Math.abs(low), Math.abs(high));
    if (tick != 0 && (most >= 1e5 || step < 1e-4)) {
      return Numbers.brief(tick);
    }
    return Numbers.fixed(tick, (int) Math.max(0, Math.ceil(-Math.log10(step) - 1e-9)));
  }
}
