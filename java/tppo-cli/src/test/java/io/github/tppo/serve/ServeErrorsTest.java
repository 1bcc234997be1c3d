// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.serve;

import static io.github.tppo.serve.Served.error;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.Socket;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What is wrong is the client's to know: status, type, where and what. */
@Timeout(60)
class ServeErrorsTest {
  private static final int MAX_BODY = 20_000;
  private static final String GOOD = "{\"search\": [\"a\", \"b\"]}";

  private static Served served;

  @BeforeAll
  static void start() throws IOException {
    served = new Served(limits(Duration.ofSeconds(30)), Served::count);
  }

  private static ServeLimits limits(Duration timeout) {
    return new ServeLimits(MAX_BODY, 3, 4, 8, 32, timeout, Duration.ofSeconds(5));
  }

  @AfterAll
  static void stop() {
    String log = served.log.toString();
    served.close();
    assertFalse(log.contains("\tat "), log);
  }

  private static JsonNode bad(String body) throws Exception {
    JsonNode error = error(400, served.post(body));
    assertEquals("invalid_request", error.get("type").asText());
    return error;
  }

  @ParameterizedTest
  @CsvSource(delimiter = ';', quoteCharacter = '\0', value = {
      "5;; found number, expected an object or an array of histories",
      "null;; found null, expected an object or an array of histories",
      "{};; has none of search, click, purchase, visit, history, histories",
      "{\"seed\": 4};; has none of search",
      "{\"serach\": []};serach; serach: unknown key, expected search, click",
      "{\"search\": \"a\"};search; search: found string, expected a list of strings, oldest first",
      "{\"search\": [\"a\", 5]};search[1]; search[1]: found number, expected a string",
      "{\"search\": [\"a\"], \"target_queries\": []};target_queries; target_queries: unknown key",
      "{\"history\": {\"search\": [], \"x\": 1}};history.x; history.x: unknown key",
      "{\"history\": []};history; history: found array, expected an object",
      "{\"histories\": []};histories; histories: found 0 histories, expected 1 to 3",
      "{\"histories\": {}};histories; histories: found object, expected an array of histories",
      "{\"histories\": [{\"search\": []}], \"search\": []};search; search: unknown key",
      "{\"histories\": [{\"search\": []}, {\"click\": [null]}]};histories[1].click[0]; histories[1].click[0]: found null",
      "{\"histories\": [{\"search\": [], \"seed\": 1}]};histories[0].seed; unknown key",
      "[{}, {}, {}, {}];; found 4 histories, expected 1 to 3",
      "[{}];[0]; has none of search",
      "{\"search\": [], \"temperature\": \"1\"};temperature; found string, expected a number",
      "{\"search\": [], \"temperature\": -1};temperature; found -1.0, expected 0",
      "{\"search\": [], \"temperature\": 1e-30};temperature; expected 0 (the likeliest tokens), or 0.01 to 100",
      "{\"search\": [], \"temperature\": 1e999};temperature; temperature: found Infinity",
      "{\"search\": [], \"top_k\": -1};top_k; expected a whole number from 0 to 2147483647",
      "{\"search\": [], \"top_k\": 2147483648};top_k; expected a whole number from 0 to 2147483647",
      "{\"search\": [], \"top_p\": 0};top_p; found 0.0, expected more than 0 and at most 1",
      "{\"search\": [], \"max_new_tokens\": 25};max_new_tokens; expected a whole number from 1 to 24",
      "{\"search\": [], \"seed\": 1.5};seed; expected a whole number",
      "{\"search\": [], \"seed\": 9223372036854775808};seed; expected a whole number",
  })
  void bodyThatMeansNothingIsExplained(String body, String param, String message) throws Exception {
    JsonNode error = bad(body);
    assertTrue(error.get("message").asText().contains(message), error.toString());
    assertEquals(param == null ? "" : param, error.path("param").asText());
  }

  @ParameterizedTest
  @CsvSource(delimiter = ';', quoteCharacter = '\0', value = {
      "{\"search\": [\"a\";line 1, column 16: not valid JSON: Unexpected end-of-input",
      "{'search': []};line 1, column 2: not valid JSON: ",
      "{} x;line 1, column 5: not valid JSON: ",
      "{} {};line 1, column 4: not valid JSON: Trailing token",
      "{\"search\": [], \"search\": []};not valid JSON: Duplicate field 'search'",
      "{\"search\": [NaN]};not valid JSON: ",
  })
  void bodyThatIsNotJsonIsExplained(String body, String message) throws Exception {
    assertTrue(bad(body).get("message").asText().contains(message), bad(body).toString());
  }

