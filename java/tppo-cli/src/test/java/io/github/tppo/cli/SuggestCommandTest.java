// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.tppo.model.Decoder;
import io.github.tppo.serve.TinyModels;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Scalar;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SuggestCommandTest extends CommandTest {
  @TempDir
  static Path dir;

  private static Path model;
  private static Path reward;

  @BeforeAll
  static void save() throws IOException {
    model = TinyModels.policy(Files.createDirectories(dir.resolve("model")), 4);
    reward = TinyModels.rewardModel(Files.createDirectories(dir.resolve("reward")), 160);
  }

  private int suggest(String histories, String... options) throws IOException {
    List<Object> words = new ArrayList<>(List.of("suggest", "--model", model, "--history",
        Files.writeString(dir.resolve("in.jsonl"), histories)));
    words.addAll(List.of(options));
    return tppo(words.toArray());
  }

  private List<JsonNode> lines() throws IOException {
    List<JsonNode> out = new ArrayList<>();
    for (String line : stdout.lines().toList()) {
      out.add(Json.MAPPER.readTree(line));
    }
    return out;
  }

  /** More than are in memory at a time. */
  @Test
  void oneLineForEachHistoryInTheirOrder() throws IOException {
    StringBuilder in = new StringBuilder();
    for (int i = 0; i < 600; i++) {
      in.append("{\"search\": [\"query ").append(i % 300).append("\"]}\n");
    }
    assertEquals(0, suggest(in.toString(), "--threads", "2"), stderr);
    List<JsonNode> all = lines();
    assertEquals(600, all.size());
    assertEquals(List.of("queries", "text", "logprob", "tokens", "finished", "details"), names(all.get(0)));
    for (int i = 0; i < 300; i++) {
      assertEquals(all.get(i).get("text"), all.get(i + 300).get("text"), "the same history, in another chunk");
    }
    assertTrue(all.stream().map(line -> line.get("text").asText()).distinct().count() > 1, "histories differ, and so do their answers");
    assertEquals(0, suggest("{\"search\": [\"query 7\"]}"));
    assertEquals(all.get(7).get("text"), lines().get(0).get("text"), "alone");
    assertEquals(0, suggest("{\"search\": [\"query 7\"]}", "--seed", "2"));
    assertFalse(all.get(7).get("text").equals(lines().get(0).get("text")), "another seed");
  }

  private static List<String> names(JsonNode object) {
    List<String> names = new ArrayList<>();
    object.fieldNames().forEachRemaining(names::add);
    return names;
  }

  @Test
  void badHistoryStopsAfterThoseBeforeItAndNamesItsLine() throws IOException {
    assertEquals(1, suggest("{\"search\": [\"a\"]}\n{\"search\": [\"b\"]}\n{\"search\": 5}\n{\"search\": [\"c\"]}\n"));
    assertEquals(2, lines().size());
    assertTrue(stderr.contains("in.jsonl:3: search: found number, expected a list of strings"), stderr);
    assertEquals(1, suggest(" \n"));
    assertTrue(stderr.contains("in.jsonl: empty, expected a JSON object such as"), stderr);
  }

  @Test
  void skippedLinesHaveTheirErrorInTheirPlace() throws IOException {
    assertEquals(0, suggest("{\"search\": [\"a\"]}\n\n{\"search\"\n{\"search\": [\"c\"]}\n5\n", "--skip-bad"), stderr);
    List<JsonNode> all = lines();
    assertEquals(4, all.size());
    assertTrue(all.get(0).has("queries") && all.get(2).has("queries"));
    assertTrue(all.get(1).get("error").asText().contains("in.jsonl:3: not valid JSON"), all.toString());
    assertTrue(all.get(3).get("error").asText().contains("in.jsonl:5: found number"), all.toString());
    assertEquals("tppo suggest: 2 of 4 histories were not right", stderr.strip());
  }

  @Test
  void weightsThatAreNotFiniteAreNamedAsTheReason() throws IOException {
    Path broken = TinyModels.policy(Files.createDirectories(dir.resolve("broken")), 4);
    try (Decoder policy = Decoder.load(broken)) {
      policy.parameters().get("model.norm.weight").detach().fill_(new Scalar(Double.NaN));
      policy.save(broken);
    }
    Path before = model;
    model = broken;
    try {
      assertEquals(1, suggest("{\"search\": [\"a\"]}"));
    } finally {
      model = before;
    }
    assertEquals("tppo suggest: the model gives NaN for prompt 0 at new token 0; its weights are not finite or training has diverged",
        stderr.strip());
  }

  @Test
  void rewardModelRatesWords() throws IOException {
    assertEquals(0, suggest("{\"search\": [\"a\"]}", "--reward-model", reward.toString(), "--max-new-tokens", "40"), stderr);
    JsonNode words = lines().get(0).get("details").get(0).get("words");
    assertEquals(List.of("word", "relevance", "class", "probabilities"), names(words.get(0)));
  }

  @Test
  void optionsThatCannotBeAreNamed() throws IOException {
    for (String[] bad : new String[][] {{"--temperature", "-1"}, {"--temperature", "NaN"}, {"--top-k", "-1"}, {"--top-p", "0"},
        {"--max-new-tokens", "0"}, {"--threads", "-1"}, {"--threads", "1025"}, {"--backend", "cuda"}, {"--history", dir.resolve("no").toString()},
        {"--history", dir.toString()}, {"--reward-model", dir.toString()}}) {
      List<String> options = new ArrayList<>(List.of(bad));
      if (bad[0].equals("--history")) {
        assertEquals(2, tppo("suggest", "--model", model, bad[0], bad[1]));
      } else {
        assertEquals(2, suggest("{\"search\": []}", options.toArray(new String[0])), bad[0]);
      }
      assertTrue(stderr.contains("tppo suggest: " + bad[0]), stderr);
    }
  }
}
