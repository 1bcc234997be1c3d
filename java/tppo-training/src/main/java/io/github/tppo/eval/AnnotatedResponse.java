// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.eval;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.tppo.judge.WordScore;
import io.github.tppo.text.ResponseText;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A response that a person or a judge has scored: a line of {@code labels/token.jsonl}, or of a file of human labels as
 * docs/agreement.md describes it.
 *
 * @param line where it stands in its file, from 1
 * @param words the words of the text
 * @param scores 1 relevant, 0 irrelevant, {@link WordScore#NOT_SCORED} not scored, {@link #ABSENT} for each of the words
 * @param strays how many of the line's words are not words of the text
 * @param sentence 1 when the whole is relevant, 0 when it is not, {@link WordScore#NOT_SCORED} when nobody said
 */
record AnnotatedResponse(int line, String user, long stream, String text, List<ResponseText.Word> words, int[] scores, int strays,
    int sentence) {
  /** The line says nothing of a word. */
  static final int ABSENT = -2;

  private static final ObjectMapper JSON = new ObjectMapper();

  /** What names a response: a user's samples are numbered. */
  record Key(String user, long stream) {}

  Key key() {
    return new Key(user, stream);
  }

  /**
   * Reads a file.
   *
   * @return by user and sample, in the order of the file
   * @throws IOException names file and line of what cannot be read, and of a response that is there twice
   */
  static Map<Key, AnnotatedResponse> read(Path file) throws IOException {
    Map<Key, AnnotatedResponse> all = new LinkedHashMap<>();
    try (BufferedReader in = Files.newBufferedReader(file, StandardCharsets.UTF_8)) {
      int number = 0;
      for (String line = in.readLine(); line != null; line = in.readLine()) {
        number++;
        if (line.isBlank()) {
          continue;
        }
        AnnotatedResponse response;
        try {
          response = parse(JSON.readTree(line), number);
        } catch (JsonProcessingException e) {
          throw new IOException(file + ":" + number + ": not valid JSON: " + e.getOriginalMessage(), e);
        } catch (IllegalArgumentException e) {
          throw new IOException(file + ":" + number + ": " + e.getMessage(), e);
        }
        AnnotatedResponse earlier = all.putIfAbsent(response.key(), response);
        if (earlier != null) {
          throw new IOException(file + ":" + number + ": user " + response.user + ", stream " + response.stream
              + " is in line " + earlier.line + " already; keep one of the two");
        }
      }
    }
    return all;
  }

  private static AnnotatedResponse parse(JsonNode node, int line) {
    String user = text(node, "user");
    String text = text(node, "text");
    JsonNode stream = node.path("stream");
    require(stream.isIntegralNumber(), "stream", stream, "the number of the sample");
    List<ResponseText.Word> words = ResponseText.words(text);
    int[] scores = new int[words.size()];
    Arrays.fill(scores, ABSENT);
    int strays = 0;
    JsonNode list = node.path("word_scores");
    if (!list.isMissingNode()) {
      require(list.isArray() && list.size() == scores.length, "word_scores", list, "one score for each of the words "
          + words.stream().map(ResponseText.Word::text).toList());
      for (int i = 0; i < scores.length; i++) {
        scores[i] = score(list.get(i), "word_scores[" + i + "]");
      }
    } else {
      strays = placeWords(node.path("words"), words, scores);
    }
    return new AnnotatedResponse(line, user, stream.asLong(), text, words, scores, strays, score(node.path("sentence"), "sentence"));
  }

  /** Puts each word's score in its place: by position where there is one, else by order. */
  private static int placeWords(JsonNode list, List<ResponseText.Word> words, int[] scores) {
    require(list.isArray() || list.isMissingNode(), "words", list, "a list of {\"word\", \"score\"}");
    int strays = 0;
    int next = 0;
    for (int w = 0; w < list.size(); w++) {
      JsonNode each = list.get(w);
      String key = "words[" + w + "]";
      String text = text(each, "word");
      int score = score(each.path("score"), key + ".score");
      int at = next;
      while (at < words.size() && !(words.get(at).text().equals(text)
          && (!each.has("start") || each.path("start").asInt(-1) == words.get(at).start()))) {
        at++;
      }
      if (at == words.size()) {
        strays++;
      } else {
        scores[at] = score;
        next = at + 1;
      }
    }
    return strays;
  }

  private static String text(JsonNode node, String key) {
    require(node.path(key).isTextual(), key, node.path(key), "a text");
    return node.path(key).textValue();
  }

  private static int score(JsonNode node, String key) {
    if (node.isNull() || node.isMissingNode()) {
      return WordScore.NOT_SCORED;
    }
    require(node.isIntegralNumber() && node.asInt() >= WordScore.NOT_SCORED && node.asInt() <= 1, key, node,
        "1 (relevant), 0 (irrelevant), or null (not scored)");
    return node.asInt();
  }

  private static void require(boolean good, String key, JsonNode found, String expected) {
    if (!good) {
      throw new IllegalArgumentException(key + ": found " + (found.isMissingNode() ? "nothing" : found) + ", expected " + expected);
    }
  }
}
