// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.judge;

import com.fasterxml.jackson.core.JsonFactoryBuilder;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.io.JsonEOFException;
import com.fasterxml.jackson.core.json.JsonReadFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.StringReader;
import java.util.ArrayList;
import java.util.List;

/**
 * Finds the JSON objects in a reply, whatever prose, code fences or thoughts (up to {@code </think>}) stand around them. Single
 * quotes and a comma before a closing bracket are let pass. An object that begins as JSON and then breaks off, breaks or
 * names a key twice spoils the whole reply: what stands inside it must not be taken for the answer.
 */
final class ReplyJson {

  private static final int MAX_CHARS = 1 << 18;
  /** No model means this many objects: a reply with more opening braces is refused before they take long. */
  private static final int MAX_OBJECTS = 1000;
  private static final String END_OF_THOUGHTS = "</think>";

  private static final JsonMapper JSON = JsonMapper.builder(new JsonFactoryBuilder()
      .streamReadConstraints(StreamReadConstraints.builder().maxNestingDepth(16).maxNumberLength(32).build()).build())
    .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
    .enable(JsonReadFeature.ALLOW_TRAILING_COMMA, JsonReadFeature.ALLOW_SINGLE_QUOTES).build();

  private ReplyJson() {
  }

  /**
   * The outermost objects of {@code reply}, in order.
   *
   * @throws JudgeException when there is none, or one of them is not whole
   */
  static List<ObjectNode> objects(String reply) throws JudgeException {
    if (reply.length() > MAX_CHARS) {
      throw new JudgeException("reply_form", "a reply of " + reply.length() + " characters, at most " + MAX_CHARS + " are read");
    }
    int thoughts = reply.lastIndexOf(END_OF_THOUGHTS);
    List<ObjectNode> objects = new ArrayList<>();
    int tried = 0;
    for (int at = thoughts < 0 ? 0 : thoughts + END_OF_THOUGHTS.length(); (at = reply.indexOf('{', at)) >= 0;) {
      if (++tried > MAX_OBJECTS) {
        throw new JudgeException("reply_form", "a reply of more than " + MAX_OBJECTS + " objects");
      }
      at += beginsObject(reply, at) ? read(reply, at, objects) : 1;
    }
    if (objects.isEmpty()) {
      throw new JudgeException("reply_form", "no JSON object in the reply: " + start(reply));
    }
    return objects;
  }

  /** Whether an object with a key, or an empty one, begins at a brace; else the brace is one of the prose. */
  private static boolean beginsObject(String reply, int at) throws JudgeException {
    try (JsonParser parser = parser(reply, at)) {
      parser.nextToken();
      JsonToken second = parser.nextToken();
      return second == JsonToken.FIELD_NAME || second == JsonToken.END_OBJECT;
    } catch (JsonEOFException e) {
      throw broken(e);
    } catch (IOException e) {
      return false;
    }
  }

  /** Adds the object at {@code at} and returns its length. */
  private static int read(String reply, int at, List<ObjectNode> objects) throws JudgeException {
    try (JsonParser parser = parser(reply, at)) {
      JsonNode node = JSON.readTree(parser);
      objects.add((ObjectNode) node);
      return (int) parser.currentLocation().getCharOffset();
    } catch (JsonProcessingException e) {
      throw broken(e);
    } catch (IOException e) {
      throw new IllegalStateException("a string can be read", e);
    }
  }

  private static JsonParser parser(String reply, int at) throws IOException {
    StringReader reader = new StringReader(reply);
    reader.skip(at);
    return JSON.createParser(reader);
  }

  private static JudgeException broken(JsonProcessingException e) {
    return new JudgeException("reply_form", "broken JSON: " + e.getOriginalMessage());
  }

  /** The beginning of {@code text} on one line, for messages. */
  static String start(String text) {
    String line = text.strip().replaceAll("[\\s\\p{Cc}]+", " ");
    return line.length() <= 200 ? line : line.substring(0, 200) + " ...";
  }
}
