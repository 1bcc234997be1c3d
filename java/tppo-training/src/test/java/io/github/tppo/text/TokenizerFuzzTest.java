// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.text;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.code_intelligence.jazzer.junit.FuzzTest;
import io.github.tppo.HostileInput;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.MethodSource;

/** Tokenizer files of unknown origin, as far as this project reads them itself, and texts and ids of any kind. */
class TokenizerFuzzTest {
  private static final String SMALL = "{\"added_tokens\":[{\"id\":2,\"content\":\"</s>\",\"special\":true}],\"normalizer\":"
      + "{\"type\":\"Replace\",\"pattern\":{\"Regex\":\" +\"},\"content\":\"_\"},\"pre_tokenizer\":{\"type\":\"ByteLevel\","
      + "\"use_regex\":true,\"add_prefix_space\":false},\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":["
      + "{\"SpecialToken\":{\"id\":\"<s>\"}}],\"special_tokens\":{\"<s>\":{\"ids\":[1],\"tokens\":[\"<s>\"]}}},\"decoder\":"
      + "{\"type\":\"Sequence\",\"decoders\":[{\"type\":\"Replace\",\"pattern\":{\"String\":\"_\"},\"content\":\" \"},"
      + "{\"type\":\"ByteFallback\"},{\"type\":\"Fuse\"},{\"type\":\"Strip\",\"content\":\" \",\"start\":1,\"stop\":0}]},"
      + "\"model\":{\"type\":\"BPE\",\"unk_token\":\"a\",\"vocab\":{\"a\":0,\"<0xE3>\":1,\"_b\":3},\"merges\":[\"a a\"]}}";

  private static Tokenizer shipped;

  static Stream<byte[]> tokenizers() {
    return Stream.of(SMALL, SMALL.replace("ByteFallback", "ByteLevel").replace("Fuse", "Metaspace"),
        "{\"model\":{\"vocab\":[[\"a\",-1.5],[\"b\",0]]}}").map(TokenizerFuzzTest::utf8);
  }

  static Stream<byte[]> sideFiles() {
    return Stream.of("{\"bos_token\":\"a\",\"eos_token\":{\"content\":\"</s>\"},\"pad_token\":null}", "[]").map(TokenizerFuzzTest::utf8);
  }

  static Stream<byte[]> charsMaps() {
    return Stream.of(TestTokenizers.charsMap(0));
  }

  static Stream<byte[]> texts() {
    return Stream.of("1 red</s>shoes\n2 日本 🍕\n3 e\u0301\u0000").map(TokenizerFuzzTest::utf8);
  }

  private static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  @MethodSource("tokenizers")
  @FuzzTest
  void tokenizerJson(byte[] json) {
    HostileInput.check(json, () -> {
      TokenizerVocabulary vocabulary = TokenizerVocabulary.read("tokenizer.json", json, null, null);
      String[] tokens = IntStream.range(0, Math.min(8, vocabulary.size())).mapToObj(vocabulary::token).toArray(String[]::new);
      TracedDecoder decoder = TracedDecoder.of(vocabulary.decoder());
      if (decoder.isKnown()) {
        decoder.decode(tokens);
      }
    }, IOException.class);
  }

  @MethodSource("sideFiles")
  @FuzzTest
  void tokenizerConfig(byte[] json) {
    HostileInput.check(json, () -> TokenizerVocabulary.read("tokenizer.json", utf8(SMALL), json, json).padId(), IOException.class,
        IllegalStateException.class);
  }

  @MethodSource("charsMaps")
  @FuzzTest
  void compiledNormalisation(byte[] map) {
    HostileInput.check(map, () -> CharsMap.fault(Base64.getEncoder().encodeToString(map)));
  }

  /** The native library behind the shipped tokenizer, and what is made of its answers. */
  @MethodSource("texts")
  @FuzzTest
  void text(byte[] bytes) throws IOException {
    Tokenizer tokenizer = shipped();
    String text = new String(bytes, StandardCharsets.UTF_8);
    HostileInput.check(bytes, () -> {
      Encoding encoding = tokenizer.encodeUntrusted(text);
      for (int i = 0; i < encoding.length(); i++) {
        assertTrue(encoding.starts()[i] <= encoding.ends()[i] && encoding.ends()[i] <= text.length());
        assertTrue(!tokenizer.isSpecial(encoding.ids()[i]));
      }
      assertEquals(tokenizer.decode(encoding.ids(), true), tokenizer.spans(encoding.ids()).text());
      int[] ids = IntStream.range(0, bytes.length).map(i -> 31 * (bytes[i] & 0xFF) % (tokenizer.vocabSize() + 2)).toArray();
      assertEquals(tokenizer.decode(ids, true), tokenizer.spans(ids).text());
      List<ResponseText.Word> words = ResponseText.words(text);
      for (int w = 1; w < words.size(); w++) {
        assertTrue(words.get(w - 1).end() <= words.get(w).start());
      }
    });
  }

  private static synchronized Tokenizer shipped() throws IOException {
    shipped = shipped == null ? Tokenizer.loadShipped() : shipped;
    return shipped;
  }
}
