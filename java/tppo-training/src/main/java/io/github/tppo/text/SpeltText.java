// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.text;

import it.unimi.dsi.fastutil.ints.IntArrayList;
import java.util.List;

/**
 * A text in which some spellings were replaced by one blank each, that still knows where its characters stood.
 *
 * @param text   the text with the blanks
 * @param starts where each of its code units begins in the original, and the original's length
 * @param ends   where each of its code units ends in the original
 */
record SpeltText(String text, int[] starts, int[] ends) {

  /** Replaces each of {@code spellings}, from left to right and the longest first, by a blank. */
  static SpeltText blanking(String text, List<String> spellings) {
    StringBuilder out = new StringBuilder(text.length());
    IntArrayList starts = new IntArrayList(text.length() + 1);
    IntArrayList ends = new IntArrayList(text.length());
    for (int at = 0; at < text.length();) {
      int from = at;
      int length = spellings.stream().filter(s -> text.startsWith(s, from)).mapToInt(String::length).max().orElse(0);
      out.append(length > 0 ? ' ' : text.charAt(at));
      starts.add(at);
      at += Math.max(length, 1);
      ends.add(at);
    }
    starts.add(text.length());
    return new SpeltText(out.toString(), starts.toIntArray(), ends.toIntArray());
  }

  /** An encoding of {@link #text} with the positions of the original. */
  Encoding original(Encoding encoding) {
    int[] from = new int[encoding.length()];
    int[] to = new int[encoding.length()];
    for (int i = 0; i < from.length; i++) {
      int start = encoding.starts()[i];
      int end = encoding.ends()[i];
      from[i] = starts[start];
      to[i] = end > start ? ends[end - 1] : from[i];
    }
    return new Encoding(encoding.ids(), from, to);
  }
}
