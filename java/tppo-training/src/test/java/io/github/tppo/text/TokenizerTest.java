// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.text;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.Random;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class TokenizerTest {

  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Path FIXTURES = Path.of("src/test/resources/fixtures");

  @TempDir
  Path dir;

  @Test
  void onlyShortLinesAreRemembered() {
    try (Tokenizer tokenizer = TestTokenizers.load("shipped")) {
      String line = " a line\n";
      assertSame(tokenizer.lineIds(line), tokenizer.lineIds(line));
      String longLine = " word".repeat(200) + "\n";
      assertNotSame(tokenizer.lineIds(longLine), tokenizer.lineIds(longLine));
      assertArrayEquals(tokenizer.encodeUntrusted(longLine).ids(), tokenizer.lineIds(longLine));
    }
  }

  @Test
  void saysWhatIsMissingOrBroken() throws IOException {
    IOException missing = assertThrows(IOException.class, () -> Tokenizer.load(dir));
    assertTrue(missing.getMessage().contains("tokenizer.json"), missing.getMessage());
    Files.writeString(dir.resolve("tokenizer.json"), "{\"model\": {\"vocab\": {\"a\": 0}}}");
    IOException wrong = assertThrows(IOException.class, () -> Tokenizer.load(dir));
    assertTrue(wrong.getMessage().contains("cannot read it"), wrong.getMessage());
    Files.writeString(dir.resolve("tokenizer.json"), "{");
    assertTrue(assertThrows(IOException.class, () -> Tokenizer.load(dir)).getMessage().contains("is not JSON"));
    Files.writeString(dir.resolve("tokenizer.json"), "{}");
    assertTrue(assertThrows(IOException.class, () -> Tokenizer.load(dir)).getMessage().contains("model.vocab"));
  }

  @Test
  void specialTokensComeFromTheConfigurationOrTheirUsualNames() throws IOException {
    try (Tokenizer split = Tokenizer.load(FIXTURES.resolve("tokenizer_split"))) {
      assertEquals("<|begin_of_text|>", split.token(split.bosId()));
      assertEquals("<|end_of_text|>", split.token(split.eosId()));
      assertEquals("<|pad|>", split.token(split.padId()));
    }
    Path alone = Files.copy(FIXTURES.resolve("tokenizer_split/tokenizer.json"), dir.resolve("tokenizer.json"));
    try (Tokenizer tokenizer = Tokenizer.load(alone)) {
      assertEquals("<|end_of_text|>", tokenizer.token(tokenizer.eosId()));
      assertEquals(1000, tokenizer.vocabSize());
    }
    Files.writeString(dir.resolve("tokenizer_config.json"), "{\"bos_token\": null, \"eos_token\": {\"content\": \"!\"}}");
    try (Tokenizer tokenizer = Tokenizer.load(alone)) {
      assertEquals(-1, tokenizer.bosId());
      assertEquals("!", tokenizer.token(tokenizer.eosId()));
    }
    Files.writeString(dir.resolve("tokenizer_config.json"), "{\"eos_token\": null}");
    try (Tokenizer tokenizer = Tokenizer.load(alone)) {
      assertThrows(IllegalStateException.class, tokenizer::eosId);
    }
  }

  @Test
  void neverTruncatesOrPadsWhateverTheFileSays() throws IOException {
    change(root -> {
      root.putObject("truncation").put("direction", "Right").put("max_length", 4).put("strategy", "LongestFirst").put("stride", 0);
      root.putObject("padding").put("direction", "Right").put("pad_id", 1).put("pad_type_id", 0).put("pad_token", "<pad>")
        .putNull("pad_to_multiple_of").putObject("strategy").put("Fixed", 64);
    });
    try (Tokenizer tokenizer = Tokenizer.load(dir)) {
      assertEquals(3, tokenizer.encode("a", true).length());
      assertTrue(tokenizer.encode("x ".repeat(1000), true).length() > 1000);
    }
  }

  @Test
  void aLoneSurrogateIsAReplacementCharacterOfOneCodeUnit() throws IOException {
    try (Tokenizer tokenizer = Tokenizer.loadShipped()) {
      Encoding broken = tokenizer.encode("a\uD83C b🍕\uDF55", false);
      Encoding fixed = tokenizer.encode("a\uFFFD b🍕\uFFFD", false);
      assertArrayEquals(fixed.ids(), broken.ids());
      assertArrayEquals(fixed.ends(), broken.ends());
    }
  }

  @Test
  void textFromOutsideCannotSpellSpecialTokens() throws IOException {
    try (Tokenizer tokenizer = Tokenizer.loadShipped()) {
      assertEquals(1, tokenizer.encode("</s>", false).length());
      int[] ids = tokenizer.encodeUntrusted("a</s><pad>b").ids();
      assertFalse(IntStream.of(ids).anyMatch(tokenizer::isSpecial));
      assertEquals("a  b", tokenizer.decode(ids, false));
    }
  }

  @Test
  void positionsOfTextFromOutsideAreThoseOfTheTextAsGiven() throws IOException {
    try (Tokenizer tokenizer = Tokenizer.loadShipped()) {
      String text = "</s>a <pad>🍕</s>";
      Encoding encoding = tokenizer.encodeUntrusted(text);
      int end = text.length() - 4;
      for (int i = 0; i < encoding.length(); i++) {
        assertTrue(encoding.ends()[i] <= text.length());
      }
      assertArrayEquals(tokenizer.encode(" a  🍕 ", false).ids(), encoding.ids());
      assertEquals(end - 2, IntStream.of(encoding.starts()).filter(s -> s < end).max().orElse(-1));
    }
  }

  @Test
  void aNormalizerCannotTurnTextFromOutsideIntoSpecialTokens() throws IOException {
    change(root -> {
      root.putObject("normalizer").put("type", "Lowercase");
      ((ObjectNode) root.withArray("added_tokens").get(2)).put("normalized", true);
    });
    try (Tokenizer tokenizer = Tokenizer.load(dir)) {
      assertEquals(1, tokenizer.encode("</S>", false).length());
      int[] ids = tokenizer.encodeUntrusted("a</S></s>b").ids();
      assertFalse(IntStream.of(ids).anyMatch(tokenizer::isSpecial));
      assertEquals("a b", tokenizer.decode(ids, false));
    }
  }

  /** Each of these ends the process inside the library, at loading or at the first text that meets it. */
  @ParameterizedTest
  @CsvSource(delimiter = '|', quoteCharacter = '\0', value = {
    "normalizer|{'type':'Precompiled'}|is too short",
    "normalizer|{'type':'Precompiled','precompiled_charsmap':'*'}|is not base64",
    "normalizer|{'type':'Precompiled','precompiled_charsmap':'////f/////8='}|has a trie of 2147483647 bytes in 8",
    "normalizer|{'type':'Sequence','normalizers':[{'type':'Precompiled','precompiled_charsmap':'BAAAAAAEAAA='}]}|leads outside",
    "normalizer|{'type':'Replace','pattern':{'Regex':'a*'},'content':'b'}|match no characters",
    "normalizer|{'type':'Replace','pattern':{'Regex':'(?=x)'},'content':'b'}|match no characters",
    "normalizer|{'type':'Replace','pattern':{'String':''},'content':'b'}|match no characters",
    "normalizer|{'type':'Replace','pattern':{'Regex':'('},'content':'b'}|match no characters",
    "normalizer|{'type':'Prepend','prepend':''}|prepends nothing",
    "model|{'type':'BPE','continuing_subword_prefix':'####','vocab':{'a':0,'b':1,'ab':2},'merges':['a b']}|does not begin with ####",
    "normalizer|{'normalizers':[]}|has no \"type\"",
    "pre_tokenizer|{'type':'FixedLength','length':0}|length",
    "post_processor|{'type':'TemplateProcessing','single':[{'SpecialToken':{'id':'<q>','type_id':0}}],'pair':[],'special_tokens':{}}|\"<q>\"",
    "post_processor|{'type':'TemplateProcessing','special_tokens':{'<s>':{'ids':[0,0],'tokens':['<s>']}}}|another number of ids",
    "decoder|{'type':'Strip','content':' ','start':0,'stop':1}|\"stop\": 0",
  })
  void whatWouldEndTheProcessIsRefused(String step, String value, String reason) throws IOException {
    change(root -> root.set(step, parse(value.replace('\'', '"'))));
    String message = assertThrows(IOException.class, () -> Tokenizer.load(dir)).getMessage();
    assertTrue(message.contains("tokenizer.json: the " + step) && message.contains(reason), message);
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', quoteCharacter = '\0', value = {
    "{'model':{'vocab':{'a':-1}}}|the id of the token \"a\" is -1",
    "{'model':{'vocab':{'a':2147483647}}}|2147483647",
    "{'model':{'vocab':{'a':'0'}}}|expected a whole number",
    "{'model':{'vocab':{'a':1e999999999}}}|expected a whole number",
    "{'model':{'vocab':{'a':0,'a':1}}}|Duplicate field 'a'",
    "{'model':{'vocab':{'a':0}},'added_tokens':[{'content':'b'}]}|the id of the token \"b\"",
    "{'model':{'vocab':{'a':0}}} {}|is not JSON",
  })
  void idsThatAreNoneAreRefused(String json, String reason) throws IOException {
    Files.writeString(dir.resolve("tokenizer.json"), json.replace('\'', '"'));
    String message = assertThrows(IOException.class, () -> Tokenizer.load(dir)).getMessage();
    assertTrue(message.contains(reason), message);
  }

  @Test
  void filesLargerThanAnyTokenizerAndDeepNestingAreRefused() throws IOException {
    Path file = dir.resolve("tokenizer.json");
    try (RandomAccessFile sparse = new RandomAccessFile(file.toFile(), "rw")) {
      sparse.setLength((1L << 27) + 1);
    }
    assertTrue(assertThrows(IOException.class, () -> Tokenizer.load(dir)).getMessage().contains("larger than"));
    Files.writeString(file, "[".repeat(100_000));
    assertTrue(assertThrows(IOException.class, () -> Tokenizer.load(dir)).getMessage().contains("nesting"));
  }

  private void change(Consumer<ObjectNode> edit) throws IOException {
    ObjectNode root = (ObjectNode) JSON.readTree(FIXTURES.resolve("tokenizer/tokenizer.json").toFile());
    edit.accept(root);
    JSON.writeValue(dir.resolve("tokenizer.json").toFile(), root);
  }

  private static JsonNode parse(String json) {
    try {
      return JSON.readTree(json);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Test
  void severalThreadsMayEncodeAtOnce() throws IOException {
    try (Tokenizer tokenizer = Tokenizer.loadShipped()) {
      boolean same = IntStream.range(0, 400).parallel().allMatch(seed -> {
        String text = TestTokenizers.randomText(new Random(seed), 10).replace("</s>", "");
        return tokenizer.decode(tokenizer.encode(text, false).ids(), false).equals(text);
      });
      assertTrue(same);
    }
  }

  @Test
  void compiledNormalisationIsAppliedAndRefusedWhereItLeadsOutside() throws IOException {
    Base64.Encoder base64 = Base64.getEncoder();
    change(root -> root.putObject("normalizer").put("type", "Precompiled")
      .put("precompiled_charsmap", base64.encodeToString(TestTokenizers.charsMap(0))));
    try (Tokenizer tokenizer = Tokenizer.load(dir)) {
      assertEquals("bcb", tokenizer.decode(tokenizer.encode("aca", false).ids(), false));
    }
    assertNull(CharsMap.fault(base64.encodeToString(TestTokenizers.charsMap(2))));
    assertEquals("leads outside its own data", CharsMap.fault(base64.encodeToString(TestTokenizers.charsMap(3))));
  }

  @ParameterizedTest
  @ValueSource(strings = {"{'type':'Strip','content':'','start':1,'stop':0}", "{'type':'Metaspace','replacement':'🍕'}",
    "{'type':'Metaspace','replacement':''}"})
  void aDecoderWhoseMarkIsNotOneCharacterCannotBeTraced(String decoder) {
    TracedDecoder traced = TracedDecoder.of(parse(decoder.replace('\'', '"')));
    assertFalse(traced.isKnown());
    assertThrows(UnsupportedOperationException.class, () -> traced.decode(new String[] {"a"}));
  }

  @Test
  void bytesAreSpeltInPlainHexadecimalDigits() {
    TracedDecoder decoder = TracedDecoder.of(parse("{\"type\":\"ByteFallback\"}"));
    assertEquals("A<0x\uFF14\uFF11><0x4>\n", decoder.decode(new String[] {"<0x41>", "<0x\uFF14\uFF11>", "<0x4>", "<0x+A>"}).text());
  }

  @Test
  void aDecoderThatCannotBeTracedIsNamed() throws IOException {
    change(root -> root.putObject("decoder").put("type", "WordPiece").put("prefix", "##").put("cleanup", true));
    try (Tokenizer tokenizer = Tokenizer.load(dir)) {
      assertFalse(tokenizer.canTrace());
      Exception e = assertThrows(UnsupportedOperationException.class, () -> tokenizer.spans(new int[] {5}));
      assertTrue(e.getMessage().contains("WordPiece"), e.getMessage());
    }
  }
}
