// SPDX-License-Identifier: Apache-2.0
package io.github.tppo;

import com.sun.management.ThreadMXBean;
import io.github.tppo.run.AtomicFiles;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * What the fuzz tests hold every reader of foreign files to: it takes the bytes or refuses them with a documented exception that
 * says why, in little time (of the processor), and with memory in proportion to what it was given.
 */
public final class HostileInput {
  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();
  /** Buffers of fixed size that readers may take (the block of a bzip2 stream is 4.5 MB). */
  private static final long FREE_BYTES = 24L << 20;
  private static final long BYTES_PER_BYTE = 2048;
  private static final long MAX_NANOS = 5_000_000_000L;

  private HostileInput() {}

  /** Reads the input; what it returns is dropped. */
  @FunctionalInterface
  public interface Reader {
    /** Reads. */
    void read() throws Exception;
  }

  /** As {@link Reader}, from a file. */
  @FunctionalInterface
  public interface FileReader {
    /** Reads {@code file}. */
    void read(Path file) throws Exception;
  }

  /**
   * Runs a reader of {@code data}.
   *
   * @param refusals the exceptions by which the reader may refuse; every other one fails the test
   */
  @SafeVarargs
  public static void check(byte[] data, Reader reader, Class<? extends Exception>... refusals) {
    check(data.length, reader, refusals);
  }

  /** As {@link #check(byte[], Reader, Class[])}, for input of {@code length} bytes once it is unpacked. */
  @SafeVarargs
  public static void check(long length, Reader reader, Class<? extends Exception>... refusals) {
    // The first input also pays for the classes that it loads.
    if (!isModest(length, reader, refusals) && !isModest(length, reader, refusals)) {
      throw new AssertionError(length + " bytes made the reader take more than its share of time or memory");
    }
  }

  private static boolean isModest(long length, Reader reader, Class<? extends Exception>[] refusals) {
    long bytes = THREADS.getCurrentThreadAllocatedBytes();
    long nanos = THREADS.getCurrentThreadCpuTime();
    try {
      reader.read();
    } catch (Exception e) {
      refused(e, refusals);
    }
    nanos = THREADS.getCurrentThreadCpuTime() - nanos;
    bytes = THREADS.getCurrentThreadAllocatedBytes() - bytes;
    return nanos <= MAX_NANOS && bytes <= FREE_BYTES + BYTES_PER_BYTE * length;
  }

  /** As {@link #check(byte[], Reader, Class[])}, with the data in a file of the given name. */
  @SafeVarargs
  public static void checkFile(byte[] data, String name, FileReader reader, Class<? extends Exception>... refusals)
      throws IOException {
    Path file = Folder.PATH.resolve(name);
    Files.write(file, data);
    check(data, () -> reader.read(file), refusals);
  }

  /** A folder for the files of this process. */
  public static Path folder() {
    return Folder.PATH;
  }

  private static void refused(Exception e, Class<? extends Exception>[] refusals) {
    for (Class<? extends Exception> refusal : refusals) {
      if (refusal.isInstance(e)) {
        if (e.getMessage() == null || e.getMessage().isBlank() || e.getMessage().equals("null")) {
          throw new AssertionError("refused without a reason", e);
        }
        return;
      }
    }
    throw new AssertionError("refused by an exception that is not documented: " + e, e);
  }

  private static final class Folder {
    static final Path PATH = make();

    private static Path make() {
      try {
        Path folder = Files.createTempDirectory("hostile");
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
          try {
            AtomicFiles.delete(folder);
          } catch (IOException e) {
            System.err.println(folder + ": not deleted: " + e);
          }
        }));
        return folder;
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }
}
