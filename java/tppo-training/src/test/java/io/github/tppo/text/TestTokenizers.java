// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.text;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Random;
import java.util.stream.Stream;

/**
 * The tokenizers of the tests, one of each family, and random Unicode texts to try them on. The expected values beside them
 * ({@code tokens.jsonl}) are those of Hugging Face tokenizers 0.23.2.
 */
public final class TestTokenizers {

    private static final String[] PIECES = {"a", "red", " shoes", "é", "e\u0301", "ñ", "日本語", "한국", "ไทย", "🍕", "👩‍👩‍👧",
        "\uD83C\uDDEB\uD83C\uDDF7", " ", "  ", "\n", "\t", "1", "2006", "'s", "ﬁ", "ß", "İ", "\u00A0", "\u2028", "▁", "<", "</s>x",
        "\u0000", "\uFFFD", "Ġ", "<0x41>", "-", "."};

    private TestTokenizers() {
    }

    /** Names for {@link #load}. */
    public static Stream<String> names() {
        return Stream.of("shipped", "fixtures/tokenizer", "fixtures/tokenizer_split", "tokenizers/sentencepiece",
            "tokenizers/metaspace");
    }

    /** Loads a tokenizer by its name. */
    public static Tokenizer load(String name) {
        try {
            return name.equals("shipped") ? Tokenizer.loadShipped() : Tokenizer.load(Path.of("src/test/resources", name));
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
