// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.judge;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.net.httpserver.HttpServer;
import io.github.tppo.data.Example;
import io.github.tppo.data.History;
import io.github.tppo.judge.ChatConfig.ResponseFormat;
import io.github.tppo.run.ConfigException;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** INVARIANTS 15 against a real HTTP server that fails in every way there is: asked again, or refused with its reason; never a score. */
class ChatFailuresTest {

  private static final String KEY = "sk-very-secret-0123456789";
  private static final Example EXAMPLE = new Example("u", History.of(List.of("old"), List.of()), List.of("red shoes"));

  @TempDir
  Path dir;
  private ChatServer server;

  @BeforeEach
  void start() throws IOException {
    server = new ChatServer();
  }

  @AfterEach
  void stop() {
    server.close();
  }

  private static JudgeConfig config(String url, double timeoutS, int retries, int perMinute, ResponseFormat format) {
    return new JudgeConfig(JudgeConfig.Kind.CHAT, 0.5, false, 0, 1,
      new ChatConfig(url, "m", "THE_KEY", 4, perMinute, timeoutS, retries, 0, 64, format, "default"));
  }

  private Judge judge(JudgeConfig config) throws IOException {
    return Judges.of(config, dir, name -> name.equals("THE_KEY") ? KEY : null, Duration.ofMillis(2));
  }

  private Judge judge() throws IOException {
    return judge(config(server.url(), 5, 3, 0, ResponseFormat.TEXT));
  }

  private static int ask(Judge judge) throws IOException, JudgeException {
    return judge.judge(Template.SENTENCE, EXAMPLE, "1 shoes").sentence();
  }

