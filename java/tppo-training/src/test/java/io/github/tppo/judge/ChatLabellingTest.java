// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.judge;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.tppo.data.Example;
import io.github.tppo.data.History;
import io.github.tppo.judge.ChatConfig.ResponseFormat;
import io.github.tppo.run.ProgressListener;
import io.github.tppo.text.PromptFormat;
import io.github.tppo.text.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Labelling by a server: in order, kept, counted, and gone on with. */
class ChatLabellingTest {

  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int SAMPLES = 40;

  @TempDir
  Path dir;
  private ChatServer server;
  private Tokenizer tokenizer;
  private List<GeneratedResponse> samples;

  @BeforeEach
  void start() throws IOException {
    server = new ChatServer();
    tokenizer = Tokenizer.loadShipped();
    samples = new ArrayList<>();
    for (int i = 0; i < SAMPLES; i++) {
      Example example = new Example("user " + i / 2, History.of(List.of("old"), List.of()), List.of("red shoes", "hats"));
      samples.add(new GeneratedResponse(example, i % 2, PromptFormat.defaults().promptIds(tokenizer, example.history(), 50),
        tokenizer.encode("1 red shoes" + i + "\n2 hat " + i, false).ids()));
    }
  }

  @AfterEach
  void stop() {
    server.close();
    tokenizer.close();
  }

  private JudgeConfig config(String templates) {
    return new JudgeConfig(JudgeConfig.Kind.CHAT, 0.5, true, 0, 2, new ChatConfig(server.url(), "m", "", 6, 0, 5, 1, 0, 64,
      ResponseFormat.TEXT, templates));
  }

  private LabelStats label(String templates, Path labels, Runnable checkStop) throws IOException {
    try (Judge judge = Judges.of(config(templates), dir.resolve("replies"), name -> null, Duration.ofMillis(1))) {
      return new Labeller(judge, tokenizer, config(templates)).label(samples.iterator(), Template.TOKEN, labels, SAMPLES,
        ProgressListener.NONE, checkStop);
    }
  }

  private LabelStats label() throws IOException {
    return label("default", dir.resolve("labels"), () -> { });
  }

  private String labels() throws IOException {
    return Files.readString(dir.resolve("labels/token.jsonl"));
  }

  @Test
  void manyAtATimeGiveTheLabelsOfOneAtATime() throws IOException {
    server.otherwise = (exchange, request) -> {
      Thread.sleep(request.toString().hashCode() & 15);
      ChatServer.send(exchange, 200, ChatServer.completion(ChatServer.good(request), "stop"));
    };
    LabelStats stats = label();
    assertEquals(SAMPLES, stats.labelled());
    assertEquals(Map.of(), stats.rejected());
    assertEquals(new JudgeUsage(SAMPLES, 0, 0, 100 * SAMPLES, 7 * SAMPLES), stats.usage());
    List<LabelledResponse> labelled = LabelledResponse.read(dir.resolve("labels/token.jsonl"));
    for (int i = 0; i < SAMPLES; i++) {
      assertEquals(samples.get(i).example().user(), labelled.get(i).user());
      assertEquals("1 red shoes" + i + "\n2 hat " + i, labelled.get(i).text());
      assertEquals(List.of(0, 1, 0, 0), labelled.get(i).words().stream().map(WordScore::score).toList());
    }
  }

  @Test
  void labelsAreBuiltAgainWithoutAsking() throws IOException {
    label();
    String first = labels();
    Files.delete(dir.resolve("labels/token.jsonl"));
    Files.delete(dir.resolve("labels/stats.json"));
    server.close();
    LabelStats stats = label();
    assertEquals(first, labels());
    assertEquals(new JudgeUsage(0, 0, SAMPLES, 0, 0), stats.usage());
  }

  @Test
  void aStoppedRunGoesOnWithoutAskingTwice() throws IOException {
    label();
    String whole = labels();
    for (String file : new String[] {"labels/token.jsonl", "labels/stats.json", "replies/token.jsonl"}) {
      Files.delete(dir.resolve(file));
    }
    server.received.clear();
    for (int stopAfter = 5; stopAfter < 20; stopAfter += 7) {
      int limit = stopAfter;
      AtomicInteger checks = new AtomicInteger();
      IllegalStateException e = assertThrows(IllegalStateException.class, () -> label("default", dir.resolve("labels"), () -> {
        if (checks.incrementAndGet() > limit) {
          throw new IllegalStateException("stop");
        }
      }));
      assertEquals("stop", e.getMessage());
      assertTrue(labels().length() < whole.length() && whole.startsWith(labels()));
    }
    long kept = Files.lines(dir.resolve("replies/token.jsonl")).count();
    long requests = JSON.readTree(dir.resolve("labels/stats.json").toFile()).at("/token/usage/requests").asLong();
    assertTrue(kept > 0 && kept < SAMPLES && requests >= kept, kept + " replies to " + requests + " requests");
    LabelStats stats = label();
    assertEquals(whole, labels());
    assertEquals(SAMPLES, stats.labelled());
    assertEquals(requests + SAMPLES - kept, stats.usage().requests());
    assertEquals(SAMPLES, Files.lines(dir.resolve("replies/token.jsonl")).count());
  }

