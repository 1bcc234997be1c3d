// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.judge;

import io.github.tppo.text.ResponseText.Word;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Puts the scores of a reply onto the words of the response. Words are compared in NFKC and lower case. Either every word has
 * the one score that the reply can mean, or the reply is refused:
 * <ul>
 * <li>the reply's words are the response's, in the same order: each takes its own score;
 * <li>they are the same, equally often, in another order: each takes the score of its word, if a repeated word has the same
 *     score everywhere;
 * <li>anything else, a word too many or too few included, is refused.
 * </ul>
 * A reply in the form of an object (word to score, as in the paper's figure 13) can name each word but once: there its
 * score holds wherever the word occurs.
 */
final class WordAlignment {

  /** A word of the reply with its score, 0 or 1. */
  record Entry(String word, int score) {
  }

  private WordAlignment() {
  }

  /** The scores by a list of the reply. */
  static List<WordScore> inOrder(List<Word> words, List<Entry> entries) throws JudgeException {
    List<String> expected = words.stream().map(w -> normal(w.text())).toList();
    List<String> given = entries.stream().map(e -> normal(e.word())).toList();
    if (expected.equals(given)) {
      List<WordScore> scores = new ArrayList<>();
      for (int i = 0; i < words.size(); i++) {
        scores.add(scored(words.get(i), entries.get(i).score()));
      }
      return scores;
    }
    if (!counts(expected).equals(counts(given))) {
      throw differ(expected, given);
    }
    return byWord(words, entries);
  }

  /** The scores by an object of the reply. */
  static List<WordScore> byKey(List<Word> words, List<Entry> entries) throws JudgeException {
    List<String> expected = words.stream().map(w -> normal(w.text())).distinct().toList();
    List<String> given = entries.stream().map(e -> normal(e.word())).toList();
    if (!counts(expected).keySet().equals(counts(given).keySet())) {
      throw differ(expected, given);
    }
    return byWord(words, entries);
  }

  private static List<WordScore> byWord(List<Word> words, List<Entry> entries) throws JudgeException {
    Map<String, Integer> scoreOf = new HashMap<>();
    for (Entry entry : entries) {
      Integer before = scoreOf.put(normal(entry.word()), entry.score());
      if (before != null && before != entry.score()) {
        throw new JudgeException("words", "\"" + entry.word() + "\" has two scores and no place that tells them apart");
      }
    }
    return words.stream().map(w -> scored(w, scoreOf.get(normal(w.text())))).toList();
  }

  private static WordScore scored(Word word, int score) {
    return new WordScore(word.text(), word.start(), word.end(), score);
  }

  private static String normal(String word) {
    return Stems.normalise(word.strip());
  }

  private static Map<String, Integer> counts(List<String> words) {
    Map<String, Integer> counts = new HashMap<>();
    words.forEach(w -> counts.merge(w, 1, Integer::sum));
    return counts;
  }

  private static JudgeException differ(List<String> expected, List<String> given) {
    List<String> missing = new ArrayList<>(expected);
    List<String> extra = new ArrayList<>();
    for (String word : given) {
      if (!missing.remove(word)) {
        extra.add(word);
      }
    }
    return new JudgeException("words", "the reply has " + given.size() + " words for " + expected.size() + "; missing "
      + ReplyJson.start(missing.toString()) + ", not asked for " + ReplyJson.start(extra.toString()));
  }
}
