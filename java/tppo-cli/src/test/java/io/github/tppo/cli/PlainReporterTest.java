// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.tppo.run.ProgressListener;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class PlainReporterTest {
  private final AtomicLong clock = new AtomicLong();
  private final StringWriter text = new StringWriter();
  private final PlainReporter reporter = new PlainReporter(new PrintWriter(text), clock::get);

  private void at(double seconds) {
    clock.set((long) (seconds * 1e9));
  }

  @Test
  void atMostOneLineInAFewSeconds() {
    ProgressListener task = reporter.task("sft");
    for (int i = 1; i <= 100; i++) {
      at(i * 0.1);
      task.update(i, 200, "");
    }
    reporter.close();
    reporter.close();
    assertEquals(List.of("  sft: 50/200 (25 %), 10/s, 15 s left", "  sft: 100/200 (50 %), 10/s, 10 s left"),
        text.toString().lines().toList());
  }

  @Test
  void lastStateOfAShortTaskIsShown() {
    ProgressListener task = reporter.task("prepare");
    at(1);
    task.update(10, -1, "loss 2.5");
    reporter.message("between");
    task.update(11, -1, "");
    reporter.task("sft");
    reporter.message("done");
    assertEquals(List.of("  prepare: 10, loss 2.5", "between", "  prepare: 11", "done"), text.toString().lines().toList());
  }

  @Test
  void rateOfATaskThatGoesOnLeavesOutWhatWasDoneBefore() {
    ProgressListener task = reporter.task("sft");
    task.update(90, 100, "");
    at(10);
    task.update(95, 100, "");
    assertEquals(List.of("  sft: 95/100 (95 %), 0.50/s, 10 s left"), text.toString().lines().toList());
  }

  @Test
  void durations() {
    assertEquals("59 s", PlainReporter.duration(59.4));
    assertEquals("1:05 min", PlainReporter.duration(65));
    assertEquals("2:03 h", PlainReporter.duration(7380));
  }
}
