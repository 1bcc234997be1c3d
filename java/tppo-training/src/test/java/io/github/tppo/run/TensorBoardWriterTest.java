// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.run;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TensorBoardWriterTest {
  @TempDir
  Path dir;

  /** The data of each frame, after checking the frame's checksums. */
  private static List<byte[]> frames(Path file) throws IOException {
    ByteBuffer in = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
    List<byte[]> out = new ArrayList<>();
    while (in.hasRemaining()) {
      byte[] length = new byte[8];
      in.get(length);
      assertEquals(TensorBoardWriter.maskedCrc(length), in.getInt());
      byte[] data = new byte[(int) ByteBuffer.wrap(length).order(ByteOrder.LITTLE_ENDIAN).getLong()];
      in.get(data);
      assertEquals(TensorBoardWriter.maskedCrc(data), in.getInt());
      out.add(data);
    }
    return out;
  }

  /** The steps of the events of a file, the first (the version's) left out. */
  static List<Long> steps(Path file) throws IOException {
    List<Long> out = new ArrayList<>();
    for (byte[] event : frames(file).subList(1, frames(file).size())) {
      assertEquals(0x10, event[9], "field 2 follows the wall time");
      out.add((long) event[10]);
    }
    return out;
  }

  @Test
  void checksumIsTensorFlows() throws IOException {
    // How every event file of TensorFlow begins: a frame of 24 bytes and the masked CRC-32C of that number.
    Path file = dir.resolve("events.out.tfevents.1.x");
    new TensorBoardWriter(file, 1.5).close();
    byte[] head = Arrays.copyOf(Files.readAllBytes(file), 12);
    assertArrayEquals(HexFormat.of().parseHex("1800000000000000a37f4b22"), head);
    // CRC-32C of "123456789" is E3069283 (RFC 3720's polynomial), masked as in TensorFlow's crc32c.h.
    int crc = 0xE3069283;
    assertEquals((crc >>> 15 | crc << 17) + 0xa282ead8, TensorBoardWriter.maskedCrc("123456789".getBytes(StandardCharsets.US_ASCII)));
  }

  @Test
  void scalarsAreEncodedAsTheProtocolSays() throws IOException {
    Path file = dir.resolve("events.out.tfevents.1.x");
    Map<String, Double> scalars = new LinkedHashMap<>();
    scalars.put("a/b", 1.0);
    scalars.put("c", Double.NaN);
    try (TensorBoardWriter writer = new TensorBoardWriter(file, 1.5)) {
      writer.write(300, 2.0, scalars);
    }
    String event = HexFormat.of().formatHex(frames(file).get(1));
    assertEquals("090000000000000040" + "10ac02" + "2a16" + "0a0a" + "0a03612f62" + "150000803f" + "0a08" + "0a0163"
        + "150000c07f", event);
  }
}
