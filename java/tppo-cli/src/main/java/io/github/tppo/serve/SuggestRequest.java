// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.serve;

import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.tppo.data.History;
import io.github.tppo.suggest.Ask;
import io.github.tppo.suggest.Histories;
import io.github.tppo.suggest.InputException;
import io.github.tppo.suggest.SuggestOptions;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/**
 * The body of {@code POST /v1/suggest}: a history or an example ({@link Histories}), {@code {"histories": [...]}}, or an array of
 * histories. Objects may also have the options {@code temperature, top_k, top_p, max_new_tokens, seed}.
 *
 * @param single whether one history was asked about, not a list of them
 */
record SuggestRequest(List<Ask> asks, SuggestOptions options, boolean single) {
  private static final long DEFAULT_SEED = 1;
  private static final List<String> OPTIONS = List.of("temperature", "top_k", "top_p", "max_new_tokens", "seed");
  private static final List<String> KEYS = Stream.of(Histories.LISTS, Histories.EXAMPLE, List.of("histories"), OPTIONS)
      .flatMap(List::stream).toList();

  /**
   * Reads a body.
   *
   * @param defaults for options that are not given; its {@code maxNewTokens} is also the most that can be asked for
   * @throws RequestError when it is not right; says where and what
   */
  static SuggestRequest parse(byte[] body, SuggestOptions defaults, int maxHistories) throws RequestError {
    try {
      return of(json(body), defaults, maxHistories);
    } catch (InputException e) {
      throw RequestError.badRequest(e.getMessage(), e.param());
    }
  }

  /** Decoded first: left to itself, the parser takes other encodings for granted, and some malformed bytes. */
  private static JsonNode json(byte[] body) throws RequestError {
    String text;
    try {
      text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(body)).toString();
    } catch (CharacterCodingException e) {
      throw RequestError.badRequest("the body is not valid UTF-8", "");
    }
    try {
      return Histories.JSON.readTree(text);
    } catch (JsonProcessingException e) {
      JsonLocation at = e.getLocation();
      String where = at == null ? "" : "line " + at.getLineNr() + ", column " + at.getColumnNr() + ": ";
      throw RequestError.badRequest(where + Histories.fault(e), "");
    }
  }

  private static SuggestRequest of(JsonNode root, SuggestOptions defaults, int maxHistories) {
    if (root.isMissingNode()) {
      throw new InputException("", "empty body, expected a JSON object such as {\"search\": [\"first query\", \"second query\"]}");
    }
    if (root.isArray()) {
      return new SuggestRequest(asks(root, "", DEFAULT_SEED, maxHistories), defaults, false);
    }
    if (!root.isObject()) {
      throw new InputException("", "found " + Histories.type(root) + ", expected an object or an array of histories");
    }
    Histories.refuseOthers(root, "", KEYS);
    SuggestOptions options = options(root, defaults);
    long seed = root.has("seed") ? integer(root, "seed", Long.MIN_VALUE, Long.MAX_VALUE) : DEFAULT_SEED;
    ObjectNode rest = ((ObjectNode) root).without(OPTIONS);
    if (!rest.has("histories")) {
      if (rest.isEmpty()) {
        throw new InputException("", "has none of " + String.join(", ", Histories.LISTS) + ", history, histories");
      }
      return new SuggestRequest(List.of(new Ask(Histories.of(rest, "", true), seed)), options, true);
    }
    Histories.refuseOthers(rest, "", List.of("histories"));
    if (!rest.get("histories").isArray()) {
      throw new InputException("histories", "found " + Histories.type(rest.get("histories")) + ", expected an array of histories");
    }
    return new SuggestRequest(asks(rest.get("histories"), "histories", seed, maxHistories), options, false);
  }

  private static List<Ask> asks(JsonNode array, String path, long seed, int maxHistories) {
    if (array.isEmpty() || array.size() > maxHistories) {
      throw new InputException(path, "found " + array.size() + " histories, expected 1 to " + maxHistories);
    }
    List<Ask> asks = new ArrayList<>();
    for (JsonNode each : array) {
      History history = Histories.of(each, path + "[" + asks.size() + "]", true);
      asks.add(new Ask(history, seed));
    }
    return asks;
  }

  private static SuggestOptions options(JsonNode root, SuggestOptions defaults) {
    return new SuggestOptions(root.has("temperature") ? number(root, "temperature") : defaults.temperature(),
        root.has("top_k") ? (int) integer(root, "top_k", 0, Integer.MAX_VALUE) : defaults.topK(),
        root.has("top_p") ? number(root, "top_p") : defaults.topP(),
        root.has("max_new_tokens") ? (int) integer(root, "max_new_tokens", 1, defaults.maxNewTokens()) : defaults.maxNewTokens());
  }

  private static double number(JsonNode root, String key) {
    if (!root.get(key).isNumber()) {
      throw new InputException(key, "found " + Histories.type(root.get(key)) + ", expected a number");
    }
    return root.get(key).asDouble();
  }

  private static long integer(JsonNode root, String key, long least, long most) {
    JsonNode value = root.get(key);
    boolean ok = value.isIntegralNumber() && value.canConvertToLong() && value.asLong() >= least && value.asLong() <= most;
    if (!ok) {
      throw new InputException(key, "expected a whole number from " + least + " to " + most);
    }
    return value.asLong();
  }
}
