// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.text;

/**
 * Tells whether a regular expression can match no characters at all, from its text alone: an expression from a foreign file is
 * not run here, where it could run for ever. What is not understood counts as possible.
 */
final class EmptyMatch {

  private final String regex;
  private int at;
  private boolean unclear;

  private EmptyMatch(String regex) {
    this.regex = regex;
  }

  static boolean possible(String regex) {
    if (regex.length() > 10_000) {
      return true;
    }
    EmptyMatch parser = new EmptyMatch(regex);
    boolean empty = parser.alternatives(0);
    return empty || parser.unclear || parser.at < regex.length();
  }

  /** Reads up to a closing bracket or the end. */
  private boolean alternatives(int depth) {
    boolean any = false;
    boolean sequence = true;
    while (at < regex.length() && regex.charAt(at) != ')') {
      if (regex.charAt(at) == '|') {
        at++;
        any |= sequence;
        sequence = true;
      } else {
        boolean atom = atom(depth);
        sequence &= quantified(atom);
      }
    }
    return any | sequence;
  }

  private boolean atom(int depth) {
    char c = regex.charAt(at++);
    return switch (c) {
      case '(' -> group(depth);
      case '[' -> set();
      case '\\' -> escape();
      case '^', '$' -> true;
      case '*', '+', '?', '{' -> {
        unclear = true;
        yield true;
      }
      default -> false;
    };
  }

  private boolean group(int depth) {
    // Look-around, options, names and conditions: only plain groups are known to take what they hold.
    boolean plain = !regex.startsWith("?", at) || regex.startsWith("?:", at);
    at += regex.startsWith("?:", at) ? 2 : 0;
    boolean empty = depth > 100 || alternatives(depth + 1);
    boolean closed = regex.startsWith(")", at);
    at++;
    return empty || !plain || !closed;
  }

  /** A set of characters takes one of them. */
  private boolean set() {
    int open = 1;
    at += regex.startsWith("^", at) ? 1 : 0;
    at += regex.startsWith("]", at) ? 1 : 0;
    while (at < regex.length() && open > 0) {
      char c = regex.charAt(at++);
      at += c == '\\' ? 1 : 0;
      open += c == '[' ? 1 : c == ']' ? -1 : 0;
    }
    return open > 0;
  }

  private boolean escape() {
    char c = at < regex.length() ? regex.charAt(at++) : 'b';
    if ("pPx".indexOf(c) >= 0 && regex.startsWith("{", at)) {
      int end = regex.indexOf('}', at);
      at = end < 0 ? regex.length() : end + 1;
      return end < 0;
    }
    // Signs and the classes of single characters; borders, references to groups and the like may take nothing.
    return Character.isLetterOrDigit(c) && "dDwWsShHntrfvaexp".indexOf(c) < 0;
  }

  private boolean quantified(boolean atom) {
    boolean empty = atom;
    while (at < regex.length() && "*+?{".indexOf(regex.charAt(at)) >= 0) {
      char c = regex.charAt(at++);
      if (c == '{') {
        int end = regex.indexOf('}', at);
        String least = end < 0 ? "" : regex.substring(at, end).split(",", 2)[0];
        empty |= !least.matches("\\d*[1-9]\\d*");
        at = end < 0 ? regex.length() : end + 1;
      } else {
        empty |= c != '+' && !lazy(c);
      }
    }
    return empty;
  }

  /** A question mark or plus right after a quantifier only says how eagerly it takes. */
  private boolean lazy(char c) {
    return c == '?' && at >= 2 && "*+?}".indexOf(regex.charAt(at - 2)) >= 0;
  }
}
