// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.judge;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.tppo.text.ResponseText;
import io.github.tppo.text.ResponseText.Word;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Reads a language model's reply: tolerant in form, strict in substance. A score may be a number, a string or a boolean, alone or
 * wrapped in an object, but it must be 0 or 1; a reply that leaves open what was meant is refused, never guessed at.
 */
final class ReplyParser {

  /** An answer that is taken out of one object. */
  private interface Reader<T> {
    T read(ObjectNode object) throws JudgeException;
  }

  private ReplyParser() {
  }

  /**
   * The judgement in the reply to the token template.
   *
   * @throws JudgeException when there is none, or its words are not those of the response ({@link WordAlignment})
   */
  static Judgement token(String reply, String response) throws JudgeException {
    List<Word> words = ResponseText.words(response);
    return only(reply, "words", object -> new Judgement(align(words, object), whole(object)));
  }

  /**
   * The judgement in the reply to the sentence template.
   *
   * @throws JudgeException when there is none
   */
  static Judgement sentence(String reply) throws JudgeException {
    return only(reply, "whole", object -> new Judgement(List.of(), whole(object)));
  }

  /**
   * The verdict in the reply to the pairwise template.
   *
   * @throws JudgeException when there is none
   */
  static Verdict pairwise(String reply) throws JudgeException {
    return only(reply, "better", object -> {
      JsonNode better = get(object, "better");
      return switch (better.asText().strip().toLowerCase(Locale.ROOT)) {
        case "first" -> Verdict.FIRST;
        case "second" -> Verdict.SECOND;
        case "tie" -> Verdict.TIE;
        default -> throw form("expected first, second or tie, found " + better);
      };
    });
  }

  /** The one answer among the objects that have {@code key}: a model may repeat itself, but not contradict itself. */
  private static <T> T only(String reply, String key, Reader<T> reader) throws JudgeException {
    T answer = null;
    for (ObjectNode object : ReplyJson.objects(reply)) {
      if (get(object, key) != null) {
        T next = reader.read(object);
        if (answer != null && !answer.equals(next)) {
          throw form("two answers that differ");
        }
        answer = next;
      }
    }
    if (answer == null) {
      throw form("no object with \"" + key + "\" in the reply: " + ReplyJson.start(reply));
    }
    return answer;
  }

  private static List<WordScore> align(List<Word> words, ObjectNode object) throws JudgeException {
    JsonNode given = get(object, "words");
    if (given.isObject()) {
      List<WordAlignment.Entry> entries = new ArrayList<>();
      for (Map.Entry<String, JsonNode> field : given.properties()) {
        entries.add(new WordAlignment.Entry(field.getKey(), score(field.getValue())));
      }
      return WordAlignment.byKey(words, entries);
    }
    if (!given.isArray()) {
      throw form("\"words\" is neither a list nor an object");
    }
    List<WordAlignment.Entry> entries = new ArrayList<>();
    for (JsonNode item : given) {
      JsonNode word = item instanceof ObjectNode entry ? get(entry, "word") : null;
      if (word == null || !word.isValueNode()) {
        throw form("an entry of \"words\" without a word: " + ReplyJson.start(item.toString()));
      }
      entries.add(new WordAlignment.Entry(word.asText(), score(get((ObjectNode) item, "score"))));
    }
    return WordAlignment.inOrder(words, entries);
  }

  private static int whole(ObjectNode object) throws JudgeException {
    return score(get(object, "whole"));
  }

  private static int score(JsonNode node) throws JudgeException {
    JsonNode value = node;
    while (value != null && value.isObject() && value.size() == 1) {
      value = value.elements().next();
    }
    if (value != null && value.isBoolean()) {
      return value.booleanValue() ? 1 : 0;
    }
    if (value != null && (value.isNumber() || value.isTextual())) {
      switch (value.asText().strip().toLowerCase(Locale.ROOT)) {
        case "1", "1.0", "true":
          return 1;
        case "0", "0.0", "false":
          return 0;
        default:
      }
    }
    throw form("expected a score of 0 or 1, found " + (node == null ? "none" : ReplyJson.start(node.toString())));
  }

  /** The value of a key, in whatever case it is written; null when it is missing or written twice in different cases. */
  private static JsonNode get(ObjectNode object, String key) throws JudgeException {
    JsonNode found = null;
    for (Map.Entry<String, JsonNode> field : object.properties()) {
      if (field.getKey().strip().equalsIgnoreCase(key)) {
        if (found != null) {
          throw form("\"" + key + "\" stands twice");
        }
        found = field.getValue();
      }
    }
    return found;
  }

  private static JudgeException form(String message) {
    return new JudgeException("reply_form", message);
  }
}
