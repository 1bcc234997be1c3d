// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.report;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What the page shows of one line of {@code evaluate/NAME.jsonl}.
 *
 * @param history entries by kind (search, click, ...), oldest first, empty kinds left out
 * @param relevance judge's score with the token template, 0..1; NaN where the judge failed
 * @param whole judge's score with the sentence template, 0..1; NaN where the judge failed
 */
record Answer(String user, Map<String, List<String>> history, List<String> targets, String text, List<Token> tokens,
    List<Word> words, double relevance, double whole, boolean finished, int tokenCount) {

  /** A token: UTF-16 positions in the text, predicted class, reward before length and KL penalty. */
  record Token(int start, int end, int predicted, double reward) {}

  /** A word with the judge's score: 1 relevant, 0 irrelevant, -1 not scored. */
  record Word(int start, int end, int score) {}

  static Answer of(JsonNode node) {
    Map<String, List<String>> history = new LinkedHashMap<>();
    node.path("history").properties().forEach(kind -> {
      List<String> entries = strings(kind.getValue());
      if (!entries.isEmpty()) {
        history.put(kind.getKey(), entries);
      }
    });
    List<Token> tokens = new ArrayList<>();
    for (JsonNode t : node.path("tokens")) {
      tokens.add(new Token(t.path("start").asInt(), t.path("end").asInt(), t.path("class").asInt(), t.path("reward").asDouble()));
    }
    List<Word> words = new ArrayList<>();
    for (JsonNode w : node.path("words")) {
      words.add(new Word(w.path("start").asInt(), w.path("end").asInt(), w.path("score").asInt(-1)));
    }
    return new Answer(node.path("user").asText(), history, strings(node.path("target_queries")), node.path("text").asText(),
        tokens, words, Numbers.of(node.path("token_relevance")), Numbers.of(node.path("sentence_relevance")),
        node.path("finished").asBoolean(true), node.path("n_tokens").asInt(tokens.size()));
  }

  private static List<String> strings(JsonNode array) {
    List<String> out = new ArrayList<>();
    array.forEach(s -> out.add(s.asText()));
    return out;
  }

  /** Judge's score of each UTF-16 position: that of the word which covers it, else -1. */
  int[] scores() {
    int[] scores = new int[text.length()];
    java.util.Arrays.fill(scores, -1);
    for (Word w : words) {
      for (int i = Math.max(0, w.start()); i < Math.min(text.length(), w.end()); i++) {
        scores[i] = w.score();
      }
    }
    return scores;
  }
}
