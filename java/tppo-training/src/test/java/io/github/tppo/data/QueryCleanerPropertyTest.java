// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;

/** Cleaning for any text, with the smallest text that breaks a rule. */
class QueryCleanerPropertyTest {
  private static final int MAX_CHARS = 40;

  private final QueryCleaner cleaner = new QueryCleaner(MAX_CHARS, true);

  /** All of Unicode, halves of pairs among it, and often what cleaning is about. */
  @Provide
  Arbitrary<String> texts() {
    Arbitrary<String> piece = Arbitraries.frequencyOf(
        net.jqwik.api.Tuple.of(3, Arbitraries.strings().all().ofMaxLength(4)),
        net.jqwik.api.Tuple.of(3, Arbitraries.strings().ascii().ofMaxLength(6)),
        net.jqwik.api.Tuple.of(2, Arbitraries.of("www.", "http://", "a.com", "\u200b", "\u00a0", "\ufb01", "\u0130", "\u1e9e", "\u03a3",
            "e\u0301", "\ud83d\ude00", "\u212a", "\uff21", "\u3000", "\u1100\u1161")));
    return piece.list().ofMaxSize(8).map(parts -> String.join("", parts));
  }

  @Property(seed = "1")
  void whatIsCleanStaysAsItIs(@ForAll("texts") String raw) {
    String clean = cleaner.clean(raw);
    if (clean == null) {
      assertNotNull(cleaner.reason());
      return;
    }
    assertEquals(clean, cleaner.clean(clean), () -> "cleaned anew, for " + cleaner.reason());
    assertTrue(clean.codePointCount(0, clean.length()) <= MAX_CHARS);
    assertEquals(clean.strip(), clean);
    assertTrue(!clean.contains("  "), clean);
  }

  @Property(seed = "2")
  void anEntryThatIsCleanStaysAsItIs(@ForAll("texts") String raw) {
    String clean = cleaner.cleanEntry(raw);
    if (clean != null) {
      assertEquals(clean, cleaner.cleanEntry(clean));
    }
  }

  /** Bytes go a way of their own. */
  @Property(seed = "3")
  void bytesAreCleanedAsTextIs(@ForAll("texts") String raw) {
    String expected = cleaner.clean(raw);
    String reason = cleaner.reason();
    if (QueryCleaner.BAD_UNICODE.equals(reason)) {
      return; // half a pair has no bytes
    }
    byte[] bytes = raw.getBytes(StandardCharsets.UTF_8);
    Utf8 text = new Utf8();
    text.set(bytes, 0, bytes.length);
    assertEquals(expected != null, cleaner.clean(text));
    assertEquals(reason, cleaner.reason());
    if (expected != null) {
      assertEquals(expected, text.toString());
    }
  }
}
