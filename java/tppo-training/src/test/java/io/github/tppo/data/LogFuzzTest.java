// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.data;

import com.code_intelligence.jazzer.junit.FuzzTest;
import io.github.tppo.HostileInput;
import it.unimi.dsi.fastutil.longs.LongSets;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Logs of every form with any content, from their bytes to examples; {@link PrepareFuzzTest} damages whole logs on their
 * way through the stage.
 */
class LogFuzzTest {
  private static final long MAX_UNPACKED = 1 << 18;
  private static final Map<String, DataConfig> CONFIGS = new ConcurrentHashMap<>();

  static Stream<byte[]> aolLogs() throws IOException {
    byte[] log = LogFiles.utf8(LogFiles.aolUsers(1, 5));
    return Stream.of(log, LogFiles.utf8("1\tkettle\t2006-03-01 00:00:01\t1\thttp://www.a.com/b\n1\t-\t2006-02-30 25:00:00"),
        LogFiles.gzip(log), LogFiles.bzip2(log));
  }

  static Stream<byte[]> exciteLogs() {
    String log = "A\t970916105432\tkettle red\nA\t970916105433\tviolin\nB\t991399999999\t\uFEFFx\r\n";
    return Stream.of(LogFiles.utf8(log), log.getBytes(StandardCharsets.UTF_16));
  }

  static Stream<byte[]> delimitedLogs() {
    return Stream.of(LogFiles.utf8("user,time,query\nu,2006-03-01 00:00:00,\"red \"\"kettle\"\", x\"\nu,2006-03-01 00:00:01,\"open\n"));
  }

  static Stream<byte[]> industrialLogs() {
    return Stream.of(LogFiles.utf8("{\"user\":\"u\",\"history\":{\"search\":[\"a\",{\"text\":\"b\"},7],\"click\":[\"http://a.com\"]},"
        + "\"target_queries\":[\"c\",\"d\"]}\n{\"user\":5,\"history\":{}}\n"));
  }

  static Stream<byte[]> preparedExamples() {
    return Stream.of(LogFiles.utf8("{\"user\":\"u\",\"history\":{\"search\":[\"a\"],\"click\":[],\"purchase\":[],\"visit\":[]},"
        + "\"target_queries\":[\"b\"]}\n"));
  }

  private static void prepare(byte[] bytes, String form) throws IOException {
    DataConfig config = CONFIGS.computeIfAbsent(form, f -> LogFiles.config(List.of(), "form=" + f, "max_line_bytes=2000"));
    Path file = Files.write(HostileInput.folder().resolve(form + ".log"), bytes);
    long length = unpackedLength(file);
    if (length <= MAX_UNPACKED) {
      HostileInput.check(length, () -> examples(config, file), DataException.class);
    }
  }

  /** A few bytes of bzip2 can be megabytes of text, which may then cost as much as megabytes. */
  private static long unpackedLength(Path file) throws IOException {
    try (LogStream in = LogStream.open(file)) {
      byte[] buffer = new byte[1 << 12];
      long length = 0;
      for (int n; length <= MAX_UNPACKED && (n = in.read(buffer, 0, buffer.length)) >= 0; ) {
        length += n;
      }
      return length;
    } catch (DataException e) {
      return Files.size(file); // refused by what it begins with, here and by the stage
    }
  }

  /** What the prepare stage does with a file, without its files. */
  private static void examples(DataConfig config, Path file) throws IOException {
    LogForm form = LogForm.of(config, new Tally());
    Dealer dealer = new Dealer(config, false, LongSets.EMPTY_SET);
    try (UserPartitions store = new UserPartitions(file.resolveSibling("spill"), 100, 1 << 20);
        LineReader lines = new LineReader(LogStream.open(file), config.maxLineBytes())) {
      form.start(file);
      for (LineReader.Kind kind; (kind = lines.next()) != LineReader.Kind.END; ) {
        if (kind == LineReader.Kind.LINE && !form.header(lines, lines.lineNumber()) && !lines.isBlank()) {
          form.take(lines, store);
        }
      }
      store.forEachKey((bytes, offsets, overflow) -> {
        for (LogForm.UserResult user : form.finish(bytes, offsets, overflow, dealer)) {
          for (Example example : user.examples()) {
            byte[] written = Examples.toBytes(example);
            if (!Examples.fromBytes(written, 0, written.length).equals(example)) {
              throw new AssertionError("read back otherwise: " + example);
            }
          }
        }
      }, share -> { });
    }
  }

  @MethodSource("aolLogs")
  @FuzzTest
  void aol(byte[] log) throws IOException {
    prepare(log, "AOL");
  }

  @MethodSource("exciteLogs")
  @FuzzTest
  void excite(byte[] log) throws IOException {
    prepare(log, "EXCITE");
  }

  @MethodSource("delimitedLogs")
  @FuzzTest
  void delimited(byte[] log) throws IOException {
    prepare(log, "DELIMITED");
  }

  @MethodSource("industrialLogs")
  @FuzzTest
  void industrial(byte[] log) throws IOException {
    prepare(log, "INDUSTRIAL");
  }

  @MethodSource("preparedExamples")
  @FuzzTest
  void examples(byte[] lines) throws IOException {
    HostileInput.checkFile(lines, "train.jsonl", file -> {
      try (Stream<Example> examples = Examples.stream(file)) {
        examples.forEach(example -> example.history().entries());
      } catch (UncheckedIOException e) {
        throw e.getCause();
      }
    }, DataException.class);
  }
}
