// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.suggest;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.MappingIterator;
import io.github.tppo.data.History;
import java.io.BufferedReader;
import java.io.CharConversionException;
import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Objects;

/**
 * Reads {@link Histories} one at a time, so that an input of any length takes little memory: as JSON values one after another, on one
 * line or many, or one a line, which can go on after a line that is not right. Input is UTF-8.
 */
public abstract class HistoryReader implements Closeable {
  /** The parser takes the first bytes of UTF-16 and UTF-32 for what they are. */
  private static final String NOT_UTF8 = "not valid UTF-8: ";

  private final String source;

  private HistoryReader(String source) {
    this.source = source;
  }

  /**
   * The next history, or null at the end.
   *
   * @throws InputException when something is not as expected; says in which line and what
   */
  public abstract History next() throws IOException;

  /** Reads JSON values, one after another or in an array; after an exception no more can be read. */
  public static HistoryReader values(InputStream in, String source) throws IOException {
    return new Values(in, source);
  }

  /** Reads a JSON value from each line that is not empty; after an exception, {@link #next} goes on with the next line. */
  public static HistoryReader lines(InputStream in, String source) {
    return new Lines(in, source);
  }

  final InputException fault(long line, String what, Exception cause) {
    return new InputException(source + (line > 0 ? ":" + line : "") + ": " + what, cause);
  }

  private static final class Values extends HistoryReader {
    private final MappingIterator<JsonNode> values;

    Values(InputStream in, String source) throws IOException {
      super(source);
      try {
        values = Histories.JSON.without(DeserializationFeature.FAIL_ON_TRAILING_TOKENS).readValues(in);
      } catch (JsonProcessingException e) {
        throw syntax(e);
      } catch (CharConversionException e) {
        throw fault(0, NOT_UTF8 + e.getMessage(), e);
      }
    }

    @Override
    public History next() throws IOException {
      long line = 0;
      try {
        if (!values.hasNextValue()) {
          return null;
        }
        line = values.getParser().currentTokenLocation().getLineNr();
        return Histories.of(values.nextValue(), "", false);
      } catch (JsonProcessingException e) {
        throw syntax(e);
      } catch (CharConversionException e) {
        throw fault(0, NOT_UTF8 + e.getMessage(), e);
      } catch (InputException e) {
        throw fault(line, e.getMessage(), e);
      }
    }

    private InputException syntax(JsonProcessingException e) {
      return fault(e.getLocation() == null ? 0 : e.getLocation().getLineNr(), Histories.fault(e), e);
    }

    @Override
    public void close() throws IOException {
      values.close();
    }
  }

  private static final class Lines extends HistoryReader {
    /** One character a byte: the bytes of a line go to the parser as they are, which tells what is not UTF-8. */
    private final BufferedReader bytes;
    private long line;

    Lines(InputStream in, String source) {
      super(source);
      Objects.requireNonNull(in, "in");
      bytes = new BufferedReader(new InputStreamReader(in, StandardCharsets.ISO_8859_1));
    }

    @Override
    public History next() throws IOException {
      String text;
      do {
        text = bytes.readLine();
        line++;
      } while (text != null && text.isBlank());
      if (text == null) {
        return null;
      }
      try {
        return Histories.of(Histories.JSON.readTree(text.getBytes(StandardCharsets.ISO_8859_1)), "", false);
      } catch (JsonProcessingException e) {
        throw fault(line, Histories.fault(e), e);
      } catch (InputException e) {
        throw fault(line, e.getMessage(), e);
      } catch (CharConversionException e) {
        throw fault(line, NOT_UTF8 + e.getMessage(), e);
      }
    }

    @Override
    public void close() throws IOException {
      bytes.close();
    }
  }
}
