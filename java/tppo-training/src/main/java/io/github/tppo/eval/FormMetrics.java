// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.eval;

import com.fasterxml.jackson.annotation.JsonProperty;
import io.github.tppo.data.History;
import io.github.tppo.text.ResponseText;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/**
 * The form of a model's answers, where reward hacking shows first.
 *
 * @param rightCount share of answers with the right number of queries
 * @param finished share of answers that the model ended itself
 * @param meanTokens mean length in tokens
 * @param duplicateQueries share of queries that repeat an earlier one of the same answer
 * @param repeatedWords share of words that repeat an earlier word of the same query
 * @param distinctAnswers distinct answers over users: a collapsed model gives every user the same
 * @param wordsInHistory share of words that occur in the user's searches
 * @param novelty share of words that occur nowhere in the user's history: searches, clicks, purchases or visits
 */
public record FormMetrics(
    @JsonProperty("right_count") double rightCount,
    @JsonProperty("finished") double finished,
    @JsonProperty("mean_tokens") double meanTokens,
    @JsonProperty("duplicate_queries") double duplicateQueries,
    @JsonProperty("repeated_words") double repeatedWords,
    @JsonProperty("distinct_answers") double distinctAnswers,
    @JsonProperty("words_in_history") double wordsInHistory,
    @JsonProperty("novelty") double novelty) {

  /** Measures all answers of a model. */
  public static FormMetrics of(List<ScoredAnswer> answers) {
    double right = 0;
    double finished = 0;
    double tokens = 0;
    long queries = 0;
    long duplicates = 0;
    long words = 0;
    long repeated = 0;
    long inHistory = 0;
    long novel = 0;
    Set<List<String>> distinct = new HashSet<>();
    Set<String> users = new HashSet<>();
    for (ScoredAnswer answer : answers) {
      right += answer.rightCount() ? 1 : 0;
      finished += answer.finished() ? 1 : 0;
      tokens += answer.tokenCount();
      if (users.add(answer.user())) { // a user's first answer: samples of one user may agree
        distinct.add(answer.queries());
      }
      queries += answer.queries().size();
      duplicates += answer.queries().size() - new HashSet<>(answer.queries()).size();
      History history = answer.history();
      Set<String> searched = words(history.search());
      Set<String> known = words(history.click(), history.purchase(), history.visit());
      known.addAll(searched);
      for (String query : answer.queries()) {
        Set<String> earlier = new HashSet<>();
        for (String word : wordsOf(query)) {
          words++;
          repeated += earlier.add(word) ? 0 : 1;
          inHistory += searched.contains(word) ? 1 : 0;
          novel += known.contains(word) ? 0 : 1;
        }
      }
    }
    double n = Math.max(1, answers.size());
    double allWords = Math.max(1, words);
    return new FormMetrics(right / n, finished / n, tokens / n, duplicates / (double) Math.max(1, queries), repeated / allWords,
        distinct.size() / (double) Math.max(1, users.size()), inHistory / allWords, novel / allWords);
  }

  @SafeVarargs
  private static Set<String> words(List<String>... entries) {
    Set<String> words = new HashSet<>();
    for (List<String> list : entries) {
      list.forEach(entry -> words.addAll(wordsOf(entry)));
    }
    return words;
  }

  private static List<String> wordsOf(String text) {
    return ResponseText.wordsOfQuery(text).stream().map(w -> w.toLowerCase(Locale.ROOT)).toList();
  }
}
