// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.cli;

import io.github.tppo.run.ProgressListener;
import io.github.tppo.run.Reporter;
import java.io.PrintStream;
import java.text.DecimalFormat;
import java.text.DecimalFormatSymbols;
import java.time.Duration;
import java.util.Locale;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarStyle;

/** Progress bars with rate and time left, for a terminal. */
final class TerminalReporter implements Reporter {
  private static final String CLEAR_LINE = "\r\u001b[K";

  private final PrintStream out;
  private final int width;
  private ProgressBar bar;

  TerminalReporter(PrintStream out, int width) {
    this.out = out;
    this.width = width;
  }

  @Override
  public synchronized ProgressListener task(String name) {
    close();
    return (done, total, note) -> update(name, done, total, note);
  }

  private synchronized void update(String name, long done, long total, String note) {
    if (bar != null && !bar.getTaskName().equals(name)) {
      return;
    }
    if (bar == null) {
      // The bar begins with the first update, at what was done before: a task that does nothing shows nothing.
      bar = ProgressBar.builder().setTaskName(name).setInitialMax(total).startsFrom(done, Duration.ZERO)
          .setStyle(ProgressBarStyle.UNICODE_BLOCK).setUpdateIntervalMillis(250)
          .showSpeed(new DecimalFormat("0.##", DecimalFormatSymbols.getInstance(Locale.ROOT)))
          .setConsumer(new ConsoleProgressBarConsumer(out, width)).build();
    }
    bar.maxHint(total);
    bar.stepTo(done);
    bar.setExtraMessage(note.isEmpty() ? "" : " " + note);
  }

  @Override
  public synchronized void message(String line) {
    out.print((bar == null ? "" : CLEAR_LINE) + line + System.lineSeparator());
    out.flush();
  }

  @Override
  public synchronized void close() {
    if (bar != null) {
      bar.close();
      bar = null;
    }
  }
}
