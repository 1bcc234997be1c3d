// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.judge;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.tppo.judge.ChatConfig.ResponseFormat;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.ConnectException;
import java.net.URI;
import java.net.http.HttpConnectTimeoutException;
import java.net.http.HttpResponse;
import java.net.http.HttpTimeoutException;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;

/**
 * Asks an OpenAI-compatible server for chat completions. A question that gets no completion fails alone; a server that refuses
 * the key, the model or the address, that was never reached, or that answers {@value #LIMIT} questions in a row with nothing of
 * use ends the asking. Safe for several threads.
 */
final class ChatClient {

  /** This many questions in a row without a completion, and no further one is asked. */
  static final int LIMIT = 10;

  private final ChatConfig config;
  private final URI address;
  private final ApiKey key;
  private final ChatHttp http;
  private final AtomicReference<ResponseFormat> format;
  private final AtomicInteger failuresInARow = new AtomicInteger();
  private final AtomicLong promptTokens = new AtomicLong();
  private final AtomicLong completionTokens = new AtomicLong();
  private volatile boolean reached;

  /** @param firstWait how long the wait before the first retry is on average */
  ChatClient(ChatConfig config, ApiKey key, Duration firstWait) {
    this.config = config;
    this.key = key;
    address = URI.create(config.baseUrl().replaceAll("/+$", "") + "/chat/completions");
    http = new ChatHttp(address, key, config, firstWait);
    boolean auto = config.responseFormat() == ResponseFormat.AUTO;
    format = new AtomicReference<>(auto ? ResponseFormat.JSON_SCHEMA : config.responseFormat());
  }

  /**
   * Asks one question.
   *
   * @param question {@link ChatPrompts#question}
   * @param schema   what the reply must look like, for servers that hold the model to it
   * @return the body of the answer as it came
   * @throws JudgeException when there is no answer to this question
   * @throws IOException    when it is in vain to ask on
   */
  String ask(ObjectNode question, ObjectNode schema) throws JudgeException, IOException {
    ResponseFormat tried = format.get();
    HttpResponse<String> response = post(question, schema, tried);
    while (config.responseFormat() == ResponseFormat.AUTO && isRefused(response) && tried != ResponseFormat.TEXT) {
      tried = tried == ResponseFormat.JSON_SCHEMA ? ResponseFormat.JSON_OBJECT : ResponseFormat.TEXT;
      response = post(question, schema, tried);
    }
    int status = response.statusCode();
    String body = key.remove(response.body());
    if (status / 100 == 3) {
      throw new IOException(unusable("status " + status + ": redirected to " + key.remove(response.headers()
        .firstValue("Location").orElse("nowhere")) + "; redirects are not followed: set judge.chat.base_url to the server itself"));
    }
    if (status / 100 != 2) {
      throw refused(status, ChatReply.error(body));
    }
    try {
      ChatReply reply = ChatReply.of(body);
      promptTokens.addAndGet(reply.promptTokens());
      completionTokens.addAndGet(reply.completionTokens());
    } catch (JudgeException e) {
      failed(e);
      return body;
    }
    format.set(tried);
    failuresInARow.set(0);
    return body;
  }

  /** The statuses by which servers say that they do not know a response format. */
  private static boolean isRefused(HttpResponse<String> response) {
    return response.statusCode() == 400 || response.statusCode() == 422;
  }

  private HttpResponse<String> post(ObjectNode question, ObjectNode schema, ResponseFormat responseFormat)
    throws JudgeException, IOException {
    try {
      HttpResponse<String> response = http.post(body(question, schema, responseFormat).toString());
      reached = true;
      return response;
    } catch (InterruptedIOException e) {
      throw e;
    } catch (BoundedBody.TooLongException e) {
      throw failed(new JudgeException("too_long", e.getMessage()));
    } catch (IOException e) {
      boolean away = e instanceof ConnectException || e instanceof HttpConnectTimeoutException;
      if (away && !reached) {
        throw new IOException(unusable("cannot be reached; is the server running, and is judge.chat.base_url right?"), e);
      }
      boolean late = !away && e instanceof HttpTimeoutException;
      throw failed(new JudgeException(late ? "timeout" : "unreachable", late ? e.getMessage()
        : away ? "cannot be reached" : "the connection was lost: " + e.getMessage()));
    }
  }

  private static ObjectNode body(ObjectNode question, ObjectNode schema, ResponseFormat responseFormat) {
    ObjectNode body = question.deepCopy();
    if (responseFormat == ResponseFormat.JSON_SCHEMA) {
      body.putObject("response_format").put("type", "json_schema").putObject("json_schema").put("name", "judgement")
        .put("strict", true).set("schema", schema);
    } else if (responseFormat == ResponseFormat.JSON_OBJECT) {
      body.putObject("response_format").put("type", "json_object");
    }
    return body;
  }

  /** What an error status means: some of them hold for every question. */
  private JudgeException refused(int status, String said) throws IOException {
    String answer = "status " + status + (said.isEmpty() ? "" : ": " + said);
    switch (status) {
      case 401, 403:
        throw new IOException(unusable(answer + "; the key is wrong or missing: see judge.chat.api_key_env"));
      case 404, 405:
        throw new IOException(unusable(answer + "; see judge.chat.base_url and judge.chat.model"));
      default:
        return failed(new JudgeException("http_" + status, answer));
    }
  }

  /** Counts a question without a completion; too many of them end the asking. */
  private JudgeException failed(JudgeException failure) throws IOException {
    if (failuresInARow.incrementAndGet() >= LIMIT) {
      throw new IOException(unusable(LIMIT + " questions in a row were not answered, the last one: " + failure.getMessage()),
        failure);
    }
    return failure;
  }

  private String unusable(String why) {
    return "judge " + config.model() + " at " + address + ": " + why
      + "; replies so far are kept, run the same command again to go on";
  }

  /** What was sent and received so far. */
  JudgeUsage usage(long stored) {
    return new JudgeUsage(http.requests(), http.retries(), stored, promptTokens.get(), completionTokens.get());
  }
}
