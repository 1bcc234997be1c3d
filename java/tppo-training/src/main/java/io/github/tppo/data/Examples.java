// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.data;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import io.github.tppo.run.AtomicFiles;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Objects;
import java.util.Spliterator;
import java.util.Spliterators;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

/**
 * Reads and writes the prepared examples ({@code train.jsonl} and its neighbours). Unlike the readers of raw logs,
 * which count what is malformed and go on, this reader refuses a bad line: the file was written by a program.
 */
public final class Examples {
  private static final int MAX_LINE_BYTES = 64 << 20;
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final ObjectReader READER = JSON.readerFor(Example.class);

  private Examples() { }

  /**
   * Streams the examples of a file, plain or compressed, one line in memory at a time. Close the stream.
   * A bad line throws {@link UncheckedIOException} around a {@link DataException} that says {@code file:line}.
   *
   * @throws IOException if the file cannot be opened
   */
  public static Stream<Example> stream(Path file) throws IOException {
    Lines lines = new Lines(file);
    Spliterator<Example> split = Spliterators.spliteratorUnknownSize(lines, Spliterator.ORDERED | Spliterator.NONNULL);
    return StreamSupport.stream(split, false).onClose(lines::close);
  }

  /**
   * Reads all examples of a file.
   *
   * @throws IOException if the file cannot be read, or a line is bad (the message says {@code file:line})
   */
  public static List<Example> read(Path file) throws IOException {
    List<Example> all = new ArrayList<>();
    try (Stream<Example> examples = stream(file)) {
      examples.forEach(all::add);
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
    return all;
  }

  /** Writes examples as JSON Lines, to a neighbouring temporary file that is then renamed to {@code file}. */
  public static void write(Path file, Iterable<Example> examples) throws IOException {
    AtomicFiles.write(file, out -> {
      for (Example e : examples) {
        writeLine(out, e);
      }
    });
  }

  static void writeLine(OutputStream out, Example e) throws IOException {
    out.write(toBytes(e));
    out.write('\n');
  }

  static byte[] toBytes(Example e) throws IOException {
    return JSON.writeValueAsBytes(Objects.requireNonNull(e, "example"));
  }

  static Example fromBytes(byte[] bytes, int offset, int length) throws IOException {
    return READER.readValue(bytes, offset, length);
  }

  private static final class Lines implements Iterator<Example>, AutoCloseable {
    private final Path file;
    private final LineReader in;
    private Example next;

    Lines(Path file) throws IOException {
      if (!Files.isRegularFile(file)) {
        throw new DataException(file + ": no such file; run the prepare stage first");
      }
      this.file = file;
      this.in = new LineReader(LogStream.open(file), MAX_LINE_BYTES);
    }

    @Override
    public boolean hasNext() {
      try {
        while (next == null) {
          LineReader.Kind kind = in.next();
          if (kind == LineReader.Kind.END) {
            if (in.failure() != null) {
              throw bad(in.failure(), null);
            }
            return false;
          }
          if (kind != LineReader.Kind.LINE) {
            throw bad(kind.reason().replace('_', ' '), null);
          }
          if (!in.text().isBlank()) {
            next = parse(in.text());
          }
        }
        return true;
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    private Example parse(String line) throws DataException {
      try {
        return READER.readValue(line);
      } catch (JsonProcessingException e) {
        throw bad(e.getOriginalMessage(), e);
      }
    }

    private DataException bad(String what, Throwable cause) {
      return new DataException(file + ":" + in.lineNumber() + ": not an example: " + what
          + "; expected {\"user\": .., \"history\": {..}, \"target_queries\": [..]}", cause);
    }

    @Override
    public Example next() {
      if (!hasNext()) {
        throw new NoSuchElementException();
      }
      Example e = next;
      next = null;
      return e;
    }

    @Override
    public void close() {
      try {
        in.close();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }
}