  @Test
  void hostileJsonIsRefused() throws Exception {
    assertTrue(bad("").get("message").asText().startsWith("empty body, expected"));
    assertTrue(bad("[".repeat(MAX_BODY)).get("message").asText().contains("nesting depth"));
    assertTrue(bad("{\"a\":".repeat(3000)).get("message").asText().contains("nesting depth"));
    assertTrue(bad("{\"seed\": " + "9".repeat(10_000) + ", \"search\": []}").get("message").asText().contains("Number value length"));
    assertTrue(bad("{\"temperature\": 1e" + "9".repeat(900) + ", \"search\": []}").get("message").asText().length() < 300);
    String key = bad("{\"" + "k".repeat(10_000) + "\": 1}").get("message").asText();
    assertTrue(key.length() < 300, key);
    assertEquals(200, served.post("{\"search\": [\"\\ud800 \\u0000 \\n\"]}").statusCode(), "odd characters are text");
  }

  /** Bodies with bytes changed, cut out, put in or doubled: an answer or a client's error, never a fault of the service. */
  @Test
  void noBodyIsAFaultOfTheService() throws Exception {
    byte[][] seeds = {"{\"histories\": [{\"search\": [\"a\\u00e9\"], \"click\": null}], \"seed\": 12, \"temperature\": 0.5}".getBytes(StandardCharsets.UTF_8),
        "{\"user\": \"u\", \"history\": {\"search\": [\"\u00e9\", \"\ud83c\udf55\"]}, \"top_k\": 5, \"top_p\": 1e-1}".getBytes(StandardCharsets.UTF_8)};
    byte[] pieces = "[]{}\":,\\\u00e9eE+-.0nt \n\u0000".getBytes(StandardCharsets.UTF_8);
    Random random = new Random(1);
    Set<Integer> statuses = new TreeSet<>();
    for (int i = 0; i < 400; i++) {
      byte[] body = seeds[i % 2];
      for (int n = 1 + random.nextInt(3); n > 0; n--) {
        int at = random.nextInt(body.length);
        int length = Math.min(body.length - at, 1 + random.nextInt(4));
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.write(body, 0, at);
        switch (random.nextInt(4)) {
          case 0 -> out.write(random.nextInt(256));
          case 1 -> out.write(pieces, random.nextInt(pieces.length - 1), 1);
          case 2 -> out.write(body, at, length);
          default -> { }
        }
        int rest = random.nextBoolean() ? at : at + length;
        out.write(body, rest, body.length - rest);
        body = out.toByteArray();
      }
      HttpResponse<String> response = served.send(served.post(body));
      statuses.add(response.statusCode());
      if (response.statusCode() != 200) {
        error(400, response);
      }
    }
    assertEquals(Set.of(200, 400), statuses);
  }

