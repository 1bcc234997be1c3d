// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.text;

import io.github.tppo.data.Example;
import io.github.tppo.data.History;
import io.github.tppo.run.Doc;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * How a history becomes a prompt and queries become a response. Compact, so that a small model spends its tokens on
 * queries, and with every query after one blank, so that a word has the same tokens in the history and in the response:
 *
 * <pre>
 * # page visited           visits      (oldest first; left out by default)
 * $ product bought         purchases   (oldest first; left out by default)
 * &#64; host clicked           clicks      (oldest first; left out by default)
 *  an older query          searches    (oldest first)
 *  the newest query
 * =                        the marker line: the response follows
 * 1 first query            the response; its last line has no line break, the end token follows
 * 2 second query
 * 3 third query
 * </pre>
 *
 * <p>The prompt ends in the marker's line break and the response begins with a digit (or, without numbers, with the blank
 * before its first query). Byte-level BPE never merges across that border, so a response has the same ids alone and after
 * its prompt. White space and control characters inside an entry become one blank; an entry left empty is not shown.
 *
 * @param numberedLines whether each line of the response begins with its number and a blank (a small model loses count
 *                      without), or with a blank only
 * @param maxClicks     how many of the newest clicks are shown; 0 none
 * @param maxPurchases  how many of the newest purchases are shown; 0 none
 * @param maxVisits     how many of the newest visits are shown; 0 none
 */
