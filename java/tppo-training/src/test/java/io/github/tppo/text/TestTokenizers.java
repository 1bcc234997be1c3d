// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.text;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.MappingIterator;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.tppo.run.AtomicFiles;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;

/**
 * The tokenizers of the tests, one of each family, and random Unicode texts to try them on. The expected values beside them
 * ({@code tokens.jsonl}) are those of Hugging Face tokenizers 0.23.2.
 */
public final class TestTokenizers {

  private static final String[] PIECES = {"a", "red", " shoes", "é", "e\u0301", "ñ", "日本語", "한국", "ไทย", "🍕", "👩‍👩‍👧",
    "שלום", "عَالَم", "ＡＢＣ", "q\u0307\u0323", "\u1100\u1161\u11A8", "\u200D", "\uFEFF", "\r\n", "don't", " ,", "uuuuuuuuuuuuuuuuuuuu",
    "\uD83C\uDDEB\uD83C\uDDF7", " ", "  ", "\n", "\t", "1", "2006", "'s", "ﬁ", "ß", "İ", "\u00A0", "\u2028", "▁", "<", "</s>x",
    "\u0000", "\uFFFD", "Ġ", "<0x41>", "-", "."};

  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Path RESOURCES = Path.of("src/test/resources");
  private static final Map<String, JsonNode> FORMS = forms();

  private TestTokenizers() {
  }

  /** Names for {@link #load}. */
  public static Stream<String> names() {
    return Stream.of("shipped", "fixtures/tokenizer", "fixtures/tokenizer_split", "tokenizers/sentencepiece",
      "tokenizers/metaspace");
  }

  /** Names of more forms, which change the text or its tokens in other ways; {@link #load} loads them too. */
  public static Stream<String> formNames() {
    return FORMS.keySet().stream();
  }

  /** A line of {@code forms.jsonl}: what is changed of which tokenizer, and the expected values of some texts. */
  static JsonNode form(String name) {
    return FORMS.get(name);
  }

  private static Map<String, JsonNode> forms() {
    Map<String, JsonNode> forms = new LinkedHashMap<>();
    try (MappingIterator<JsonNode> lines = JSON.readerFor(JsonNode.class).readValues(RESOURCES.resolve("tokenizers/forms.jsonl").toFile())) {
      lines.forEachRemaining(form -> forms.put(form.get("name").asText(), form));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return forms;
  }

  private static Tokenizer loadForm(JsonNode form) throws IOException {
    Path base = RESOURCES.resolve(form.get("base").asText());
    ObjectNode root = (ObjectNode) JSON.readTree(base.resolve("tokenizer.json").toFile());
    root.setAll((ObjectNode) form.get("change"));
    Path dir = Files.createTempDirectory("tokenizer");
    try {
      JSON.writeValue(dir.resolve("tokenizer.json").toFile(), root);
      Files.copy(base.resolve("tokenizer_config.json"), dir.resolve("tokenizer_config.json"));
      return Tokenizer.load(dir);
    } finally {
      AtomicFiles.delete(dir);
    }
  }

  /**
   * Compiled rules that turn "a" into "b": a trie of 512 units, of which the first leads to the block of 256, and the
   * replacement behind it.
   *
   * @param text where the leaf says that the replacement begins; 0 is right
   */
  static byte[] charsMap(int text) {
    ByteBuffer map = ByteBuffer.allocate(4 + 4 * 512 + 2).order(ByteOrder.LITTLE_ENDIAN);
    int taken = 256 ^ 'a';
    map.putInt(0, 4 * 512).putInt(4, 256 << 10).putInt(4 + 4 * taken, 1 << 10 | 0x100 | 'a');
    map.putInt(4 + 4 * (taken ^ 1), Integer.MIN_VALUE | text).put(4 + 4 * 512, (byte) 'b');
    return map.array();
  }

  /** Loads a tokenizer by its name. */
  public static Tokenizer load(String name) {
    try {
      if (FORMS.containsKey(name)) {
        return loadForm(FORMS.get(name));
      }
      return name.equals("shipped") ? Tokenizer.loadShipped() : Tokenizer.load(RESOURCES.resolve(name));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** A text of up to {@code pieces} pieces, some of them random code points. */
  public static String randomText(Random random, int pieces) {
    StringBuilder text = new StringBuilder();
    for (int n = random.nextInt(pieces + 1); n > 0; n--) {
      if (random.nextInt(4) == 0) {
        int codePoint = random.nextInt(0x30000);
        text.appendCodePoint(codePoint >= 0xD800 && codePoint < 0xE000 ? 'x' : codePoint);
      } else {
        text.append(PIECES[random.nextInt(PIECES.length)]);
      }
    }
    return text.toString();
  }
}
