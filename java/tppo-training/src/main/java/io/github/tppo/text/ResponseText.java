// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.text;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A generated response taken apart: its lines, and the words of their queries. All positions are UTF-16 code units of the
 * response's text, those that {@link TokenSpans} counts in.
 */
public final class ResponseText {

  /** The number that begins a numbered line; a query never stands at the very start of its line. */
  private static final Pattern NUMBER = Pattern.compile("(\\d{1,3})[.)]?(?=\\s|$)");

  private static final String KANA_MARKS = "\u30FC\u3099\u309A";

  /**
   * A Han character, a run of one kana, or a run of letters, digits and marks, in which an apostrophe may stand between
   * letters.
   */
  private static final Pattern WORD = Pattern.compile(
    "\\p{IsHan}\\p{M}*"
      + "|[\\p{IsHiragana}" + KANA_MARKS + "]+"
      + "|[\\p{IsKatakana}" + KANA_MARKS + "]+"
      + "|" + run() + "(?:(?<=[\\p{L}\\p{M}])['\u2019](?=\\p{L})" + run() + ")*");

  private ResponseText() {
  }

  private static String run() {
    return "[\\p{L}\\p{N}\\p{M}&&[^\\p{IsHan}\\p{IsHiragana}\\p{IsKatakana}" + KANA_MARKS + "]]+";
  }

  /**
   * A line of a response.
   *
   * @param query  the query without its number and the blanks around it; empty when the line holds none
   * @param start  where the query starts
   * @param end    one past the query's last code unit
   * @param number the line's number as written, or 0 when it has none
   */
  public record Line(String query, int start, int end, int number) {
  }

  /**
   * A word of a query.
   *
   * @param text  the word as written
   * @param start where it starts
   * @param end   one past its last code unit
   * @param line  the index of its line, from 0
   */
  public record Word(String text, int start, int end, int line) {
  }

  /** The lines of {@code text}, empty ones included; a line break at the very end begins no further line. */
  public static List<Line> lines(String text) {
    List<Line> lines = new ArrayList<>();
    for (int from = 0; from < text.length();) {
      int to = from;
      while (to < text.length() && text.charAt(to) != '\n' && text.charAt(to) != '\r') {
        to++;
      }
      lines.add(line(text, from, to));
      boolean pair = text.startsWith("\r\n", to);
      from = to + (pair ? 2 : 1);
    }
    return lines;
  }

  private static Line line(String text, int from, int to) {
    int start = from;
    int number = 0;
    Matcher m = NUMBER.matcher(text).region(from, to);
    if (m.lookingAt()) {
      number = Integer.parseInt(m.group(1));
      start = m.end();
    }
    int end = to;
    while (start < end && isBlank(text.charAt(start))) {
      start++;
    }
    while (end > start && isBlank(text.charAt(end - 1))) {
      end--;
    }
    return new Line(text.substring(start, end), start, end, number);
  }

  private static boolean isBlank(char c) {
    return Character.isWhitespace(c) || Character.isSpaceChar(c) || Character.isISOControl(c);
  }

  /** The queries of {@code text} in order, empty lines left out. */
  public static List<String> queries(String text) {
    return lines(text).stream().map(Line::query).filter(q -> !q.isEmpty()).toList();
  }

  /** The words of all queries of {@code text} in order; line numbers are not words. */
  public static List<Word> words(String text) {
    List<Word> words = new ArrayList<>();
    List<Line> lines = lines(text);
    for (int l = 0; l < lines.size(); l++) {
      addWords(words, text, lines.get(l).start(), lines.get(l).end(), l);
    }
    return words;
  }

  /** The words of one query; a number at its start is a word here. */
  public static List<String> wordsOfQuery(String query) {
    List<Word> words = new ArrayList<>();
    addWords(words, query, 0, query.length(), 0);
    return words.stream().map(Word::text).toList();
  }

  private static void addWords(List<Word> words, String text, int from, int to, int line) {
    Matcher m = WORD.matcher(text).region(from, to);
    while (m.find()) {
      words.add(new Word(m.group(), m.start(), m.end(), line));
    }
  }
}
