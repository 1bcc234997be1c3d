// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.serve;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.tppo.suggest.SuggestOptions;
import io.github.tppo.suggest.Suggestion;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.eclipse.jetty.http.HttpStatus;
import org.eclipse.jetty.io.EndPoint;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;

/** The endpoints. A request's thread waits for its answer, so there must be a thread for each connection. */
final class SuggestHandler extends Handler.Abstract {
  static final String SUGGEST = "/v1/suggest";
  static final String HEALTH = "/health";
  static final String READY = "/ready";
  static final String METRICS = "/metrics";
  static final String OTHER = "other";
  private static final String JSON_TYPE = "application/json";
  private static final ObjectMapper JSON = new ObjectMapper();

  private final ServeLimits limits;
  private final ServeMetrics metrics;
  private final BooleanSupplier crowded;
  private final Consumer<Throwable> failures;
  /** Hostile JSON takes many times its size of memory while it is read. */
  private final Semaphore parsers = new Semaphore(Runtime.getRuntime().availableProcessors());
  private volatile Service service;

  /** What answers, once the model is loaded. */
  private record Service(Batcher batcher, SuggestOptions defaults) {}

  private record Answer(String contentType, byte[] body) {}

  /**
   * @param crowded whether a connection is to be closed after its answer, for others to come
   * @param failures hears what goes wrong inside
   */
  SuggestHandler(ServeLimits limits, ServeMetrics metrics, BooleanSupplier crowded, Consumer<Throwable> failures) {
    this.limits = limits;
    this.metrics = metrics;
    this.crowded = crowded;
    this.failures = failures;
  }

  void ready(Batcher batcher, SuggestOptions defaults) {
    service = new Service(batcher, defaults);
  }

  boolean isReady() {
    return service != null;
  }

  /** A request's path as a label of metrics: one of the endpoints, or other. */
  static String endpoint(String path) {
    return List.of(SUGGEST, HEALTH, READY, METRICS).contains(path) ? path : OTHER;
  }

  @Override
  public boolean handle(Request request, Response response, Callback callback) {
    int status = 200;
    Answer answer;
    long deadline = request.getBeginNanoTime() + limits.requestTimeout().toNanos();
    RequestBody body = new RequestBody(request, deadline);
    try {
      answer = answer(request, body, deadline);
    } catch (RequestError e) {
      status = e.status();
      answer = new Answer(JSON_TYPE, e.body());
      if (e.header() != null) {
        response.getHeaders().put(e.header(), e.headerValue());
      }
      if (status != HttpStatus.REQUEST_TIMEOUT_408) {
        body.discard();
      }
    } catch (RequestBody.GoneException e) {
      callback.failed(e.getCause());
      return true;
    } catch (Exception e) {
      failures.accept(e);
      status = 500;
      answer = new Answer(JSON_TYPE, RequestError.body(status, "the server failed; its log says why", ""));
    }
    if (crowded.getAsBoolean()) {
      response.getHeaders().put("Connection", "close");
    }
    write(response, status, answer.contentType, answer.body, callback);
    return true;
  }

  static void write(Response response, int status, String contentType, byte[] body, Callback callback) {
    // Where some of the body was not read the connection ends with the answer. Not told so, the client's next request would be hit.
    if (!response.getRequest().consumeAvailable()) {
      response.getHeaders().put("Connection", "close");
    }
    response.setStatus(status);
    response.getHeaders().put("Content-Type", contentType);
    response.getHeaders().put("Content-Length", body.length);
    response.write(true, ByteBuffer.wrap(body), callback);
  }

  private Answer answer(Request request, RequestBody body, long deadline) throws RequestError, IOException {
    String path = Request.getPathInContext(request);
    switch (path) {
      case SUGGEST:
        allow(request, "POST");
        return json(suggest(request, body, deadline));
      case HEALTH:
        allow(request, "GET", "HEAD");
        return json(Map.of("status", "ok"));
      case READY:
        allow(request, "GET", "HEAD");
        service();
        return json(Map.of("status", "ready"));
      case METRICS:
        allow(request, "GET", "HEAD");
        return new Answer(metrics.contentType(), metrics.text());
      default:
        throw RequestError.of(404, "no such endpoint; there are POST " + SUGGEST + ", GET " + HEALTH + ", GET " + READY
            + ", GET " + METRICS);
    }
  }

  private static Answer json(Object value) throws IOException {
    return new Answer(JSON_TYPE, JSON.writeValueAsBytes(value));
  }

  private static void allow(Request request, String... methods) throws RequestError {
    if (!List.of(methods).contains(request.getMethod())) {
      throw RequestError.methodNotAllowed(request.getMethod(), String.join(", ", methods));
    }
  }

  private Service service() throws RequestError {
    Service now = service;
    if (now == null) {
      throw RequestError.unavailable("the model is being loaded");
    }
    return now;
  }

  private Object suggest(Request request, RequestBody body, long deadline) throws RequestError {
    Service now = service();
    SuggestRequest asked = parse(body.read(limits.maxBodyBytes()), now.defaults);
    CompletableFuture<List<Suggestion>> answer = now.batcher.submit(asked);
    // A connection that waits for its answer is not idle: were it to expire just then, its next request would be hit.
    EndPoint connection = request.getConnectionMetaData().getConnection().getEndPoint();
    connection.setIdleTimeout(0);
    List<Suggestion> suggestions;
    try {
      suggestions = await(answer, deadline);
    } finally {
      connection.setIdleTimeout(request.getConnectionMetaData().getConnector().getIdleTimeout());
    }
    return asked.single() ? suggestions.get(0) : Map.of("suggestions", suggestions);
  }

  private SuggestRequest parse(byte[] body, SuggestOptions defaults) throws RequestError {
    parsers.acquireUninterruptibly();
    try {
      return SuggestRequest.parse(body, defaults, limits.maxHistories());
    } finally {
      parsers.release();
    }
  }

  private List<Suggestion> await(CompletableFuture<List<Suggestion>> answer, long deadline) throws RequestError {
    try {
      return answer.get(deadline - System.nanoTime(), TimeUnit.NANOSECONDS);
    } catch (TimeoutException e) {
      answer.cancel(false);
      throw RequestError.unavailable("no answer within " + limits.requestTimeout().toMillis() / 1000.0 + " s; try again later");
    } catch (InterruptedException e) {
      answer.cancel(false);
      throw RequestError.unavailable("the service is stopping");
    } catch (ExecutionException e) {
      throw new IllegalStateException("a request failed", e.getCause());
    }
  }
}
