// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.pipeline;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class MeanTreeTest {
  private static final ObjectMapper JSON = new ObjectMapper();

  private static String mean(String... runs) throws JsonProcessingException {
    List<JsonNode> nodes = new ArrayList<>();
    for (String run : runs) {
      nodes.add(JSON.readTree(run));
    }
    return JSON.writeValueAsString(MeanTree.of(nodes));
  }

  @Test
  void meansAreOverTheRunsThatHaveAFigure() throws JsonProcessingException {
    assertEquals("{\"a\":2.0,\"b\":{\"c\":5.0,\"d\":1.0}}", mean("{\"a\":1,\"b\":{\"c\":5}}", "{\"a\":3,\"b\":{\"c\":null,\"d\":1}}"));
  }

  @Test
  void countsAreAddedUp() throws JsonProcessingException {
    assertEquals("{\"name\":\"m\",\"usage\":{\"requests\":9007199254740995,\"retries\":2}}", JSON.writeValueAsString(MeanTree.sum(List.of(
        JSON.readTree("{\"name\":\"m\",\"usage\":{\"requests\":9007199254740992}}"),
        JSON.readTree("{\"name\":\"m\",\"usage\":{\"requests\":3,\"retries\":2}}")))));
  }

  @Test
  void aCurveIsAsLongAsTheLongest() throws JsonProcessingException {
    assertEquals("[2.0,3.0,9.0]", mean("[1,3]", "[3,null,9]"));
  }

  @Test
  void whatIsNoNumberIsTheFirstRuns() throws JsonProcessingException {
    assertEquals("{\"name\":\"lexical\",\"none\":null}", mean("{\"name\":\"lexical\",\"none\":null}", "{\"name\":\"other\"}"));
  }
}
