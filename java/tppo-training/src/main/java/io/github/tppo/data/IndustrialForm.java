// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.data;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.ObjectMapper;
import it.unimi.dsi.fastutil.ints.IntArrayList;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * JSON Lines with one user a line: history lists, oldest first, and target queries. Searches and targets are cleaned
 * as queries are; clicks, purchases and visits keep their addresses. An entry is a string, or an object with a string
 * {@code text}. Bad entries are dropped and counted one by one, the rest of the line stays.
 */
final class IndustrialForm implements LogForm {
  static final String BAD_JSON = "bad_json";
  static final String WRONG_SHAPE = "wrong_shape";
  private static final ObjectReader JSON_LINE = new ObjectMapper().readerFor(JsonNode.class)
      .with(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);

  private final DataConfig config;
  private final Tally tally;
  private final HistoryCleaner cleaner;

  IndustrialForm(DataConfig config, Tally tally) {
    this.config = config;
    this.tally = tally;
    this.cleaner = new HistoryCleaner(config, tally::dropEntry);
  }

  @Override
  public void start(Path file) { }

  @Override
  public boolean header(LineReader line, long lineNumber) {
    return false;
  }

  @Override
  public String take(LineReader line, RecordSink store) throws IOException {
    JsonNode root;
    try {
      root = JSON_LINE.readValue(line.text());
    } catch (JsonProcessingException e) {
      return BAD_JSON;
    }
    JsonNode history = root.path("history");
    if (!root.isObject() || !history.isObject()) {
      return WRONG_SHAPE;
    }
    JsonNode id = root.path("user");
    String user = id.isTextual() || id.isIntegralNumber() ? id.asText().strip() : "";
    if (user.isEmpty() || QueryCleaner.normalise(user) == null) {
      return RowForm.NO_USER;
    }
    for (String list : List.of("search", "click", "purchase", "visit")) {
      if (!isList(history.path(list))) {
        return WRONG_SHAPE;
      }
    }
    if (!isList(root.path("target_queries"))) {
      return WRONG_SHAPE;
    }
    Set<String> targets = new LinkedHashSet<>(cleaner.queries(strings(root.path("target_queries"))));
    History raw = new History(strings(history.path("search")), strings(history.path("click")),
        strings(history.path("purchase")), strings(history.path("visit")));
    Example example = new Example(user, cleaner.clean(raw), targets.stream().limit(config.targets()).toList());
    byte[] bytes = Examples.toBytes(example);
    store.add(UserHash.of(config.seed(), user), 0, bytes, bytes.length);
    return null;
  }

  private static boolean isList(JsonNode node) {
    return node.isArray() || node.isMissingNode() || node.isNull();
  }

  private List<String> strings(JsonNode list) {
    List<String> strings = new ArrayList<>(list.size());
    for (JsonNode node : list) {
      String text = node.isObject() ? node.path("text").textValue() : node.textValue();
      if (text == null) {
        tally.dropEntry("not_a_string");
      } else {
        strings.add(text);
      }
    }
    return strings;
  }

  @Override
  public List<UserResult> finish(byte[] bytes, IntArrayList offsets, long overflow, Dealer dealer)
      throws IOException {
    List<UserResult> results = new ArrayList<>(1);
    Set<String> seen = new LinkedHashSet<>();
    tally.dropRows("duplicate_user", overflow);
    for (int i = 0; i < offsets.size(); i++) {
      int at = offsets.getInt(i);
      Example e = Examples.fromBytes(bytes, at, UserPartitions.length(bytes, at));
      if (!seen.add(e.user())) {
        tally.dropRows("duplicate_user", 1);
        continue;
      }
      tally.searches(e.history().search().size());
      int least = config.minTargets() == 0 ? config.targets() : config.minTargets();
      String dropped = e.targets().size() < least ? "too_few_targets"
          : e.history().entries() < config.minHistory() ? "too_short_history" : null;
      results.add(new UserResult(e.user(), dropped == null ? List.of(e) : List.of(), dropped));
    }
    return results;
  }

  @Override
  public String describe() {
    return "JSON Lines {\"user\": .., \"history\": {\"search\": [..], ..}, \"target_queries\": [..]}";
  }
}
