// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.judge;

import io.github.tppo.text.TokenSpans;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;

/**
 * Labels of words as labels of tokens, and labels or rewards of one tokenizer's tokens as those of another's. Everything
 * goes by character positions in the same text (UTF-16 code units), so it holds for any tokenizer.
 */
public final class TokenClasses {

  /** Class of tokens that are neither relevant nor irrelevant: separators, numbers, special tokens, stop words. */
  public static final int NONE = 0;
  /** Class of tokens of irrelevant words. */
  public static final int IRRELEVANT = 1;
  /** Class of tokens of relevant words. */
  public static final int RELEVANT = 2;

  private TokenClasses() {
  }

  /**
   * The class of every token: that of the first scored word of which it covers a character, else {@link #NONE}.
   *
   * @param spans where the tokens lie in the text
   * @param words the words of the same text, in order
   * @return one class in {0, 1, 2} per token
   */
  public static int[] of(TokenSpans spans, List<WordScore> words) {
    return of(spans.starts(), spans.ends(), words);
  }

  /** As {@link #of(TokenSpans, List)}, for tokens at {@code [starts[i], ends[i])}. */
  public static int[] of(int[] starts, int[] ends, List<WordScore> words) {
    if (starts.length != ends.length) {
      throw new IllegalArgumentException(starts.length + " starts and " + ends.length + " ends, expected as many");
    }
    Objects.requireNonNull(words, "words");
    int[] classes = new int[starts.length];
    for (int t = 0; t < classes.length; t++) {
      for (WordScore word : words) {
        // An empty span, such as a special token's, covers nothing even in the middle of a word.
        if (word.isScored() && Math.max(word.start(), starts[t]) < Math.min(word.end(), ends[t])) {
          classes[t] = word.tokenClass();
          break;
        }
      }
    }
    return classes;
  }

  /**
   * Carries classes over to another tokenization of the same text. Every character has the class of the first source token
   * that covers it. A target token takes the class that most of its characters have, where characters without a
   * source token and characters of class 0 have no say unless there are no others; the earlier character decides a tie.
   *
   * @param classes one class in {0, 1, 2} per source token, such as the reward model's
   * @param source  where the source tokens lie
   * @param target  where the target tokens lie, such as the policy's
   * @return one class per target token
   */
  public static int[] map(int[] classes, TokenSpans source, TokenSpans target) {
    requireOneEach("classes", classes.length, source);
    for (int each : classes) {
      if (each < NONE || each > RELEVANT) {
        throw new IllegalArgumentException("classes hold " + each + ", expected 0, 1 or 2");
      }
    }
    int[] tokenOfChar = tokenOfChar(source, length(source, target));
    int[] mapped = new int[target.length()];
    for (int t = 0; t < mapped.length; t++) {
      int[] votes = new int[RELEVANT + 1];
      int first = NONE;
      for (int c = target.starts()[t]; c < target.ends()[t]; c++) {
        if (tokenOfChar[c] >= 0) {
          int charClass = classes[tokenOfChar[c]];
          votes[charClass]++;
          first = first == NONE ? charClass : first;
        }
      }
      mapped[t] = votes[IRRELEVANT] == votes[RELEVANT] ? first : votes[RELEVANT] > votes[IRRELEVANT] ? RELEVANT : IRRELEVANT;
    }
    return mapped;
  }

  /**
   * Carries values, such as rewards, over to another tokenization of the same text: a target token takes the mean over its
   * characters of the value of the first source token that covers each; characters without a source token are left
   * out, and a token without any takes 0.
   *
   * @param values one value per source token
   * @param source where the source tokens lie
   * @param target where the target tokens lie
   * @return one value per target token
   */
  public static double[] map(double[] values, TokenSpans source, TokenSpans target) {
    requireOneEach("values", values.length, source);
    int[] tokenOfChar = tokenOfChar(source, length(source, target));
    double[] mapped = new double[target.length()];
    for (int t = 0; t < mapped.length; t++) {
      double sum = 0;
      int n = 0;
      for (int c = target.starts()[t]; c < target.ends()[t]; c++) {
        if (tokenOfChar[c] >= 0) {
          sum += values[tokenOfChar[c]];
          n++;
        }
      }
      mapped[t] = n == 0 ? 0 : sum / n;
    }
    return mapped;
  }

  private static void requireOneEach(String name, int count, TokenSpans source) {
    if (count != source.length()) {
      throw new IllegalArgumentException(name + ": " + count + ", expected one for each of " + source.length() + " source tokens");
    }
  }

  private static int length(TokenSpans source, TokenSpans target) {
    if (!source.text().equals(target.text())) {
      throw new IllegalArgumentException("the two tokenizations are not of the same text: \"" + source.text()
        + "\" and \"" + target.text() + "\"");
    }
    return target.text().length();
  }

  /** The first token that covers each character, or -1. */
  private static int[] tokenOfChar(TokenSpans spans, int length) {
    int[] token = new int[length];
    Arrays.fill(token, -1);
    for (int t = spans.length() - 1; t >= 0; t--) {
      Arrays.fill(token, spans.starts()[t], spans.ends()[t], t);
    }
    return token;
  }
}
