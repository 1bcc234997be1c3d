// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.judge;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.SerializableString;
import com.fasterxml.jackson.core.io.CharacterEscapes;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectWriter;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.tppo.data.Example;
import io.github.tppo.run.ConfigException;
import io.github.tppo.text.ResponseText;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.MalformedInputException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * The questions that a {@link ChatJudge} asks, made of templates (the paper's figures 13 and 14, and one for pairs). What users
 * typed
 * stands in JSON strings, in which no character can end the string, and neither {@code <|im_end|>} nor {@code [INST]} can be
 * spelt.
 */
final class ChatPrompts {

  /** The name of the template by which two responses are compared. */
  static final String PAIRWISE = "pairwise";

  private static final JsonNodeFactory NODES = JsonNodeFactory.instance;
  private static final ObjectWriter VALUES = values();

  private final Map<String, PromptTemplate> templates;

  private ChatPrompts(Map<String, PromptTemplate> templates) {
    this.templates = templates;
  }

  /**
   * Loads the templates.
   *
   * @param folder a folder with {@code token.txt}, {@code sentence.txt} and {@code pairwise.txt}, of which those that are
   * missing
   *               are the shipped ones; or {@link ChatConfig#DEFAULT_TEMPLATES} for all of these
   * @throws ConfigException when the folder or a template is no good
   */
  static ChatPrompts load(String folder) throws IOException {
    boolean shipped = folder.equals(ChatConfig.DEFAULT_TEMPLATES);
    if (!shipped && !Files.isDirectory(Path.of(folder))) {
      throw new ConfigException("judge.chat.templates: " + folder + ": no such folder");
    }
    Map<String, PromptTemplate> all = new HashMap<>();
    boolean own = false;
    for (String name : List.of(Template.TOKEN.key(), Template.SENTENCE.key(), PAIRWISE)) {
      Path file = shipped ? null : Path.of(folder, name + ".txt");
      boolean there = file != null && Files.exists(file);
      own |= there;
      all.put(name, template(name, there ? file.toString() : name + ".txt", there ? read(file) : shipped(name)));
    }
    if (!shipped && !own) {
      throw new ConfigException("judge.chat.templates: " + folder + ": holds none of token.txt, sentence.txt and pairwise.txt");
    }
    return new ChatPrompts(all);
  }

  private static PromptTemplate template(String name, String where, String text) {
    Set<String> background = Set.of("history");
    return switch (name) {
      case "token" -> new PromptTemplate(where, text, Set.of("targets", "response", "words"), Set.of("history", "word_count"));
      case "sentence" -> new PromptTemplate(where, text, Set.of("targets", "response"), background);
      default -> new PromptTemplate(where, text, Set.of("targets", "first", "second"), background);
    };
  }

  private static String read(Path file) throws IOException {
    try {
      return Files.readString(file);
    } catch (MalformedInputException e) {
      throw new ConfigException(file + ": not text in UTF-8", e);
    }
  }

  /** The text of a shipped template: {@code token}, {@code sentence} or {@code pairwise}. */
  static String shipped(String name) throws IOException {
    try (InputStream in = ChatPrompts.class.getResourceAsStream(name + ".txt")) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }
  }

  /** The SHA-256 of every template. */
  Map<String, String> hashes() {
    Map<String, String> hashes = new TreeMap<>();
    templates.forEach((name, template) -> hashes.put(name, template.sha256()));
    return hashes;
  }

  /** The question for one response. */
  String judge(Template template, Example example, String response) {
    Map<String, String> values = background(example);
    List<String> words = ResponseText.words(response).stream().map(ResponseText.Word::text).toList();
    values.put("response", json(ResponseText.queries(response)));
    values.put("words", json(words));
    values.put("word_count", Integer.toString(words.size()));
    return templates.get(template.key()).fill(values);
  }

  /** The question for two responses. */
  String compare(Example example, String first, String second) {
    Map<String, String> values = background(example);
    values.put("first", json(ResponseText.queries(first)));
    values.put("second", json(ResponseText.queries(second)));
    return templates.get(PAIRWISE).fill(values);
  }

  private static Map<String, String> background(Example example) {
    Map<String, List<String>> history = new TreeMap<>();
    history.put("click", example.history().click());
    history.put("purchase", example.history().purchase());
    history.put("search", example.history().search());
    history.put("visit", example.history().visit());
    history.values().removeIf(List::isEmpty);
    Map<String, String> values = new HashMap<>();
    values.put("history", json(history));
    values.put("targets", json(example.targets()));
    return values;
  }

  /** A prompt as the body of a request, all but the format of the reply: what makes two questions the same. */
  static ObjectNode question(ChatConfig config, String prompt) {
    ObjectNode body = NODES.objectNode().put("model", config.model());
    body.putArray("messages").addObject().put("role", "user").put("content", prompt);
    if (config.temperature() >= 0) {
      body.put("temperature", config.temperature());
    }
    if (config.maxTokens() > 0) {
      body.put("max_tokens", config.maxTokens());
    }
    return body;
  }

  /** What a reply must look like, as a JSON schema. */
  static ObjectNode schema(String template) {
    ObjectNode schema = NODES.objectNode().put("type", "object");
    ObjectNode properties = schema.putObject("properties");
    if (template.equals(PAIRWISE)) {
      properties.putObject("better").put("type", "string").putArray("enum").add("first").add("second").add("tie");
    } else {
      if (template.equals(Template.TOKEN.key())) {
        ObjectNode word = NODES.objectNode().put("type", "object");
        word.putObject("properties").<ObjectNode>set("word", NODES.objectNode().put("type", "string")).set("score", binary());
        word.putArray("required").add("word").add("score");
        word.put("additionalProperties", false);
        properties.putObject("words").put("type", "array").set("items", word);
      }
      properties.set("whole", binary());
    }
    properties.fieldNames().forEachRemaining(schema.withArray("required")::add);
    return schema.put("additionalProperties", false);
  }

  private static ObjectNode binary() {
    ObjectNode score = NODES.objectNode().put("type", "integer");
    score.putArray("enum").add(0).add(1);
    return score;
  }

  private static String json(Object value) {
    try {
      return VALUES.writeValueAsString(value);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("strings can be written as JSON", e);
    }
  }

  private static ObjectWriter values() {
    int[] escapes = CharacterEscapes.standardAsciiEscapesForJSON();
    for (char c : new char[] {'<', '>', '[', ']', '{', '}'}) {
      escapes[c] = CharacterEscapes.ESCAPE_STANDARD;
    }
    ObjectMapper mapper = new ObjectMapper();
    mapper.getFactory().setCharacterEscapes(new CharacterEscapes() {
      private static final long serialVersionUID = 1L;

      @Override
      public int[] getEscapeCodesForAscii() {
        return escapes;
      }

      @Override
      public SerializableString getEscapeSequence(int c) {
        return null;
      }
    });
    return mapper.writer();
  }
}