  @ParameterizedTest
  @ValueSource(ints = {408, 409, 429, 500, 502, 503, 504, 529})
  void aPassingFailureIsAskedAgain(int status) throws Exception {
    server.then(ChatServer.status(status), ChatServer.status(status));
    try (Judge judge = judge()) {
      assertEquals(1, ask(judge));
      assertEquals(new JudgeUsage(3, 2, 0, 100, 7), judge.usage());
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {408, 409, 429, 500, 503})
  void afterTheLastRetryItIsAFailureWithItsReason(int status) throws Exception {
    server.otherwise = ChatServer.status(status);
    try (Judge judge = judge()) {
      JudgeException e = assertThrows(JudgeException.class, () -> ask(judge));
      assertEquals("http_" + status, e.reason());
      assertEquals("status " + status + ": told to say " + status, e.getMessage());
      assertEquals(4, server.received.size());
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {400, 413, 418, 422})
  void whatIsWrongWithTheQuestionIsNotAskedAgain(int status) throws Exception {
    server.otherwise = ChatServer.status(status);
    try (Judge judge = judge()) {
      assertEquals("http_" + status, assertThrows(JudgeException.class, () -> ask(judge)).reason());
      assertEquals(1, server.received.size());
    }
  }

  static Stream<Arguments> retryAfter() {
    return Stream.of(Arguments.of("1", 1000), Arguments.of("0.4", 400),
      Arguments.of(DateTimeFormatter.RFC_1123_DATE_TIME.format(ZonedDateTime.now(ZoneOffset.UTC).plusSeconds(3)), 1000));
  }

  @ParameterizedTest
  @MethodSource("retryAfter")
  void waitsAsLongAsTheServerAsks(String value, long atLeastMs) throws Exception {
    String date = value.contains(":")
      ? DateTimeFormatter.RFC_1123_DATE_TIME.format(ZonedDateTime.now(ZoneOffset.UTC).plusSeconds(2)) : value;
    server.then(ChatServer.status(429, "Retry-After", date));
    try (Judge judge = judge()) {
      assertEquals(1, ask(judge));
    }
    long waited = (server.received.get(1).nanos() - server.received.get(0).nanos()) / 1_000_000;
    assertTrue(waited >= atLeastMs - 5 && waited < atLeastMs + 2500, waited + " ms for " + date);
  }

  @ParameterizedTest
  @ValueSource(strings = {"soon", "-5", "", "Thu, 01 Jan 1970 00:00:00 GMT", "99999999999999"})
  void aRetryAfterThatSaysNothingIsNoReasonToFail(String value) throws Exception {
    server.then(ChatServer.status(429, "Retry-After", value));
    try (Judge judge = judge()) {
      assertEquals(1, ask(judge));
    }
  }

  @Test
  void waitsGrowAndDifferFromEachOther() throws Exception {
    server.otherwise = ChatServer.status(503);
    try (Judge judge = Judges.of(config(server.url(), 5, 4, 0, ResponseFormat.TEXT), dir, n -> KEY, Duration.ofMillis(60))) {
      assertThrows(JudgeException.class, () -> ask(judge));
    }
    for (int i = 1; i < 5; i++) {
      double ms = (server.received.get(i).nanos() - server.received.get(i - 1).nanos()) / 1e6;
      double mean = 60 * Math.pow(2, i - 1);
      assertTrue(ms > 0.5 * mean - 5, "wait " + i + ": " + ms + " ms, expected about " + mean);
    }
  }

  @Test
  void lateLostAndTornAnswersAreAskedAgain() throws Exception {
    server.then(ChatServer.slow(2000), ChatServer.hangsUp(), ChatServer.breaksOff(), ChatServer.drips());
    try (Judge judge = judge(config(server.url(), 0.3, 4, 0, ResponseFormat.TEXT))) {
      assertEquals(1, ask(judge));
      assertEquals(5, judge.usage().requests());
    }
  }

  @Test
  void aServerThatIsAlwaysLateIsATimeOut() throws Exception {
    server.otherwise = ChatServer.slow(1500);
    try (Judge judge = judge(config(server.url(), 0.1, 1, 0, ResponseFormat.TEXT))) {
      JudgeException e = assertThrows(JudgeException.class, () -> ask(judge));
      assertEquals("timeout", e.reason());
      assertEquals("no whole answer within 0.1 s", e.getMessage());
    }
  }

  @Test
  void aLostConnectionHasAReasonOfItsOwn() throws Exception {
    server.otherwise = ChatServer.hangsUp();
    try (Judge judge = judge(config(server.url(), 5, 1, 0, ResponseFormat.TEXT))) {
      assertEquals("unreachable", assertThrows(JudgeException.class, () -> ask(judge)).reason());
    }
  }

  static Stream<Arguments> uselessAnswers() {
    return Stream.of(
      Arguments.of("not_a_completion", ChatServer.body("{\"choices\":[{\"mess")),
      Arguments.of("not_a_completion", ChatServer.body("")),
      Arguments.of("not_a_completion", ChatServer.body("[]")),
      Arguments.of("not_a_completion", ChatServer.body("{\"error\":{\"message\":\"model is loading\"}}")),
      Arguments.of("not_a_completion", (ChatServer.Answer) (exchange, request) -> {
        exchange.getResponseHeaders().set("Content-Type", "text/html");
        ChatServer.send(exchange, 200, "<html>Please log in to the network</html>");
      }),
      Arguments.of("no_content", ChatServer.body("{\"choices\":[]}")),
      Arguments.of("no_content", ChatServer.body("{\"choices\":[{\"finish_reason\":\"stop\",\"message\":{\"content\":null}}]}")),
      Arguments.of("no_content", ChatServer.body("{\"choices\":[7]}")),
      Arguments.of("refused", ChatServer.body("{\"choices\":[{\"message\":{\"content\":null,\"refusal\":\"I cannot\"}}]}")),
      Arguments.of("refused", ChatServer.body(ChatServer.completion("{\"whole\":1}", "content_filter"))),
      Arguments.of("truncated", ChatServer.body(ChatServer.completion("{\"whole\":1}", "length"))),
      Arguments.of("reply_form", ChatServer.says("{\"whole\":")),
      Arguments.of("reply_form", ChatServer.says("The prediction is relevant.")),
      Arguments.of("reply_form", ChatServer.says("{\"whole\":1,\"whole\":0}")));
  }

  @ParameterizedTest
  @MethodSource("uselessAnswers")
  void anAnswerWithoutAScoreIsAFailureAndIsKeptAsItCame(String reason, ChatServer.Answer answer) throws Exception {
    server.then(answer);
    try (Judge judge = judge()) {
      assertEquals(reason, assertThrows(JudgeException.class, () -> ask(judge)).reason());
      assertEquals(1, Files.readAllLines(dir.resolve("sentence.jsonl")).size());
      assertEquals(1, ask(judge));
      assertEquals(2, server.received.size());
    }
  }

  @Test
  void anAnswerOfAnyLengthDoesNotFillTheMemory() throws Exception {
    server.then((exchange, request) -> {
      exchange.sendResponseHeaders(200, 0);
      byte[] block = new byte[1 << 16];
      for (int i = 0; i < 1 << 14; i++) {
        exchange.getResponseBody().write(block);
      }
    });
    try (Judge judge = judge()) {
      assertEquals("too_long", assertThrows(JudgeException.class, () -> ask(judge)).reason());
      assertEquals(1, server.received.size());
      assertFalse(Files.exists(dir.resolve("sentence.jsonl")) && Files.size(dir.resolve("sentence.jsonl")) > 0);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {401, 403, 404})
  void aRefusedKeyModelOrAddressEndsTheAskingAtOnce(int status) throws Exception {
    server.otherwise = ChatServer.status(status);
    try (Judge judge = judge()) {
      IOException e = assertThrows(IOException.class, () -> ask(judge));
      assertEquals(1, server.received.size());
      assertTrue(e.getMessage().contains("status " + status + ": told to say " + status), e.getMessage());
      assertTrue(e.getMessage().contains(status == 404 ? "judge.chat.model" : "judge.chat.api_key_env"), e.getMessage());
    }
  }

  @Test
  void aServerThatIsNotThereEndsTheAsking() throws Exception {
    String dead = ChatServer.deadUrl();
    try (Judge judge = judge(config(dead, 5, 1, 0, ResponseFormat.TEXT))) {
      IOException e = assertThrows(IOException.class, () -> ask(judge));
      assertTrue(e.getMessage().contains(dead + "/chat/completions: cannot be reached"), e.getMessage());
    }
  }

  @Test
  void manyFailuresInARowEndTheAsking() throws Exception {
    try (Judge judge = judge(config(server.url(), 5, 0, 0, ResponseFormat.TEXT))) {
      for (int i = 0; i < ChatClient.LIMIT - 1; i++) {
        server.then(ChatServer.status(500));
        assertThrows(JudgeException.class, () -> ask(judge));
      }
      assertEquals(1, ask(judge));
      Files.delete(dir.resolve("sentence.jsonl"));
    }
    server.otherwise = ChatServer.status(500);
    try (Judge judge = judge(config(server.url(), 5, 0, 0, ResponseFormat.TEXT))) {
      for (int i = 0; i < ChatClient.LIMIT - 1; i++) {
        assertThrows(JudgeException.class, () -> ask(judge));
      }
      IOException e = assertThrows(IOException.class, () -> ask(judge));
      assertTrue(e.getMessage().contains("10 questions in a row were not answered"), e.getMessage());
    }
  }

  @Test
  void theStrictestFormatThatTheServerKnowsIsFoundAndRemembered() throws Exception {
    server.otherwise = (exchange, request) -> {
      boolean schema = request.path("response_format").path("type").asText().equals("json_schema");
      ChatServer.send(exchange, schema ? 400 : 200, schema ? "{\"detail\":\"unknown response_format\"}"
        : ChatServer.completion("{\"whole\":1}", "stop"));
    };
    try (Judge judge = judge(config(server.url(), 5, 0, 0, ResponseFormat.AUTO))) {
      assertEquals(1, ask(judge));
      assertEquals(1, judge.judge(Template.SENTENCE, EXAMPLE, "1 other").sentence());
    }
    assertEquals(List.of("json_schema", "json_object", "json_object"),
      server.received.stream().map(r -> r.body().path("response_format").path("type").asText()).toList());
  }

  @Test
  void aQuestionThatIsRefusedInEveryFormatDoesNotChangeTheFormat() throws Exception {
    server.then(ChatServer.status(400), ChatServer.status(400), ChatServer.status(400));
    try (Judge judge = judge(config(server.url(), 5, 0, 0, ResponseFormat.AUTO))) {
      assertEquals("http_400", assertThrows(JudgeException.class, () -> ask(judge)).reason());
      assertEquals(1, ask(judge));
    }
    assertEquals(List.of("json_schema", "json_object", "", "json_schema"),
      server.received.stream().map(r -> r.body().path("response_format").path("type").asText()).toList());
    assertEquals("{\"type\":\"object\",\"properties\":{\"whole\":{\"type\":\"integer\",\"enum\":[0,1]}},\"required\":[\"whole\"],"
      + "\"additionalProperties\":false}", server.received.get(0).body().at("/response_format/json_schema/schema").toString());
  }

  @Test
  void theRateLimitHoldsForAllThreadsTogether() throws Exception {
    try (Judge judge = judge(config(server.url(), 5, 0, 600, ResponseFormat.TEXT))) {
      InOrder.forEach(List.of(1, 2, 3, 4, 5, 6).iterator(), 4, i -> {
        try {
          return judge.judge(Template.SENTENCE, EXAMPLE, "1 word" + i).sentence();
        } catch (JudgeException e) {
          throw new IOException(e);
        }
      }, i -> { }, () -> { });
    }
    long spanMs = (server.received.get(5).nanos() - server.received.get(0).nanos()) / 1_000_000;
    assertTrue(spanMs >= 400, "6 requests at 10 a second within " + spanMs + " ms");
  }

  @Test
  void theKeyIsSentAndNeverShown() throws Exception {
    server.then((exchange, request) -> ChatServer.send(exchange, 400, "{\"error\":{\"message\":\"bad key " + KEY + "\"}}"),
      (exchange, request) -> ChatServer.send(exchange, 200, "{\"echo\":\"" + KEY + "\"}"),
      ChatServer.says("{\"whole\": \"" + KEY + "\"}"));
    StringWriter shown = new StringWriter();
    JudgeConfig config = config(server.url(), 5, 0, 0, ResponseFormat.TEXT);
    try (Judge judge = judge(config)) {
      for (int i = 0; i < 3; i++) {
        assertThrows(JudgeException.class, () -> ask(judge)).printStackTrace(new PrintWriter(shown));
      }
      server.then((exchange, request) -> ChatServer.send(exchange, 401, "{\"message\":\"no such key: " + KEY + "\"}"));
      assertThrows(IOException.class, () -> ask(judge)).printStackTrace(new PrintWriter(shown));
      shown.write(judge.name() + judge.usage() + judge.templateHashes() + judge + config);
    }
    assertEquals("Bearer " + KEY, server.received.get(0).authorization());
    shown.write(Files.readString(dir.resolve("sentence.jsonl")));
    assertFalse(shown.toString().contains(KEY), shown.toString());
    assertTrue(shown.toString().contains("bad key [key]"), shown.toString());
  }

  @Test
  void aRedirectIsNotFollowedSoThatTheKeyStaysHere() throws Exception {
    AtomicReference<String> stolen = new AtomicReference<>();
    HttpServer other = HttpServer.create(new java.net.InetSocketAddress("localhost", 0), 0);
    other.createContext("/", exchange -> stolen.set(exchange.getRequestHeaders().getFirst("Authorization") + exchange.getRequestURI()));
    other.start();
    try {
      for (int status : new int[] {301, 302, 303, 307, 308}) {
        String elsewhere = "http://localhost:" + other.getAddress().getPort() + "/v1/chat/completions";
        server.then(ChatServer.status(status, "Location", elsewhere));
        try (Judge judge = judge()) {
          String message = assertThrows(IOException.class, () -> ask(judge)).getMessage();
          assertTrue(message.contains(elsewhere) && message.contains("redirects are not followed"), message);
        }
      }
    } finally {
      other.stop(0);
    }
    assertNull(stolen.get());
  }

  @Test
  void aServerWithoutKeysGetsNone() throws Exception {
    JudgeConfig config = new JudgeConfig(JudgeConfig.Kind.CHAT, 0.5, false, 0, 1,
      new ChatConfig(server.url() + "/", "m", "", 1, 0, 5, 0, -1, 0, ResponseFormat.TEXT, "default"));
    try (Judge judge = judge(config)) {
      assertEquals(1, ask(judge));
    }
    assertNull(server.received.get(0).authorization());
    assertFalse(server.received.get(0).body().has("temperature") || server.received.get(0).body().has("max_tokens"));
  }

  @Test
  void aKeyThatIsNotThereIsNamedBeforeAnythingIsAsked() {
    JudgeConfig config = config(server.url(), 5, 0, 0, ResponseFormat.TEXT);
    ConfigException e = assertThrows(ConfigException.class, () -> Judges.of(config, dir, name -> null, Duration.ofMillis(1)));
    assertTrue(e.getMessage().contains("judge.chat.api_key_env") && e.getMessage().contains("THE_KEY is not set"), e.getMessage());
    ConfigException odd = assertThrows(ConfigException.class, () -> Judges.of(config, dir, name -> "se\ncret", Duration.ofMillis(1)));
    assertFalse(odd.getMessage().contains("cret"), odd.getMessage());
  }

  @Test
  void aKeyInTheConfigurationIsRefusedAndNotRepeated() {
    String message = assertThrows(IllegalArgumentException.class, () -> new ChatConfig(server.url(), "m", KEY, 1, 0, 5, 0, 0, 0,
      ResponseFormat.TEXT, "default")).getMessage();
    assertTrue(message.startsWith("api_key_env: ") && !message.contains(KEY), message);
    for (String url : new String[] {"http://me:secret@host/v1", "http://host/v1?key=secret", "host:80", "ftp://host", "", "http://"}) {
      String refused = assertThrows(IllegalArgumentException.class, () -> new ChatConfig(url, "m", "", 1, 0, 5, 0, 0, 0,
        ResponseFormat.TEXT, "default")).getMessage();
      assertTrue(refused.startsWith("base_url: ") && !refused.contains("secret"), refused);
    }
  }
}
