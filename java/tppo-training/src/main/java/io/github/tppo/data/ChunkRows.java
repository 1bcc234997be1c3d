// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.data;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;

/** The rows of one chunk of a log: its records, and counts of what it held. */
final class ChunkRows {
  static final String BLANK = "blank_line";

  final RecordBatch records;
  final Tally tally = new Tally();
  final Map<String, Long> dropped = new TreeMap<>();
  /** Line of the chunk, from 1, of the first row dropped for each reason. */
  final Map<String, Long> firstLine = new TreeMap<>();
  long rows;
  long headers;
  long lines;

  private ChunkRows(int bytes) {
    records = new RecordBatch(bytes);
  }

  /** Reads a chunk of {@code file}; depends on nothing but its arguments. */
  static ChunkRows read(DataConfig config, Path file, LogChunks.Chunk chunk) throws IOException {
    ChunkRows out = new ChunkRows(chunk.length() + chunk.length() / 8);
    LogForm form = LogForm.of(config, out.tally);
    form.start(file);
    if (chunk.head() != null) {
      LineReader head = new LineReader(chunk.head(), chunk.head().length, config.maxLineBytes(), null);
      if (head.next() == LineReader.Kind.LINE) {
        form.header(head, 1);
      }
    }
    out.read(form, new LineReader(chunk.bytes(), chunk.length(), config.maxLineBytes(), chunk.damage()), chunk.head() == null ? 0 : 1);
    return out;
  }

  /** Reads all lines; {@code before} is added to their numbers where the form asks for them. */
  private void read(LogForm form, LineReader in, long before) throws IOException {
    for (LineReader.Kind kind; (kind = in.next()) != LineReader.Kind.END; ) {
      String reason;
      if (kind != LineReader.Kind.LINE) {
        reason = kind.reason();
      } else if (form.header(in, before + in.lineNumber())) {
        headers++;
        continue;
      } else {
        reason = in.isBlank() ? BLANK : form.take(in, records);
      }
      rows++;
      if (reason != null) {
        dropped.merge(reason, 1L, Long::sum);
        firstLine.putIfAbsent(reason, in.lineNumber());
      }
    }
    lines = in.lineNumber();
  }
}