  @Test
  void whatFailsIsCountedByReasonAndNothingElseIsLost() throws IOException {
    server.otherwise = (exchange, request) -> {
      List<String> words = ChatServer.words(request.path("messages").path(0).path("content").asText());
      String reply = ChatServer.good(request);
      switch (words.get(1)) {
        case "shoes3" -> ChatServer.send(exchange, 500, "down");
        case "shoes5" -> ChatServer.send(exchange, 200, ChatServer.completion(reply.substring(0, 30), "length"));
        case "shoes7" -> ChatServer.send(exchange, 200, ChatServer.completion(reply.replace("hat", "hut"), "stop"));
        case "shoes9" -> ChatServer.send(exchange, 200, ChatServer.completion("no JSON", "stop"));
        case "shoes11" -> ChatServer.send(exchange, 200, ChatServer.completion(reply.replace("\"score\":1", "\"score\":0"), "stop"));
        default -> ChatServer.send(exchange, 200, ChatServer.completion(reply, "stop"));
      }
    };
    LabelStats stats = label();
    assertEquals(Map.of("http_500", 1L, "truncated", 1L, "words", 1L, "reply_form", 1L, "contradiction", 1L), stats.rejected());
    assertEquals(SAMPLES - 5, stats.labelled());
    assertEquals(SAMPLES + 5, stats.asked());
    Set<String> users = LabelledResponse.read(dir.resolve("labels/token.jsonl")).stream().map(l -> l.user() + l.stream())
      .collect(Collectors.toSet());
    assertEquals(SAMPLES - 5, users.size());
    List<JsonNode> rejected = new ArrayList<>();
    for (String line : Files.readAllLines(dir.resolve("labels/rejected.jsonl"))) {
      rejected.add(JSON.readTree(line));
    }
    assertEquals(List.of("http_500", "truncated", "words", "reply_form", "contradiction"),
      rejected.stream().map(r -> r.path("reason").asText()).toList());
    assertEquals("no word is relevant but the whole is", rejected.get(4).path("detail").asText());
    server.otherwise = (exchange, request) -> ChatServer.send(exchange, 200, ChatServer.completion(ChatServer.good(request), "stop"));
    int before = server.received.size();
    assertEquals(SAMPLES, label().labelled());
    assertEquals(before + 5, server.received.size());
  }

  private long replies() throws IOException {
    Path file = dir.resolve("replies/token.jsonl");
    return Files.exists(file) ? Files.readString(file).lines().count() : 0;
  }

  @Test
  void aServerThatIsGoneEndsTheRunAndKeepsWhatCame() throws IOException {
    AtomicInteger answered = new AtomicInteger();
    server.otherwise = (exchange, request) -> {
      boolean up = answered.incrementAndGet() <= 15;
      while (!up && replies() < 15) {
        Thread.sleep(5); // a refusal ends what is under way
      }
      ChatServer.send(exchange, up ? 200 : 401, up ? ChatServer.completion(ChatServer.good(request), "stop") : "{}");
    };
    IOException e = assertThrows(IOException.class, this::label);
    assertTrue(e.getMessage().contains("status 401"), e.getMessage());
    assertEquals(15, replies());
    server.otherwise = (exchange, request) -> ChatServer.send(exchange, 200, ChatServer.completion(ChatServer.good(request), "stop"));
    server.received.clear();
    assertEquals(SAMPLES, label().labelled());
    assertEquals(SAMPLES - 15, server.received.size());
  }

  @Test
  void labelsOfAnotherTemplateAreNotGoneOnWith() throws IOException {
    label();
    String template = ChatPrompts.shipped("token");
    Files.createDirectories(dir.resolve("mine"));
    Files.writeString(dir.resolve("mine/token.txt"), template + "Be strict.\n");
    String mine = dir.resolve("mine").toString();
    IOException e = assertThrows(IOException.class, () -> label(mine, dir.resolve("labels"), () -> { }));
    assertTrue(e.getMessage().contains("token.jsonl: labelled with another token template"), e.getMessage());
    LabelStats stats = label(mine, dir.resolve("others"), () -> { });
    assertEquals(PromptTemplate.sha256(template + "Be strict.\n"), stats.templateSha256());
  }
}
