// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.tppo.report.Metrics.Point;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.w3c.dom.Element;

final class LineChartTest {
  private static Page draw(LineChart chart) throws Exception {
    Html html = new Html();
    chart.write(html);
    return Page.of(html.toString());
  }

  private static List<Element> styled(Page page, String tag, String style) {
    return page.elements(tag).stream().filter(e -> e.getAttribute("class").startsWith(style)).toList();
  }

  @Test
  void aMarkOutsideOfTheLineWidensTheAxis() throws Exception {
    Page page = draw(new LineChart("t", "", "x").line("a", "c-first", List.of(Point.of(20, 1), Point.of(24, 2))).mark(10, "here"));
    double mark = Double.parseDouble(styled(page, "line", "reference").get(0).getAttribute("x1"));
    double first = Double.parseDouble(styled(page, "circle", "dot").get(0).getAttribute("cx"));
    double last = Double.parseDouble(styled(page, "circle", "dot").get(1).getAttribute("cx"));
    assertEquals((20 - 10) / 4.0, (first - mark) / (last - first), 0.01, "distances are those of the values");
  }

  @Test
  void bandsAndIntervalsNeedNotLieEvenlyAroundTheLine() throws Exception {
    List<Point> points = List.of(new Point(0, 1, 0, 5), new Point(1, 2, 1, 6));
    Page band = draw(new LineChart("t", "", "x").line("a", "c-first", points));
    assertEquals(1, styled(band, "path", "band").size());
    assertEquals(0, styled(band, "path", "interval").size());
    Page intervals = draw(new LineChart("t", "", "x").measured("a", "c-first", points));
    assertEquals(0, styled(intervals, "path", "band").size());
    String[] ends = styled(intervals, "path", "interval").get(0).getAttribute("d").split("[MV ]+");
    double middle = Double.parseDouble(styled(intervals, "circle", "dot").get(0).getAttribute("cy"));
    double low = Double.parseDouble(ends[2]) - middle;
    double high = middle - Double.parseDouble(ends[3]);
    assertEquals(4, high / low, 0.05, "5 is four times as far from 1 as 0 is");
    assertTrue(intervals.text().contains("1 (0 to 5.00)") || intervals.text().contains("1.00 (0 to 5.00)"), intervals.text());
  }
}
