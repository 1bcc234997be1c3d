// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.data;

import java.io.BufferedInputStream;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.GZIPInputStream;
import org.apache.commons.compress.compressors.bzip2.BZip2CompressorInputStream;

/**
 * The decompressed bytes of a log: plain, gzip (any number of members) or bzip2, told apart by the first bytes and
 * not by the name. A compressed stream that ends early or is damaged gives every byte before the damage; then
 * {@link #read(byte[], int, int)} answers -1 and {@link #damage()} says what was wrong. A fault of the disk is thrown.
 */
final class LogStream extends InputStream implements LogChunks.Source {
  private final Raw raw;
  private final boolean gzip;
  private final boolean bzip2;
  private InputStream in;
  private String damage;

  private LogStream(Raw raw, boolean gzip, boolean bzip2) {
    this.raw = raw;
    this.gzip = gzip;
    this.bzip2 = bzip2;
  }

  /**
   * Opens a file.
   *
   * @throws DataException if the first bytes show a form that is not read (xz, zstd, zip, UTF-16)
   * @throws IOException if the file cannot be opened
   */
  static LogStream open(Path file) throws IOException {
    Raw raw = new Raw(Files.newInputStream(file));
    try {
      raw.mark(8);
      byte[] head = raw.readNBytes(4);
      raw.reset();
      raw.count = 0;
      raw.ended = false;
      refuseForeign(file, head);
      return new LogStream(raw, starts(head, 0x1f, 0x8b), starts(head, 'B', 'Z', 'h'));
    } catch (IOException e) {
      raw.close();
      throw e;
    }
  }

  private static void refuseForeign(Path file, byte[] head) throws DataException {
    String form = starts(head, 0xfd, '7', 'z', 'X') ? "xz"
        : starts(head, 0x28, 0xb5, 0x2f, 0xfd) ? "zstd"
        : starts(head, 'P', 'K', 3, 4) ? "a zip archive"
        : starts(head, 0xff, 0xfe) || starts(head, 0xfe, 0xff) ? "UTF-16 text" : null;
    if (form != null) {
      throw new DataException(file + ": is " + form + "; expected UTF-8 text, plain or compressed with gzip or bzip2");
    }
  }

  private static boolean starts(byte[] head, int... magic) {
    if (head.length < magic.length) {
      return false;
    }
    for (int i = 0; i < magic.length; i++) {
      if ((head[i] & 0xff) != magic[i]) {
        return false;
      }
    }
    return true;
  }

  /** Bytes taken from the file so far, before decompression. */
  @Override
  public long bytesRead() {
    return raw.count;
  }

  /** Null, or why the decompressed bytes end before the data did. */
  @Override
  public String damage() {
    return damage;
  }

  @Override
  public int read() throws IOException {
    byte[] one = new byte[1];
    return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
  }

  @Override
  public int read(byte[] to, int offset, int length) throws IOException {
    if (damage != null) {
      return -1;
    }
    if (!gzip && !bzip2) {
      return raw.read(to, offset, length);
    }
    int n = 0;
    try {
      if (in == null) {
        in = gzip ? new GZIPInputStream(raw, 1 << 16) : new BZip2CompressorInputStream(raw, true);
      }
      if (gzip) {
        return in.read(to, offset, length);
      }
      // The array read of the bzip2 stream loses what it had unpacked when it meets damage; single bytes do not.
      for (int b; n < length && (b = in.read()) >= 0; n++) {
        to[offset + n] = (byte) b;
      }
      return n == 0 ? -1 : n;
    } catch (IOException e) {
      if (raw.fault != null) {
        throw raw.fault;
      }
      damage = (raw.ended ? "ends early (truncated " : "is damaged (") + (gzip ? "gzip" : "bzip2") + " data after "
          + raw.count + " compressed bytes)";
      return n == 0 ? -1 : n;
    }
  }

  @Override
  public void close() throws IOException {
    if (in != null) {
      in.close();
    }
    raw.close();
  }

  /** Counts bytes and remembers whether a failure came from the disk or the end was reached. */
  private static final class Raw extends FilterInputStream {
    private long count;
    private boolean ended;
    private IOException fault;

    Raw(InputStream file) {
      super(new BufferedInputStream(file, 1 << 16));
    }

    @Override
    public int read() throws IOException {
      try {
        int b = in.read();
        counted(b < 0 ? -1 : 1);
        return b;
      } catch (IOException e) {
        fault = e;
        throw e;
      }
    }

    @Override
    public int read(byte[] b, int off, int len) throws IOException {
      try {
        return counted(in.read(b, off, len));
      } catch (IOException e) {
        fault = e;
        throw e;
      }
    }

    private int counted(int n) {
      if (n < 0) {
        ended = true;
      } else {
        count += n;
      }
      return n;
    }
  }
}
