// SPDX-License-Identifier: Apache-2.0
package io.github.tppo;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** The most memory that was resident while something ran, on Linux. */
public final class PeakMemory {
  private static final Path RESET = Path.of("/proc/self/clear_refs");

  private PeakMemory() {}

  /** Bytes by which the resident memory grew at most while {@code task} ran; a test is skipped where that cannot be known. */
  public static long of(Runnable task) throws IOException {
    assumeTrue(Files.isWritable(RESET));
    Files.writeString(RESET, "5", StandardOpenOption.WRITE);
    long before = peak();
    task.run();
    return peak() - before;
  }

  private static long peak() throws IOException {
    for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
      if (line.startsWith("VmHWM:")) {
        return Long.parseLong(line.replaceAll("[^0-9]", "")) * 1024;
      }
    }
    throw new IOException("/proc/self/status has no VmHWM");
  }
}
