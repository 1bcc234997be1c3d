// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.data;

import io.github.tppo.run.ConfigReader;
import io.github.tppo.run.ProgressListener;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.GZIPOutputStream;
import org.apache.commons.compress.compressors.bzip2.BZip2CompressorOutputStream;

/** Makes small invented logs and prepares them. */
final class LogFiles {
  static final String AOL_HEADER = "AnonID\tQuery\tQueryTime\tItemRank\tClickURL\n";
  private static final String[] WORDS = {"garden", "violin", "kettle", "harbour", "lantern", "saddle", "orchid", "compass"};

  private LogFiles() { }

  /** One AOL row at a minute of a day, without a click. */
  static String aol(String user, String query, int minute) {
    return user + "\t" + query + "\t" + time(minute) + "\t\t\n";
  }

  static String time(int minute) {
    return String.format("2006-03-%02d %02d:%02d:00", 1 + minute / 1440, minute / 60 % 24, minute % 60);
  }

  /** Users u0.. with {@code queries} different queries each, a minute apart. */
  static String aolUsers(int users, int queries) {
    StringBuilder out = new StringBuilder(AOL_HEADER);
    for (int u = 0; u < users; u++) {
      for (int q = 0; q < queries; q++) {
        out.append(aol("u" + u, query(u, q), q));
      }
    }
    return out.toString();
  }

  static String query(int user, int q) {
    return WORDS[(user + q) % WORDS.length] + " number " + q;
  }

  static byte[] utf8(String s) {
    return s.getBytes(StandardCharsets.UTF_8);
  }

  static byte[] gzip(byte[] plain) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (GZIPOutputStream gz = new GZIPOutputStream(out)) {
      gz.write(plain);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return out.toByteArray();
  }

  static byte[] bzip2(byte[] plain) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (BZip2CompressorOutputStream bz = new BZip2CompressorOutputStream(out, 1)) {
      bz.write(plain);
    }
    return out.toByteArray();
  }

  static byte[] concat(byte[]... parts) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    for (byte[] p : parts) {
      out.writeBytes(p);
    }
    return out.toByteArray();
  }

  /** Settings over the defaults; all users train unless the settings say otherwise. */
  static DataConfig config(List<Path> files, String... settings) {
    return config(files, List.of(), settings);
  }

  /** As {@link #config(List, String...)}, with logs of held-out users. */
  static DataConfig config(List<Path> files, List<Path> evalFiles, String... settings) {
    List<String> all = new ArrayList<>(List.of("valid_fraction=0", "eval_fraction=0"));
    all.addAll(List.of(settings));
    DataConfig c = ConfigReader.read(DataConfig.class, all);
    return new DataConfig(c.form(), files, evalFiles, c.evalIds(), c.columns(), c.delimiter(), c.quoting(), c.header(), c.timePattern(), c.clicks(),
        c.targets(), c.minTargets(), c.historyLimit(), c.minHistory(), c.maxQueryChars(), c.dropUrls(), c.cutsPerUser(),
        c.cutStride(), c.validFraction(), c.evalFraction(), c.maxTrain(), c.maxValid(), c.maxEval(), c.seed(),
        c.maxLineBytes(), c.maxRowsPerUser());
  }

  /** A prepared log: its counts and its training examples. */
  record Prepared(DataStats stats, List<Example> train) {
    Example user(String id) {
      return train.stream().filter(e -> e.user().equals(id)).findFirst().orElseThrow();
    }

    long dropped(String reason) {
      return stats.rowsDropped().getOrDefault(reason, 0L);
    }
  }

  /** Writes the bytes to {@code folder/name} and prepares them alone. */
  static Prepared prepare(Path folder, String name, byte[] log, String... settings) throws IOException {
    Path file = folder.resolve(name);
    Files.write(file, log);
    return prepare(folder.resolve("data"), config(List.of(file), settings));
  }

  static Prepared prepare(Path out, DataConfig config) throws IOException {
    DataStats stats = Prepare.run(config, out, 0, ProgressListener.NONE);
    return new Prepared(stats, Examples.read(out.resolve("train.jsonl")));
  }
}
