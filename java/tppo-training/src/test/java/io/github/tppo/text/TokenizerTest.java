// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.text;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TokenizerTest {

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
        ObjectMapper json = new ObjectMapper();
        ObjectNode root = (ObjectNode) json.readTree(FIXTURES.resolve("tokenizer/tokenizer.json").toFile());
        root.putObject("truncation").put("direction", "Right").put("max_length", 4).put("strategy", "LongestFirst").put("stride", 0);
        root.putObject("padding").put("direction", "Right").put("pad_id", 1).put("pad_type_id", 0).put("pad_token", "<pad>")
            .putNull("pad_to_multiple_of").putObject("strategy").put("Fixed", 64);
        json.writeValue(dir.resolve("tokenizer.json").toFile(), root);
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
    void aDecoderThatCannotBeTracedIsNamed() throws IOException {
        ObjectMapper json = new ObjectMapper();
        ObjectNode root = (ObjectNode) json.readTree(FIXTURES.resolve("tokenizer/tokenizer.json").toFile());
        root.putObject("decoder").put("type", "WordPiece").put("prefix", "##").put("cleanup", true);
        json.writeValue(dir.resolve("tokenizer.json").toFile(), root);
        try (Tokenizer tokenizer = Tokenizer.load(dir)) {
            assertFalse(tokenizer.canTrace());
            Exception e = assertThrows(UnsupportedOperationException.class, () -> tokenizer.spans(new int[] {5}));
            assertTrue(e.getMessage().contains("WordPiece"), e.getMessage());
        }
    }
}
