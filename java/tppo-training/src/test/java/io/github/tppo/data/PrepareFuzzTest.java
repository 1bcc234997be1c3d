// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.tppo.run.ProgressListener;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Damaged logs of every form end in counts that add up, or in a message that names the file. */
class PrepareFuzzTest {
  private static final byte[][] NASTY = {{0}, {'\n'}, {'\r'}, {'\t'}, {'"'}, {','}, {(byte) 0xff}, {'{'}, {'}', '}'}, {'\\'},
      {(byte) 0xef, (byte) 0xbb, (byte) 0xbf}, {(byte) 0xe2, (byte) 0x80, (byte) 0xa8}, {(byte) 0xc3}, {'\\', 'u', 'd', '8', '0', '0'}};
  @TempDir Path folder;

  private static String log(DataConfig.Form form) {
    StringBuilder out = new StringBuilder(switch (form) {
      case AOL -> LogFiles.AOL_HEADER;
      case DELIMITED -> "user,time,query\n";
      default -> "";
    });
    for (int u = 0; u < 40; u++) {
      for (int q = 0; q < (form == DataConfig.Form.INDUSTRIAL ? 1 : 6); q++) {
        out.append(switch (form) {
          case AOL -> LogFiles.aol("u" + u, LogFiles.query(u, q), q);
          case EXCITE -> "u" + u + "\t97091610540" + q + "\t" + LogFiles.query(u, q) + "\n";
          case DELIMITED -> "u" + u + "," + LogFiles.time(q) + ",\"" + LogFiles.query(u, q) + "\"\n";
          case INDUSTRIAL -> "{\"user\":\"u" + u + "\",\"history\":{\"search\":[\"kettle\",\"" + LogFiles.query(u, q)
              + "\"]},\"target_queries\":[\"a\",\"b\",\"c\"]}\n";
        });
      }
    }
    return out.toString();
  }

  private static byte[] damage(byte[] bytes, int times, Random random) {
    byte[] b = bytes;
    for (int i = 0; i < times; i++) {
      int at = random.nextInt(b.length);
      byte[] insert = random.nextInt(3) == 0 ? new byte[] {(byte) random.nextInt(256)} : NASTY[random.nextInt(NASTY.length)];
      int skip = Math.min(random.nextInt(3), b.length - at);
      b = LogFiles.concat(Arrays.copyOf(b, at), insert, Arrays.copyOfRange(b, at + skip, b.length));
    }
    return random.nextInt(4) == 0 ? Arrays.copyOf(b, random.nextInt(b.length)) : b;
  }

  @ParameterizedTest
  @EnumSource
  void damageEndsInCountsOrAMessage(DataConfig.Form form) throws IOException {
    byte[] good = LogFiles.utf8(log(form));
    byte[][] packed = {good, LogFiles.gzip(good), LogFiles.bzip2(good)};
    Path file = folder.resolve("damaged.log");
    Path out = folder.resolve("out");
    Random random = new Random(form.ordinal());
    int prepared = 0;
    for (int round = 0; round < 60; round++) {
      // Half of the rounds damage the text, the others what is on disk.
      byte[] bytes = round % 2 == 0 ? damage(good, 1 + random.nextInt(30), random)
          : damage(packed[random.nextInt(3)], 1 + random.nextInt(2), random);
      Files.write(file, bytes);
      try {
        DataStats stats = Prepare.run(LogFiles.config(List.of(file), "form=" + form, "max_line_bytes=300"), out,
            0, ProgressListener.NONE);
        prepared++;
        long dropped = stats.rowsDropped().values().stream().mapToLong(Long::longValue).sum();
        assertEquals(stats.rowsRead(), stats.rowsKept() + dropped);
        assertTrue(stats.rowsKept() >= 0);
        assertEquals(stats.examples(Split.TRAIN), Examples.read(out.resolve("train.jsonl")).size());
      } catch (DataException e) {
        assertTrue(e.getMessage().startsWith("data.files: ") || e.getMessage().contains("damaged.log"), e.getMessage());
      }
    }
    assertTrue(prepared > 20, "prepared " + prepared);
  }
}
