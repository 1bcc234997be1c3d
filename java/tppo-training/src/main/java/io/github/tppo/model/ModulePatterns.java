// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * Regular expressions on the names of a model's modules. They come from the files of strangers, so what all matching together may
 * cost is bounded: expressions that backtrack without end are refused.
 */
final class ModulePatterns {

  private static final int MAX_LENGTH = 1000;
  /** Characters that matching one name may look at; a sound expression looks at a hundred or so. */
  private static final int MAX_READS = 100_000;
  /** The same for all names and expressions together. */
  private static final long MAX_READS_IN_ALL = 100_000_000;

  private long readsInAll;

  /**
   * Compiles an expression that must match a whole name.
   *
   * @throws IllegalArgumentException when it is not one or too long
   */
  Pattern whole(String expression) {
    return compile(expression, expression);
  }

  /** An expression that must match the last parts of a dotted name: PEFT's form of the keys of rank_pattern and alpha_pattern. */
  Pattern end(String expression) {
    return compile("(.*\\.)?(" + expression + ")", expression);
  }

  private static Pattern compile(String full, String shown) {
    if (shown.length() > MAX_LENGTH) {
      throw new IllegalArgumentException("a regular expression of " + shown.length() + " characters, at most " + MAX_LENGTH
          + " are read");
    }
    try {
      return Pattern.compile(full);
    } catch (PatternSyntaxException e) {
      throw new IllegalArgumentException("\"" + shown + "\" is not a regular expression that can be read here: "
          + e.getDescription(), e);
    }
  }

  boolean matches(Pattern pattern, String name) {
    return pattern.matcher(new Counted(name, pattern)).matches();
  }

  /** Text that counts how often it is looked at. */
  private final class Counted implements CharSequence {
    private final String text;
    private final Pattern pattern;
    private int reads;

    Counted(String text, Pattern pattern) {
      this.text = text;
      this.pattern = pattern;
    }

    @Override
    public char charAt(int index) {
      if (++reads > MAX_READS || ++readsInAll > MAX_READS_IN_ALL) {
        throw new IllegalArgumentException("\"" + pattern + "\" takes too long to match; write it without nested repetition");
      }
      return text.charAt(index);
    }

    @Override
    public int length() {
      return text.length();
    }

    @Override
    public CharSequence subSequence(int start, int end) {
      return text.subSequence(start, end);
    }

    @Override
    public String toString() {
      return text;
    }
  }
}
