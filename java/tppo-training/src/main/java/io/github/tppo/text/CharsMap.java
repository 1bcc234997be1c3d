// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.text;

import it.unimi.dsi.fastutil.ints.IntOpenHashSet;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.IntBuffer;
import java.util.ArrayDeque;
import java.util.Base64;

/**
 * Checks SentencePiece's compiled normalisation rules (the {@code precompiled_charsmap} of a {@code tokenizer.json}), which the
 * native library follows unchecked: a double-array trie of UTF-8 prefixes (4 bytes of length, then units of 4 bytes), whose leaves
 * point to zero-terminated replacements in the text behind it.
 */
final class CharsMap {

  private final IntBuffer units;
  private final byte[] texts;

  private CharsMap(IntBuffer units, byte[] texts) {
    this.units = units;
    this.texts = texts;
  }

  /** What is wrong with the rules, after "a map that", or null. */
  static String fault(String base64) {
    byte[] bytes;
    try {
      bytes = base64 == null ? new byte[0] : Base64.getDecoder().decode(base64);
    } catch (IllegalArgumentException e) {
      return "is not base64";
    }
    if (bytes.length < 8) {
      return "is too short";
    }
    ByteBuffer buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    long trie = Integer.toUnsignedLong(buffer.getInt());
    if (trie < 4 || trie % 4 != 0 || trie > bytes.length - 4) {
      return "has a trie of " + trie + " bytes in " + bytes.length;
    }
    byte[] texts = new byte[bytes.length - 4 - (int) trie];
    buffer.get(4 + (int) trie, texts);
    if (!Utf8.isValid(texts)) {
      return "holds text that is not UTF-8";
    }
    CharsMap map = new CharsMap(buffer.slice(4, (int) trie).order(ByteOrder.LITTLE_ENDIAN).asIntBuffer(), texts);
    return map.leadsOutside() ? "leads outside its own data" : null;
  }

  /** Whether any text leads to a unit that is not there, or to no place where a replacement could begin. */
  private boolean leadsOutside() {
    ArrayDeque<Integer> open = new ArrayDeque<>();
    IntOpenHashSet seen = new IntOpenHashSet();
    open.add(offset(units.get(0)));
    while (!open.isEmpty()) {
      int base = open.remove();
      if (!seen.add(base)) {
        continue;
      }
      for (int c = 1; c < 256; c++) {
        int at = base ^ c;
        if (at >= units.limit()) {
          return true;
        }
        int unit = units.get(at);
        // The sign bit marks a leaf, which no byte leads to.
        if ((unit & 0x800000FF) == c) {
          int next = at ^ offset(unit);
          if ((unit & 0x100) != 0 && (next >= units.limit() || !isPlace(units.get(next) & Integer.MAX_VALUE))) {
            return true;
          }
          open.add(next);
        }
      }
    }
    return false;
  }

  private boolean isPlace(int at) {
    return at <= texts.length && (at == texts.length || (texts[at] & 0xC0) != 0x80);
  }

  private static int offset(int unit) {
    return (unit >>> 10) << ((unit & 0x200) >>> 6);
  }
}
