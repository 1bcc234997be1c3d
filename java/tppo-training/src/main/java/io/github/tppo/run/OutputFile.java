// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.run;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Objects;

/**
 * A file that is written, without a buffer. A write that fails names the file: Java's own message is "No space left on device" and does
 * not say where. Not thread safe.
 */
public final class OutputFile extends OutputStream {
  private final Path path;
  private final FileChannel channel;

  private OutputFile(Path path, OpenOption... options) throws IOException {
    this.path = path;
    this.channel = FileChannel.open(path, options);
  }

  /** Begins a file; one that is there is replaced. */
  public static OutputFile create(Path path) throws IOException {
    return new OutputFile(path, StandardOpenOption.CREATE, StandardOpenOption.WRITE, StandardOpenOption.TRUNCATE_EXISTING);
  }

  /** Goes on at the end of a file, or begins it. */
  public static OutputFile append(Path path) throws IOException {
    return new OutputFile(path, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
  }

  /** Writes a file in a folder that is itself being written aside: neither synced nor renamed, as {@link AtomicFiles#write} is. */
  public static void write(Path path, byte[] bytes) throws IOException {
    Objects.requireNonNull(bytes, "bytes");
    try (OutputFile file = create(path)) {
      file.write(bytes);
    }
  }

  /** The same as UTF-8 text. */
  public static void write(Path path, String text) throws IOException {
    write(path, text.getBytes(StandardCharsets.UTF_8));
  }

  /** What a failed write says. */
  public static IOException failure(Path path, IOException cause) {
    return new IOException(path + ": cannot be written: " + cause.getMessage(), cause);
  }

  @Override
  public void write(int b) throws IOException {
    write(new byte[] {(byte) b});
  }

  @Override
  public void write(byte[] bytes, int from, int length) throws IOException {
    Objects.checkFromIndexSize(from, length, Objects.requireNonNull(bytes, "bytes").length);
    ByteBuffer rest = ByteBuffer.wrap(bytes, from, length);
    try {
      while (rest.hasRemaining()) {
        channel.write(rest);
      }
    } catch (IOException e) {
      throw failure(path, e);
    }
  }

  /**
   * Waits until what was written is on the device.
   *
   * @param metadata whether the file's times and the like, too
   */
  public void sync(boolean metadata) throws IOException {
    try {
      channel.force(metadata);
    } catch (IOException e) {
      throw failure(path, e);
    }
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
