// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.run;

import java.io.BufferedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;
import java.util.zip.CRC32C;

/**
 * Writes scalars as a TensorBoard event file: TFRecord frames around {@code tensorflow.Event} messages, encoded by
 * hand because the six fields that are needed do not justify a protobuf dependency. Not thread safe.
 */
public final class TensorBoardWriter implements AutoCloseable {
  private static final int VARINT = 0;
  private static final int FIXED64 = 1;
  private static final int BYTES = 2;
  private static final int FIXED32 = 5;

  private final OutputStream out;
  private boolean closed;

  /**
   * Begins a file; one that is there is replaced.
   *
   * @param file its name must contain {@code tfevents}, or TensorBoard does not look at it
   * @param wallTime seconds since 1970
   */
  public TensorBoardWriter(Path file, double wallTime) throws IOException {
    out = new BufferedOutputStream(OutputFile.create(file));
    // Event { double wall_time = 1; int64 step = 2; string file_version = 3; Summary summary = 5; }
    Message event = new Message();
    event.fixed64(1, Double.doubleToLongBits(wallTime));
    event.bytes(3, "brain.Event:2".getBytes(StandardCharsets.UTF_8));
    record(event.toByteArray());
  }

  /** Writes the values of one step and hands them to the operating system. */
  public void write(long step, double wallTime, Map<String, Double> scalars) throws IOException {
    // Summary { repeated Value value = 1; }  Value { string tag = 1; float simple_value = 2; }
    if (closed) {
      throw new IllegalStateException("the events are closed");
    }
    Message summary = new Message();
    for (Map.Entry<String, Double> scalar : scalars.entrySet()) {
      Message value = new Message();
      value.bytes(1, scalar.getKey().getBytes(StandardCharsets.UTF_8));
      value.fixed32(2, Float.floatToIntBits(scalar.getValue().floatValue()));
      summary.bytes(1, value.toByteArray());
    }
    Message event = new Message();
    event.fixed64(1, Double.doubleToLongBits(wallTime));
    event.varint(2, step);
    event.bytes(5, summary.toByteArray());
    record(event.toByteArray());
    out.flush();
  }

  /** A frame: length (8 bytes), its checksum, the data, their checksum; all little-endian. */
  private void record(byte[] data) throws IOException {
    byte[] length = littleEndian(8).putLong(data.length).array();
    out.write(length);
    out.write(littleEndian(4).putInt(maskedCrc(length)).array());
    out.write(data);
    out.write(littleEndian(4).putInt(maskedCrc(data)).array());
  }

  /** CRC-32C, rotated and offset so that the checksum of data that contain checksums stays a good one. */
  static int maskedCrc(byte[] data) {
    CRC32C crc = new CRC32C();
    crc.update(data);
    int value = (int) crc.getValue();
    return Integer.rotateRight(value, 15) + 0xa282ead8;
  }

  private static ByteBuffer littleEndian(int bytes) {
    return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  @Override
  public void close() throws IOException {
    closed = true;
    out.close();
  }

  /** A protobuf message under construction. */
  private static final class Message {
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

    void varint(int field, long value) {
      raw(field << 3 | VARINT);
      raw(value);
    }

    void fixed64(int field, long bits) {
      raw(field << 3 | FIXED64);
      bytes.writeBytes(littleEndian(8).putLong(bits).array());
    }

    void fixed32(int field, int bits) {
      raw(field << 3 | FIXED32);
      bytes.writeBytes(littleEndian(4).putInt(bits).array());
    }

    void bytes(int field, byte[] value) {
      raw(field << 3 | BYTES);
      raw(value.length);
      bytes.writeBytes(value);
    }

    private void raw(long value) {
      long rest = value;
      while ((rest & ~0x7fL) != 0) {
        bytes.write((int) (rest & 0x7f | 0x80));
        rest >>>= 7;
      }
      bytes.write((int) rest);
    }

    byte[] toByteArray() {
      return bytes.toByteArray();
    }
  }
}