@Doc("How a history becomes a prompt and queries become a response.")
public record PromptFormat(
  @Doc("Begin each line of a response with its number; a small model loses count without.") boolean numberedLines,
  @Doc("How many of the newest clicks are shown; 0 none.") int maxClicks,
  @Doc("How many of the newest purchases are shown; 0 none.") int maxPurchases,
  @Doc("How many of the newest visits are shown; 0 none.") int maxVisits) {

  /** The line between the history and the response. */
  public static final String MARKER = "=\n";

  private static final Pattern BLANKS = Pattern.compile("[\\s\\p{Z}\\p{Cc}]+", Pattern.UNICODE_CHARACTER_CLASS);

  /** @throws IllegalArgumentException when a number of entries is negative */
  public PromptFormat {
    if (maxClicks < 0 || maxPurchases < 0 || maxVisits < 0) {
      throw new IllegalArgumentException("prompt: the number of clicks, purchases and visits shown must be 0 or"
        + " more, found " + maxClicks + ", " + maxPurchases + " and " + maxVisits);
    }
  }

  /** For open logs: numbered lines, searches only. */
  public static PromptFormat defaults() {
    return new PromptFormat(true, 0, 0, 0);
  }

  /** A query as its line of the prompt: the form to train a tokenizer on. */
  public static String queryLine(String query) {
    return " " + oneLine(Objects.requireNonNull(query, "query")) + "\n";
  }

  /**
   * The queries of an example as their lines, history first: what {@link BpeTrainer} is trained on for this form.
   */
  public static List<String> queryLines(Example example) {
    return Stream.concat(example.history().search().stream(), example.targets().stream())
      .map(PromptFormat::queryLine).toList();
  }

  /** The whole prompt for {@code history}, uncut, ending with the marker line. */
  public String prompt(History history) {
    return String.join("", entries(history)) + MARKER;
  }

  /** The response that says {@code queries}, in their order; the caller adds the end token as an id. */
  public String response(List<String> queries) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < queries.size(); i++) {
      text.append(i > 0 ? "\n" : "");
      if (numberedLines) {
        text.append(i + 1);
      }
      text.append(' ').append(oneLine(queries.get(i)));
    }
    return text.toString();
  }

  /**
   * The prompt as ids: the begin token where the tokenizer has one, then as much of {@link #prompt} as fits. Entries
   * are dropped whole, from the top of the prompt: the visits first, oldest first, the newest search last.
   *
   * @param maxTokens the most ids wanted; at least what the begin token and the marker take
   */
  public int[] promptIds(Tokenizer tokenizer, History history, int maxTokens) {
    List<String> entries = entries(history);
    int room = maxTokens - (tokenizer.bosId() >= 0 ? 1 : 0);
    int[] ids = tokenizer.hasIndependentLines() ? idsByLine(tokenizer, entries, room) : idsOfText(tokenizer, entries, room);
    if (ids.length > room) {
      throw new IllegalArgumentException("prompt: at most " + maxTokens + " tokens are allowed, but the begin token"
        + " and the marker alone take " + (ids.length + maxTokens - room));
    }
    return withBos(tokenizer, ids);
  }

  private static int[] idsByLine(Tokenizer tokenizer, List<String> entries, int room) {
    int[] marker = tokenizer.lineIds(MARKER);
    int from = entries.size();
    int length = marker.length;
    while (from > 0 && length + tokenizer.lineIds(entries.get(from - 1)).length <= room) {
      length += tokenizer.lineIds(entries.get(--from)).length;
    }
    int[] ids = new int[length];
    int at = 0;
    for (String entry : entries.subList(from, entries.size())) {
      int[] line = tokenizer.lineIds(entry);
      System.arraycopy(line, 0, ids, at, line.length);
      at += line.length;
    }
    System.arraycopy(marker, 0, ids, at, marker.length);
    return ids;
  }

  private static int[] idsOfText(Tokenizer tokenizer, List<String> entries, int room) {
    int from = 0;
    Encoding encoding = encodeFrom(tokenizer, entries, from);
    if (encoding.length() > room) {
      from = firstThatFits(entries, encoding, room);
      encoding = encodeFrom(tokenizer, entries, from);
    }
    // What is left can take more tokens than it did inside the longer text, though it seldom does.
    while (encoding.length() > room && from < entries.size()) {
      encoding = encodeFrom(tokenizer, entries, ++from);
    }
    return encoding.ids();
  }

  /**
   * The response that says {@code queries} as the ids that follow a prompt, with the end token. Encoded after the
   * marker, so that a tokenizer that treats the start of a text specially (SentencePiece) does not do so here.
   */
  public int[] responseIds(Tokenizer tokenizer, List<String> queries) {
    String response = response(queries);
    int[] ids = tokenizer.hasIndependentLines() ? tokenizer.encodeUntrusted(response).ids() : afterMarker(tokenizer, response);
    int[] ended = Arrays.copyOf(ids, ids.length + 1);
    ended[ids.length] = tokenizer.eosId();
    return ended;
  }

  private static int[] afterMarker(Tokenizer tokenizer, String response) {
    int[] marker = tokenizer.encode(MARKER, false).ids();
    int[] both = tokenizer.encodeUntrusted(MARKER + response).ids();
    boolean border = both.length >= marker.length && Arrays.equals(marker, Arrays.copyOf(both, marker.length));
    return border ? Arrays.copyOfRange(both, marker.length, both.length) : tokenizer.encodeUntrusted(response).ids();
  }

  private static int[] withBos(Tokenizer tokenizer, int[] ids) {
    if (tokenizer.bosId() < 0) {
      return ids;
    }
    int[] all = new int[ids.length + 1];
    all[0] = tokenizer.bosId();
    System.arraycopy(ids, 0, all, 1, ids.length);
    return all;
  }

  private static Encoding encodeFrom(Tokenizer tokenizer, List<String> entries, int from) {
    return tokenizer.encodeUntrusted(String.join("", entries.subList(from, entries.size())) + MARKER);
  }

  /** The oldest entry from which on the tokens of {@code encoding} are at most {@code room}. */
  private static int firstThatFits(List<String> entries, Encoding encoding, int room) {
    int offset = 0;
    int token = 0;
    for (int e = 0; e < entries.size(); e++) {
      while (token < encoding.length() && encoding.starts()[token] < offset) {
        token++;
      }
      if (encoding.length() - token <= room) {
        return e;
      }
      offset += entries.get(e).length();
    }
    return entries.size();
  }

  private List<String> entries(History history) {
    List<String> lines = new ArrayList<>();
    add(lines, "#", history.visit(), maxVisits);
    add(lines, "$", history.purchase(), maxPurchases);
    add(lines, "@", history.click(), maxClicks);
    add(lines, "", history.search(), Integer.MAX_VALUE);
    return lines;
  }

  private static void add(List<String> lines, String kind, List<String> entries, int max) {
    for (String entry : entries.subList(Math.max(0, entries.size() - max), entries.size())) {
      if (!oneLine(entry).isEmpty()) {
        lines.add(kind + queryLine(entry));
      }
    }
  }

  private static String oneLine(String text) {
    return BLANKS.matcher(text).replaceAll(" ").strip();
  }
}
