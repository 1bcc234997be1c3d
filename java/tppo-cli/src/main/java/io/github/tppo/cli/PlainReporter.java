// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.cli;

import io.github.tppo.run.ProgressListener;
import io.github.tppo.run.Reporter;
import java.io.PrintWriter;
import java.util.Locale;
import java.util.function.LongSupplier;

/** Progress as plain lines, at most one every few seconds: for logs, pipes and continuous integration. */
final class PlainReporter implements Reporter {
  private static final long INTERVAL_NANOS = 5_000_000_000L;

  private final PrintWriter out;
  private final LongSupplier nanoTime;
  private Task current;

  PlainReporter(PrintWriter out, LongSupplier nanoTime) {
    this.out = out;
    this.nanoTime = nanoTime;
  }

  @Override
  public synchronized ProgressListener task(String name) {
    close();
    current = new Task(name, nanoTime.getAsLong());
    return current;
  }

  @Override
  public synchronized void message(String line) {
    printHeldBack();
    print(line);
  }

  @Override
  public synchronized void close() {
    printHeldBack();
    current = null;
  }

  /** Prints the last state of the task when that was held back, so that lines stand in their order. */
  private void printHeldBack() {
    if (current != null && current.heldBack != null) {
      print(current.heldBack);
      current.heldBack = null;
    }
  }

  private void print(String line) {
    out.println(line);
    out.flush();
  }

  private final class Task implements ProgressListener {
    private final String name;
    private long lastPrint;
    private String heldBack;
    /** The first update: a task that goes on has not done what it begins with, so the rate counts from there. */
    private long firstDone = -1;
    private long firstTime;

    Task(String name, long now) {
      this.name = name;
      this.lastPrint = now;
    }

    @Override
    public void update(long done, long total, String note) {
      synchronized (PlainReporter.this) {
        long now = nanoTime.getAsLong();
        if (firstDone < 0) {
          firstDone = done;
          firstTime = now;
        }
        String line = line(done, total, note, (now - firstTime) * 1e-9);
        if (now - lastPrint >= INTERVAL_NANOS) {
          print(line);
          lastPrint = now;
          heldBack = null;
        } else {
          heldBack = line;
        }
      }
    }

    private String line(long done, long total, String note, double seconds) {
      StringBuilder line = new StringBuilder("  ").append(name).append(": ").append(done);
      double rate = seconds > 0 ? (done - firstDone) / seconds : 0;
      if (total > 0) {
        line.append('/').append(total).append(String.format(Locale.ROOT, " (%d %%)", 100 * done / total));
      }
      if (rate > 0) {
        line.append(String.format(Locale.ROOT, rate < 10 ? ", %.2f/s" : ", %.0f/s", rate));
        if (total > done) {
          line.append(", ").append(duration((total - done) / rate)).append(" left");
        }
      }
      return note.isEmpty() ? line.toString() : line.append(", ").append(note).toString();
    }
  }

  static String duration(double seconds) {
    long s = Math.round(seconds);
    if (s < 60) {
      return s + " s";
    }
    return s < 3600 ? String.format(Locale.ROOT, "%d:%02d min", s / 60, s % 60)
        : String.format(Locale.ROOT, "%d:%02d h", s / 3600, s % 3600 / 60);
  }
}
