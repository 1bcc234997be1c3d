// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.text;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.regex.Pattern;

/**
 * The byte alphabet and the word pattern of byte-level BPE (GPT-2, RoBERTa): every byte is written as one printable
 * character, so that any text is a sequence of known symbols and no unknown token is ever needed.
 */
final class ByteLevel {

  /** GPT-2's pre-tokenisation: contractions, words with their leading blank, numbers, other signs, white space. */
  static final Pattern WORDS = Pattern.compile(
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
    Pattern.UNICODE_CHARACTER_CLASS);

  private static final char[] CHAR_OF_BYTE = new char[256];
  private static final int[] BYTE_OF_CHAR = new int[512];

  static {
    Arrays.fill(BYTE_OF_CHAR, -1);
    int next = 256;
    for (int b = 0; b < 256; b++) {
      boolean printable = (b >= '!' && b <= '~') || (b >= 0xA1 && b <= 0xAC) || (b >= 0xAE && b <= 0xFF);
      char c = (char) (printable ? b : next++);
      CHAR_OF_BYTE[b] = c;
      BYTE_OF_CHAR[c] = b;
    }
  }

  private ByteLevel() {
  }

  /** The printable character that stands for the byte {@code b} (0..255). */
  static char charOf(int b) {
    return CHAR_OF_BYTE[b];
  }

  /** {@code text}'s UTF-8 bytes in the byte alphabet. */
  static String encode(String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    char[] chars = new char[bytes.length];
    for (int i = 0; i < bytes.length; i++) {
      chars[i] = CHAR_OF_BYTE[bytes[i] & 0xFF];
    }
    return new String(chars);
  }

  /** The bytes that {@code symbols} stands for, or null when a character is not of the byte alphabet. */
  static byte[] decode(String symbols) {
    byte[] bytes = new byte[symbols.length()];
    for (int i = 0; i < bytes.length; i++) {
      char c = symbols.charAt(i);
      int b = c < BYTE_OF_CHAR.length ? BYTE_OF_CHAR[c] : -1;
      if (b < 0) {
        return null;
      }
      bytes[i] = (byte) b;
    }
    return bytes;
  }
}