  @Test
  void malformedUtf8IsRefused() throws Exception {
    for (byte[] bytes : new byte[][] {{(byte) 0xff}, {(byte) 0xc0, (byte) 0x80}, {(byte) 0xed, (byte) 0xa0, (byte) 0x80}, {(byte) 0xe2, (byte) 0x82}}) {
      byte[] body = "{\"search\": [\"????\"]}".getBytes(StandardCharsets.UTF_8);
      System.arraycopy(bytes, 0, body, 13, bytes.length);
      assertEquals("the body is not valid UTF-8", error(400, served.send(served.post(body))).get("message").asText());
    }
    HttpResponse<String> utf16 = served.send(served.post(GOOD.getBytes(StandardCharsets.UTF_16LE)));
    assertTrue(error(400, utf16).get("message").asText().contains("not valid JSON"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"/", "/v1", "/v1/suggest/", "/v1/suggest2", "/metrics/../x", "/favicon.ico", "//health"})
  void unknownPathsAreNotFound(String path) throws Exception {
    String answer = served.raw("GET " + path + " HTTP/1.1\nHost: h\nConnection: close\n\n");
    assertTrue(answer.startsWith("HTTP/1.1 404 ") || answer.startsWith("HTTP/1.1 400 "), answer);
    error(answer.substring(answer.indexOf("\r\n\r\n")));
  }

  @Test
  void wrongMethodsSayWhichAreAllowed() throws Exception {
    for (String method : new String[] {"GET", "PUT", "DELETE", "OPTIONS", "HEAD", "PATCH"}) {
      HttpResponse<String> response = served.send(served.request("/v1/suggest").method(method, BodyPublishers.noBody()));
      assertEquals(405, response.statusCode());
      assertEquals("POST", response.headers().firstValue("Allow").orElseThrow());
    }
    for (String path : new String[] {"/health", "/ready", "/metrics"}) {
      HttpResponse<String> response = served.send(served.request(path).POST(BodyPublishers.ofString("{}")));
      assertEquals("method_not_allowed", error(405, response).get("type").asText());
      assertEquals("GET, HEAD", response.headers().firstValue("Allow").orElseThrow());
      HttpResponse<String> head = served.send(served.request(path).method("HEAD", BodyPublishers.noBody()));
      assertEquals(200, head.statusCode());
      assertEquals("", head.body());
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "text/plain", "application/x-www-form-urlencoded", "application/jsonx", "application/json; charset=utf-16",
      "application/json; charset=latin1"})
  void otherContentTypesAreRefused(String type) throws Exception {
    var request = served.request("/v1/suggest").POST(BodyPublishers.ofString(GOOD));
    HttpResponse<String> response = served.send(type.isEmpty() ? request : request.header("Content-Type", type));
    assertEquals("unsupported_media_type", error(415, response).get("type").asText());
  }

  @Test
  void jsonInUtf8IsTakenHoweverItIsDeclared() throws Exception {
    for (String type : new String[] {"application/json", "Application/JSON;charset=UTF-8", "application/json; charset=\"utf-8\""}) {
      assertEquals(200, served.send(served.request("/v1/suggest").header("Content-Type", type).POST(BodyPublishers.ofString(GOOD))).statusCode(), type);
    }
    assertEquals(415, served.send(served.post(GOOD.getBytes(StandardCharsets.UTF_8)).header("Content-Encoding", "gzip")).statusCode());
  }

  @Test
  void bodyOverTheLimitIsRefusedWithAndWithoutItsLength() throws Exception {
    String fits = GOOD + " ".repeat(MAX_BODY - GOOD.length());
    assertEquals(200, served.post(fits).statusCode());
    assertEquals("too_large", error(413, served.post(fits + " ")).get("type").asText());
    assertEquals(413, served.post(fits.repeat(40)).statusCode());
    for (String body : new String[] {fits, fits + " ", fits.repeat(40)}) {
      // Of unknown length: sent in chunks.
      var publisher = BodyPublishers.ofInputStream(() -> new ByteArrayInputStream(body.getBytes(StandardCharsets.UTF_8)));
      HttpResponse<String> response = served.send(served.request("/v1/suggest").header("Content-Type", "application/json").POST(publisher));
      assertEquals(body.length() > MAX_BODY ? 413 : 200, response.statusCode());
    }
    String declared = served.raw("POST /v1/suggest HTTP/1.1\nHost: h\nContent-Type: application/json\nContent-Length: 99999999999\n\n");
    assertTrue(declared.startsWith("HTTP/1.1 413 "), declared);
    assertTrue(declared.contains("\r\nConnection: close\r\n"), "who leaves a body unread says that the connection ends: " + declared);
  }

  /** Were the connection closed beneath a client that sends, it might not see why it is refused. */
  @ParameterizedTest
  @CsvSource({"413, /v1/suggest, application/json, no", "413, /v1/suggest, application/json, 100-continue", "415, /v1/suggest, text/plain, no",
      "404, /elsewhere, application/json, no"})
  void whoeverIsStillSendingSeesTheRefusal(int status, String path, String type, String expect) throws Exception {
    try (Socket socket = new Socket("127.0.0.1", served.server.uri().getPort())) {
      InputStream in = socket.getInputStream();
      OutputStream out = socket.getOutputStream();
      String head = "POST " + path + " HTTP/1.1\r\nHost: h\r\nContent-Type: " + type + "\r\nTransfer-Encoding: chunked\r\n";
      out.write((head + (expect.equals("no") ? "\r\n" : "Expect: " + expect + "\r\n\r\n")).getBytes(StandardCharsets.US_ASCII));
      if (!expect.equals("no")) {
        assertTrue(Served.readUntil(in, "\r\n\r\n").startsWith("HTTP/1.1 100 "));
      }
      byte[] chunk = ("a000\r\n" + " ".repeat(0xa000) + "\r\n").getBytes(StandardCharsets.US_ASCII);
      for (int i = 0; i < 100; i++) {
        out.write(chunk);
        Thread.sleep(i == 0 ? 300 : 0); // long enough to close
      }
      out.write("0\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
      assertTrue(Served.readUntil(in, "\r\n").startsWith("HTTP/1.1 " + status + " "));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"GARBAGE\n\n", "GET / HTTP/1.1\n\n", "GET / HTTP/9.9\nHost: h\n\n", "GET /%2e%2e/etc/passwd HTTP/1.1\nHost: h\n\n",
      "POST /v1/suggest HTTP/1.1\nHost: h\nContent-Type: application/json\nContent-Length: -1\n\n",
      "POST /v1/suggest HTTP/1.1\nHost: h\nContent-Type: application/json\nContent-Length: 2\nTransfer-Encoding: chunked\n\n",
      "POST /v1/suggest HTTP/1.1\nHost: h\nContent-Type: application/json\nTransfer-Encoding: chunked\n\nZZ\n{}\n0\n\n"})
  void whatIsNotHttpIsRefusedInTheSameForm(String request) throws Exception {
    String answer = served.raw(request);
    assertTrue(answer.matches("(?s)HTTP/1.1 (400|505) .*"), answer);
    assertEquals("invalid_request", error(answer.substring(answer.indexOf("\r\n\r\n"))).get("type").asText(), answer);
  }

  @Test
  void headersOverTheLimitAreRefused() throws Exception {
    assertTrue(served.raw("GET /" + "a".repeat(20_000) + " HTTP/1.1\nHost: h\n\n").startsWith("HTTP/1.1 414 "));
    assertTrue(served.raw("GET / HTTP/1.1\nHost: h\nA: " + "a".repeat(20_000) + "\n\n").startsWith("HTTP/1.1 431 "));
  }

  /** A client that stops, and one that sends a byte now and then for ever. */
  @Test
  void bodyThatDoesNotComeInTimeIsGivenUp() throws Exception {
    String head = "POST /v1/suggest HTTP/1.1\nHost: h\nContent-Type: application/json\nContent-Length: 1000\n\n{\"search\"";
    try (Served impatient = new Served(limits(Duration.ofMillis(800)), Served::count)) {
      givesUp(impatient, head);
      assertEquals(200, impatient.get("/health").statusCode(), "others are answered");
    }
  }

  private static void givesUp(Served impatient, String head) throws Exception {
    String stalled = impatient.raw(head);
    assertTrue(stalled.startsWith("HTTP/1.1 408 "), stalled);
    assertEquals("timeout", error(stalled.substring(stalled.indexOf("\r\n\r\n"))).get("type").asText());
    try (var socket = new java.net.Socket("127.0.0.1", impatient.server.uri().getPort())) {
      socket.getOutputStream().write(head.replace("\n", "\r\n").getBytes(StandardCharsets.UTF_8));
      Thread trickle = new Thread(() -> {
        try {
          while (true) {
            socket.getOutputStream().write(' ');
            Thread.sleep(50);
          }
        } catch (IOException | InterruptedException e) {
          // the server has closed the connection
        }
      });
      trickle.start();
      assertTrue(Served.readUntil(socket.getInputStream(), "\r\n").startsWith("HTTP/1.1 408 "));
      trickle.interrupt();
      trickle.join();
    }
  }

  @Test
  void clientThatGoesAwayHarmsNoOne() throws Exception {
    for (int i = 0; i < 20; i++) {
      try (var socket = new java.net.Socket("127.0.0.1", served.server.uri().getPort())) {
        String whole = "POST /v1/suggest HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: 22\r\n\r\n" + GOOD;
        socket.setSoLinger(i % 2 == 0, 0);
        socket.getOutputStream().write(whole.substring(0, whole.length() * (i + 1) / 20).getBytes(StandardCharsets.UTF_8));
      }
    }
    assertEquals(200, served.post(GOOD).statusCode());
  }
}
