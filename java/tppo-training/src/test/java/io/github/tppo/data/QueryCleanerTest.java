// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class QueryCleanerTest {
  private final QueryCleaner cleaner = new QueryCleaner(40, true);

  @Test
  void normalisesUnicodeSpaceAndCase() {
    assertEquals("garden hose", cleaner.clean("  Garden\t\u00a0HOSE \r"));
    assertEquals("file 12", cleaner.clean("\ufb01le\u2028\u3000\uff11\uff12"));
    assertEquals("caf\u00e9", cleaner.clean("CAFE\u0301"));
    assertEquals("lone cr", cleaner.clean("lone\rcr"));
    assertEquals("c++", cleaner.clean("C++"));
    assertEquals("\u2665", cleaner.clean("\u2665"));
  }

  /** Bytes are cleaned on a way of their own where they are ASCII. */
  @Test
  void bytesAreCleanedAsTextIs() {
    Random random = new Random(5);
    String[] pieces = {"a", "Garden", " ", "  ", "\t", "\r", "\u007f", "\u0001", ".", ".com", "www.", "http://", "http //", "https:", "/", ":",
        "-", "9", "?", "co.uk", "x".repeat(38), "caf\u00e9", "\u00a0", "\u200b", "\ufb01", "\ud83d\ude00"};
    int asciiPieces = 21;
    int clean = 0;
    for (int i = 0; i < 50_000; i++) {
      StringBuilder raw = new StringBuilder();
      int kinds = random.nextBoolean() ? pieces.length : asciiPieces;
      for (int n = random.nextInt(6); n >= 0; n--) {
        raw.append(pieces[random.nextInt(kinds)]);
      }
      Utf8 bytes = new Utf8();
      byte[] padded = ("no" + raw + "no").getBytes(StandardCharsets.UTF_8);
      bytes.set(padded, 2, padded.length - 2);
      String expected = cleaner.clean(raw.toString());
      String reason = cleaner.reason();
      assertEquals(expected != null, cleaner.clean(bytes), raw.toString());
      assertEquals(reason, cleaner.reason(), raw.toString());
      if (expected != null) {
        clean++;
        assertEquals(expected, bytes.toString());
      }
      bytes.set(padded, 2, padded.length - 2);
      cleaner.normalise(bytes);
      assertEquals(QueryCleaner.normalise(raw.toString()), bytes.toString());
    }
    assertTrue(clean > 5_000 && clean < 45_000, clean + " were clean");
  }

  @Test
  void doesNotDependOnTheLocale() {
    Locale before = Locale.getDefault();
    try {
      Locale.setDefault(Locale.forLanguageTag("tr"));
      assertEquals("title", cleaner.clean("TITLE"));
    } finally {
      Locale.setDefault(before);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "   ", "-", "?!", "\u200b", "\u0001"})
  void withoutContentIsEmpty(String raw) {
    assertNull(cleaner.clean(raw));
    assertEquals("empty_query", cleaner.reason());
  }

  @ParameterizedTest
  @ValueSource(strings = {"www.example.com", "WWW.Example.com", "http://example.org/a b", "https:example", "example.com",
      "my-site.net/path?x=1", "bbc.co.uk", "go to www.example.com", "ftp://host"})
  void addressesAreDropped(String raw) {
    assertNull(cleaner.clean(raw));
    assertEquals("url_query", cleaner.reason());
    assertEquals(QueryCleaner.normalise(raw), new QueryCleaner(40, false).clean(raw));
    assertEquals(QueryCleaner.normalise(raw), cleaner.cleanEntry(raw));
  }

  @ParameterizedTest
  @ValueSource(strings = {"node.js", "st. lucia", "dr. who", "u.s. history", "3.14", "what is http", "amazon com", "version 1.com mon"})
  void wordsWithDotsAreNoAddresses(String raw) {
    assertEquals(raw, cleaner.clean(raw));
  }

  @Test
  void lengthCountsCharactersAndNotCodeUnits() {
    String clef = "\ud834\udd1e";
    assertEquals(clef.repeat(40), cleaner.clean(clef.repeat(40)));
    assertNull(cleaner.clean("x".repeat(41)));
    assertEquals("too_long_query", cleaner.reason());
  }

  @Test
  void halfASurrogatePairIsRefused() {
    assertNull(cleaner.clean("a\ud834"));
    assertEquals("unpaired_surrogate", cleaner.reason());
  }

  @Test
  void cleaningTwiceChangesNothing() {
    Random random = new Random(3);
    QueryCleaner any = new QueryCleaner(1000, false);
    for (int i = 0; i < 20_000; i++) {
      StringBuilder raw = new StringBuilder();
      for (int k = 0; k < 6; k++) {
        raw.appendCodePoint(random.nextInt(4) == 0 ? ' ' : random.nextInt(0x3400));
      }
      String once = any.clean(raw.toString());
      if (once != null) {
        assertEquals(once, any.clean(once), () -> "from " + raw.codePoints().boxed().toList());
      }
    }
  }
}
