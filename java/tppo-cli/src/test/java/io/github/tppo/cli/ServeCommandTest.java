// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.tppo.serve.TinyModels;
import java.io.BufferedReader;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** The program itself, in a process of its own. */
@DisabledOnOs(OS.WINDOWS)
@Timeout(120)
class ServeCommandTest {
  private static final String BODY = "{\"search\": [\"pasta recipe\"]}";
  private static final String HEAD = "POST /v1/suggest HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: " + BODY.length()
      + "\r\nConnection: close\r\n\r\n";

  @TempDir
  Path dir;
  private Path model;
  private Process process;
  private BufferedReader out;
  private Path err;
  private URI uri;

  @BeforeEach
  void save() throws Exception {
    model = TinyModels.policy(Files.createDirectories(dir.resolve("model")), 6);
    err = dir.resolve("err.txt");
  }

  @AfterEach
  void end() {
    if (process != null) {
      process.destroyForcibly();
    }
  }

  private void start(String... options) throws Exception {
    List<String> command = new ArrayList<>(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-Xmx256m", "-cp",
        System.getProperty("java.class.path"), Tppo.class.getName(), "serve", "--model", model.toString(), "--port", "0"));
    command.addAll(List.of(options));
    process = new ProcessBuilder(command).redirectError(err.toFile()).start();
    out = process.inputReader();
    String line = out.readLine();
    assertTrue(line != null && line.matches("listening on http://[0-9.]+:\\d+"), line + Files.readString(err));
    uri = URI.create(line.substring("listening on ".length()));
  }

  private Socket halfARequest() throws Exception {
    Socket socket = new Socket(uri.getHost(), uri.getPort());
    socket.setSoTimeout(30_000);
    socket.getOutputStream().write((HEAD + BODY.substring(0, 10)).getBytes(StandardCharsets.UTF_8));
    HttpClient client = HttpClient.newHttpClient();
    for (String metrics = ""; !metrics.contains("tppo_http_requests_in_work 2.0");) {
      metrics = client.send(HttpRequest.newBuilder(uri.resolve("/metrics")).build(), BodyHandlers.ofString()).body();
    }
    return socket;
  }

  private String stderr() throws Exception {
    return Files.readString(err);
  }

  @Test
  void politeKillFinishesWhatIsInWorkAndExitsWithZero() throws Exception {
    start("--threads", "1");
    assertTrue(out.readLine().startsWith("ready: " + model + ", loaded in "));
    try (Socket socket = halfARequest()) {
      process.toHandle().destroy();
      while (!stderr().contains("stopping when the requests in work are answered; again to end at once")) {
        Thread.sleep(10);
      }
      assertTrue(process.isAlive());
      socket.getOutputStream().write(BODY.substring(10).getBytes(StandardCharsets.UTF_8));
      String answer = new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      assertTrue(answer.startsWith("HTTP/1.1 200 ") && answer.contains("{\"queries\":["), answer);
    }
    assertEquals(0, process.waitFor(), stderr());
    assertTrue(stderr().contains("\"POST /v1/suggest HTTP/1.1\" 200 "), stderr());
  }

  @Test
  void whatOutlastsTheGracePeriodIsCutOffAndExitsWithOne() throws Exception {
    start("--grace", "0.2", "--quiet", "--host", "0.0.0.0");
    assertTrue(out.readLine().startsWith("ready: "));
    try (Socket socket = halfARequest()) {
      process.toHandle().destroy();
      assertEquals(1, process.waitFor(), stderr());
    }
    assertEquals(List.of("tppo serve: warning: --host 0.0.0.0 can be reached from other machines, and there is no authentication and no TLS",
        "stopping when the requests in work are answered; again to end at once",
        "tppo serve: requests in work did not end within --grace 0.2 and were cut off"),
        Files.readAllLines(err), "quiet: nothing else");
  }
}
