// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.text;

import it.unimi.dsi.fastutil.ints.IntArrayList;
import java.util.List;

/** A text whose every UTF-16 code unit knows the first and the last token that it came from. */
final class TracedText {

  private final StringBuilder chars = new StringBuilder();
  private final IntArrayList first = new IntArrayList();
  private final IntArrayList last = new IntArrayList();

  /** {@code text}, all of it from one token. */
  static TracedText of(String text, int token) {
    TracedText traced = new TracedText();
    for (int i = 0; i < text.length(); i++) {
      traced.add(text.charAt(i), token, token);
    }
    return traced;
  }

  static TracedText concat(List<TracedText> pieces) {
    TracedText all = new TracedText();
    pieces.forEach(p -> all.addAll(p, 0, p.length()));
    return all;
  }

  void add(char c, int firstToken, int lastToken) {
    chars.append(c);
    first.add(firstToken);
    last.add(lastToken);
  }

  void addCodePoint(int codePoint, int firstToken, int lastToken) {
    for (char c : Character.toChars(codePoint)) {
      add(c, firstToken, lastToken);
    }
  }

  void addAll(TracedText other, int from, int to) {
    for (int i = from; i < to; i++) {
      add(other.chars.charAt(i), other.first.getInt(i), other.last.getInt(i));
    }
  }

  int length() {
    return chars.length();
  }

  char charAt(int at) {
    return chars.charAt(at);
  }

  int first(int at) {
    return first.getInt(at);
  }

  int last(int at) {
    return last.getInt(at);
  }

  @Override
  public String toString() {
    return chars.toString();
  }
}
