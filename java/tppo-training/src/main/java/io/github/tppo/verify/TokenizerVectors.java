// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.verify;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.tppo.text.Encoding;
import io.github.tppo.text.Tokenizer;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Compares a tokenizer with expected ids, offsets and texts, one JSON object a line ({@code tokens.jsonl}). */
public final class TokenizerVectors {

  private static final ObjectMapper JSON = new ObjectMapper();

  private final Map<String, Tally> tallies = new LinkedHashMap<>();
  private final Tokenizer tokenizer;

  private TokenizerVectors(Tokenizer tokenizer) {
    this.tokenizer = tokenizer;
    for (String name : List.of("ids", "ids_special", "offsets_utf16", "offsets_special_utf16", "decoded",
      "decoded_skip_special")) {
      tallies.put(name, new Tally());
    }
    if (tokenizer.canTrace()) {
      tallies.put("spans", new Tally());
    }
  }

  /**
   * Encodes and decodes every text of {@code tokensJsonl}. The quantities are those of the file, and {@code spans}: the
   * text that {@link Tokenizer#spans} gives for {@code ids_special} against {@code decoded_skip_special}, where the
   * tokenizer's decoder can be traced.
   *
   * @throws IOException when a file cannot be read, naming the line that is not as expected
   */
  public static VerifyReport verify(Path tokenizerJson, Path tokensJsonl) throws IOException {
    try (Tokenizer tokenizer = Tokenizer.load(tokenizerJson);
      BufferedReader lines = Files.newBufferedReader(tokensJsonl, StandardCharsets.UTF_8)) {
      TokenizerVectors vectors = new TokenizerVectors(tokenizer);
      int number = 0;
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        number++;
        if (!line.isBlank()) {
          vectors.compare(parse(tokensJsonl, number, line), number);
        }
      }
      return vectors.report(tokensJsonl.getFileName().toString());
    }
  }

  private static JsonNode parse(Path file, int number, String line) throws IOException {
    JsonNode node;
    try {
      node = JSON.readTree(line);
    } catch (IOException e) {
      throw new IOException(file + ":" + number + ": not JSON: " + e.getMessage(), e);
    }
    if (!node.path("text").isTextual()) {
      throw new IOException(file + ":" + number + ": found no \"text\"; expected an object with text, ids and offsets");
    }
    return node;
  }

  private void compare(JsonNode row, int line) {
    Encoding plain = tokenizer.encode(row.get("text").asText(), false);
    Encoding special = tokenizer.encode(row.get("text").asText(), true);
    array("ids", row, line, plain.ids());
    array("ids_special", row, line, special.ids());
    array("offsets_utf16", row, line, pairs(plain));
    array("offsets_special_utf16", row, line, pairs(special));
    int[] ids = flat(row.path("ids_special"));
    text("decoded", row.path("decoded"), line, tokenizer.decode(ids, false));
    text("decoded_skip_special", row.path("decoded_skip_special"), line, tokenizer.decode(ids, true));
    if (tokenizer.canTrace()) {
      text("spans", row.path("decoded_skip_special"), line, tokenizer.spans(ids).text());
    }
  }

  private void array(String name, JsonNode row, int line, int[] actual) {
    if (row.has(name)) {
      int[] expected = flat(row.get(name));
      int wrong = Math.abs(expected.length - actual.length);
      for (int i = 0; i < Math.min(expected.length, actual.length); i++) {
        wrong += expected[i] == actual[i] ? 0 : 1;
      }
      tallies.get(name).add(expected.length, wrong, line, Arrays.toString(expected), Arrays.toString(actual));
    }
  }

  private void text(String name, JsonNode expected, int line, String actual) {
    if (expected.isTextual()) {
      tallies.get(name).add(1, expected.asText().equals(actual) ? 0 : 1, line, expected.toString(),
        JSON.getNodeFactory().textNode(actual).toString());
    }
  }

  private static int[] pairs(Encoding encoding) {
    int[] flat = new int[2 * encoding.length()];
    for (int i = 0; i < encoding.length(); i++) {
      flat[2 * i] = encoding.starts()[i];
      flat[2 * i + 1] = encoding.ends()[i];
    }
    return flat;
  }

  /** The numbers of an array, or of an array of pairs, in order. */
  private static int[] flat(JsonNode array) {
    int[] numbers = new int[2 * array.size()];
    int n = 0;
    for (JsonNode item : array) {
      if (item.isArray()) {
        numbers[n++] = item.path(0).asInt();
        numbers[n++] = item.path(1).asInt();
      } else {
        numbers[n++] = item.asInt();
      }
    }
    return Arrays.copyOf(numbers, n);
  }

  private VerifyReport report(String file) {
    List<VerifyReport.Quantity> quantities = tallies.entrySet().stream()
      .map(e -> e.getValue().quantity(e.getKey())).toList();
    return VerifyReport.of("cpu", List.of(new VerifyReport.FileReport(file, quantities)));
  }

  /** Counts one quantity over all lines and keeps the first difference. */
  private static final class Tally {
    private int lines;
    private long n;
    private long wrong;
    private String first;

    void add(int compared, int different, int line, String expected, String actual) {
      lines++;
      n += compared;
      wrong += different;
      if (different > 0 && first == null) {
        first = "line " + line + ": expected " + expected + ", found " + actual;
      }
    }

    VerifyReport.Quantity quantity(String name) {
      if (lines == 0) {
        return new VerifyReport.Quantity(name, 0, 0, 0, false, "no line of the file has it");
      }
      return new VerifyReport.Quantity(name, n, wrong, n == 0 ? 0 : (double) wrong / n, wrong == 0, first);
    }
  }
}
