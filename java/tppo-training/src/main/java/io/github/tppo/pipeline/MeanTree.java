// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.pipeline;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Stream;

/** The figures of several runs as one tree of the same keys. */
final class MeanTree {
  private MeanTree() {}

  /**
   * Means of all numbers, over the runs that have them: a step of a curve over the runs that came so far. What no run has is
   * null, and what is no number is taken from the first run that has it.
   */
  static Object of(List<JsonNode> runs) {
    return of(runs, numbers -> numbers.mapToDouble(JsonNode::asDouble).average().getAsDouble());
  }

  /** The same with sums of whole numbers, for what is counted. */
  static Object sum(List<JsonNode> runs) {
    return of(runs, numbers -> numbers.mapToLong(JsonNode::asLong).sum());
  }

  private static Object of(List<JsonNode> runs, Function<Stream<JsonNode>, Number> together) {
    List<JsonNode> there = runs.stream().filter(n -> !n.isMissingNode() && !n.isNull()).toList();
    if (there.isEmpty()) {
      return null;
    }
    JsonNode first = there.get(0);
    if (first.isObject()) {
      Map<String, Object> map = new LinkedHashMap<>();
      there.forEach(run -> run.fieldNames().forEachRemaining(key -> map.put(key, null)));
      map.replaceAll((key, none) -> of(there.stream().map(n -> n.path(key)).toList(), together));
      return map;
    }
    if (first.isArray()) {
      int longest = there.stream().mapToInt(JsonNode::size).max().orElse(0);
      List<Object> list = new ArrayList<>();
      for (int i = 0; i < longest; i++) {
        int at = i;
        list.add(of(there.stream().map(n -> n.path(at)).toList(), together));
      }
      return list;
    }
    List<JsonNode> numbers = there.stream().filter(JsonNode::isNumber).toList();
    return numbers.isEmpty() ? first : together.apply(numbers.stream());
  }
}
