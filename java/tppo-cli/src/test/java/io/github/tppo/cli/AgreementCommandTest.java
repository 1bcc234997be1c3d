// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AgreementCommandTest extends CommandTest {
  @TempDir
  Path dir;
  private Path labels;
  private Path human;

  @BeforeEach
  void files() throws IOException {
    labels = Files.createDirectories(dir.resolve("run/labels")).resolve("token.jsonl");
    Files.writeString(labels, """
        {"user":"7","stream":0,"prompt_ids":[1],"response_ids":[2,3],"classes":[2,1],"text":"red hat","words":[{"word":"red","start":0,"end":3,"score":1},{"word":"hat","start":4,"end":7,"score":0}],"sentence":1}
        {"user":"8","stream":1,"prompt_ids":[1],"response_ids":[2],"classes":[1],"text":"news","words":[{"word":"news","start":0,"end":4,"score":0}],"sentence":0}
        """);
    human = dir.resolve("human.jsonl");
    Files.writeString(human, """
        {"user":"7","stream":0,"text":"red hat","word_scores":[1,1],"sentence":1}
        {"user":"8","stream":1,"text":"news","word_scores":[0],"sentence":0}
        {"user":"9","stream":2,"text":"tea","word_scores":[0],"sentence":0}
        """);
  }

  @Test
  void printsRatesKappaAndDisagreements() throws IOException {
    Path list = dir.resolve("list.jsonl");
    assertEquals(0, tppo("agreement", "--human", human, "--labels", labels, "--disagreements", list), () -> stderr);
    assertTrue(stdout.contains("responses: 2 compared; 1 not in " + labels + ", 0 there with another text"), stdout);
    assertTrue(stdout.contains("words:     3 compared, agreement 66.67 % ["), stdout);
    assertTrue(stdout.contains("kappa 0.400 ["), stdout);
    assertTrue(stdout.contains("sentences: 2 compared, agreement 100.00 % [100.00, 100.00], kappa 1.000 [1.000, 1.000]"), stdout);
    assertTrue(stdout.contains("line 1, user 7, sample 0: \"hat\" in \"red hat\": human 1, judge 0"), stdout);
    assertEquals(1, Files.readAllLines(list).size());
    assertEquals(0, tppo("agreement", "--human", human, "--labels", labels, "--show", 0));
    assertTrue(stdout.contains("disagreements: 1") && !stdout.contains("line 1"), stdout);
  }

  @Test
  void printsJson() throws IOException {
    assertEquals(0, tppo("agreement", "--human", human, "--labels", labels, "--json"));
    JsonNode json = Json.MAPPER.readTree(stdout);
    assertEquals(2 / 3.0, json.at("/words/agreement").asDouble(), 1e-15);
    assertEquals(1, json.at("/responses/not_labelled").asInt());
    assertEquals("hat", json.at("/disagreements/0/word").asText());
  }

  @Test
  void usageAndInputErrors() throws IOException {
    assertEquals(2, tppo("agreement", "--labels", labels));
    assertEquals(2, tppo("agreement", "--labels", labels, "--human", human, "--sheet", dir.resolve("s")));
    assertEquals(2, tppo("agreement", "--labels", dir.resolve("no.jsonl"), "--human", human));
    assertTrue(stderr.contains("--labels " + dir.resolve("no.jsonl") + ": no such file"), stderr);
    Files.writeString(human, "{\"user\":\"7\"}\n");
    assertEquals(1, tppo("agreement", "--labels", labels, "--human", human));
    assertTrue(stderr.contains(human + ":1: text: found nothing, expected a text"), stderr);
    Files.writeString(human, "{\"user\":\"6\",\"stream\":0,\"text\":\"red\",\"word_scores\":[1],\"sentence\":1}\n");
    assertEquals(1, tppo("agreement", "--labels", labels, "--human", human));
    assertTrue(stderr.contains("nothing to compare"), stderr);
  }

  @Test
  void writesASheetOnce() throws IOException {
    Path run = dir.resolve("run");
    Files.createDirectories(run.resolve("generate"));
    Files.createDirectories(run.resolve("data"));
    Files.writeString(run.resolve("generate/responses.jsonl"), """
        {"split":"train","index":1,"user":"8","stream":1,"prompt_ids":[1],"response_ids":[2],"logprobs":[0],"text":"news"}
        {"split":"train","index":0,"user":"7","stream":0,"prompt_ids":[1],"response_ids":[2,3],"logprobs":[0,0],"text":"red hat"}
        """);
    Files.writeString(run.resolve("data/train.jsonl"), """
        {"user":"7","history":{"search":["red shoes"]},"target_queries":["red hat"]}
        {"user":"8","history":{"search":["weather"]},"target_queries":["the news"]}
        """);
    Path sheet = dir.resolve("sheet.jsonl");
    assertEquals(0, tppo("agreement", "--labels", labels, "--sheet", sheet, "--samples", 2), () -> stderr);
    List<String> lines = Files.readAllLines(sheet);
    assertEquals("{\"user\":\"7\",\"stream\":0,\"history\":{\"search\":[\"red shoes\"],\"click\":[],\"purchase\":[],\"visit\":[]},"
        + "\"target_queries\":[\"red hat\"],\"text\":\"red hat\",\"words\":[{\"word\":\"red\",\"score\":null},{\"word\":\"hat\","
        + "\"score\":null}],\"sentence\":null}", lines.get(0));
    assertEquals(2, lines.size());
    assertEquals(2, tppo("agreement", "--labels", labels, "--sheet", sheet));
    assertTrue(stderr.contains("is there already and may hold scores"), stderr);
    Files.writeString(run.resolve("data/train.jsonl"), "{\"user\":\"7\",\"history\":{\"search\":[\"red shoes\"]},\"target_queries\":[\"red hat\"]}\n");
    Path other = dir.resolve("other.jsonl");
    assertEquals(1, tppo("agreement", "--labels", labels, "--sheet", other));
    assertTrue(stderr.contains(labels + ":2: its history is not in " + run), stderr);
    assertFalse(Files.exists(other));
  }
}
