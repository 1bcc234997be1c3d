// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.report;

/** The grid, the labels of both scales and the name of the horizontal one, in a frame whose margins they fill. */
final class Axes {

  private Axes() {}

  /**
   * @param width of the figure; the grid lies between {@code left} and {@code right} of it
   * @param height of the figure
   * @param bottom height of the lower margin
   */
  static void write(Html html, Scale x, Scale y, String xLabel, int width, int height, int left, int right, int bottom) {
    for (double tick : y.ticks()) {
      String at = Numbers.at(y.at(tick));
      html.empty("line", "class", "grid", "x1", "" + left, "x2", "" + (width - right), "y1", at, "y2", at);
      html.element("text", y.label(tick), "class", "tick", "x", "" + (left - 6), "y", at, "dy", "0.35em", "text-anchor", "end");
    }
    for (double tick : x.ticks()) {
      html.element("text", x.label(tick), "class", "tick", "x", Numbers.at(x.at(tick)), "y", "" + (height - bottom + 15),
          "text-anchor", "middle");
    }
    html.element("text", xLabel, "class", "tick", "x", "" + (left + (width - left - right) / 2), "y", "" + (height - 5),
        "text-anchor", "middle");
  }
}
