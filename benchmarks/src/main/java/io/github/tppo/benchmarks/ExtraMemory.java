// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.benchmarks;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.openjdk.jmh.annotations.AuxCounters;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;

/** How much more memory a first call needs: growth of the peak of the resident set of this process (Linux). */
@State(Scope.Thread)
@AuxCounters(AuxCounters.Type.EVENTS)
public class ExtraMemory {

  private static final Path CLEAR = Path.of("/proc/self/clear_refs");
  private static final Path STATUS = Path.of("/proc/self/status");

  /** Bytes; 0 where the system does not tell. */
  public double extraBytes;

  /** Runs a call and returns the bytes by which it raised the peak. */
  static double of(Runnable call) {
    if (!Files.isWritable(CLEAR)) {
      call.run();
      return 0;
    }
    try {
      // 5 resets the peak to what is resident now.
      Files.writeString(CLEAR, "5");
      long before = kilobytes("VmRSS:");
      call.run();
      return 1024.0 * (kilobytes("VmHWM:") - before);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** A figure of this process in /proc/self/status. */
  static long kilobytes(String key) throws IOException {
    for (String line : Files.readAllLines(STATUS)) {
      if (line.startsWith(key)) {
        return Long.parseLong(line.substring(key.length()).replace("kB", "").strip());
      }
    }
    throw new IOException(STATUS + " has no " + key);
  }
}
