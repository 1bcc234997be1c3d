// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.serve;

import io.github.tppo.suggest.Ask;
import io.github.tppo.suggest.SuggestOptions;
import io.github.tppo.suggest.Suggester;
import io.github.tppo.suggest.Suggestion;
import java.io.IOException;
import java.io.PrintWriter;
import java.net.BindException;
import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeoutException;
import java.util.function.BiFunction;
import java.util.function.BooleanSupplier;
import org.eclipse.jetty.http.HttpStatus;
import org.eclipse.jetty.server.CustomRequestLog;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.NetworkConnectionLimit;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.RequestLog;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.server.handler.GracefulHandler;
import org.eclipse.jetty.util.NanoTime;
import org.eclipse.jetty.util.thread.QueuedThreadPool;

/**
 * Suggestions over HTTP; {@code docs/serving.md} describes the interface. It listens at once, says that it lives, and answers from
 * {@link #ready} on.
 */
public final class SuggestServer {
  /** Connections on which nothing comes for so long are closed. */
  private static final Duration IDLE = Duration.ofSeconds(15);
  /** The same while there are as many as there may be and others wait. */
  private static final Duration IDLE_WHEN_FULL = Duration.ofSeconds(1);
  /** Most connections that wait to be accepted; the system turns further ones away. */
  private static final int BACKLOG = 1024;
  /** Threads beyond one a connection: one that accepts, one that selects, some to spare. */
  private static final int OTHER_THREADS = 6;
  private static final String LOG_FORMAT = "%{yyyy-MM-dd'T'HH:mm:ss.SSS'Z'|UTC}t %{client}a \"%r\" %s %O bytes %{ms}T ms";

  private final ServeLimits limits;
  private final ServeMetrics metrics;
  private final SuggestHandler handler;
  private final Server server;
  final ServerConnector connector;
  private int port;
  private Runnable closeModels;
  private Batcher batcher;

  private SuggestServer(String host, int port, ServeLimits limits, String version, PrintWriter log, boolean accessLog) {
    this.limits = limits;
    QueuedThreadPool threads = new QueuedThreadPool(limits.maxConnections() + OTHER_THREADS, OTHER_THREADS);
    threads.setName("tppo-http");
    threads.setDaemon(true);
    server = new Server(threads);
    HttpConfiguration http = new HttpConfiguration();
    http.setSendServerVersion(false);
    connector = new ServerConnector(server, 1, 1, new HttpConnectionFactory(http));
    connector.setHost(host);
    connector.setPort(port);
    connector.setAcceptQueueSize(BACKLOG);
    connector.setIdleTimeout(Math.min(IDLE.toMillis(), limits.requestTimeout().toMillis()));
    server.addConnector(connector);
    NetworkConnectionLimit connections = new NetworkConnectionLimit(limits.maxConnections(), connector);
    connections.setEndPointIdleTimeout(IDLE_WHEN_FULL.toMillis());
    server.addBean(connections);

    GracefulHandler graceful = new GracefulHandler();
    metrics = new ServeMetrics(version, () -> (int) graceful.getCurrentRequestCount(), () -> isReady() ? 1 : 0);
    // From then on who is answered makes room, so that no more than half of the connections idle.
    BooleanSupplier crowded = () -> connections.getNetworkConnectionCount() > limits.maxConnections() / 2;
    handler = new SuggestHandler(limits, metrics, crowded, failure -> {
      failure.printStackTrace(log);
      log.flush();
    });
    graceful.setHandler(handler);
    server.setHandler(graceful);
    server.setStopTimeout(limits.grace().toMillis());
    server.setErrorHandler(new JsonErrors());
    RequestLog count = (request, response) -> {
      String endpoint = endpoint(request);
      metrics.request(endpoint, status(endpoint, response.getStatus()), NanoTime.since(request.getBeginNanoTime()));
    };
    server.setRequestLog(accessLog ? new RequestLog.Collection(count, new CustomRequestLog(log::println, LOG_FORMAT)) : count);
  }

  /** Headers that stop coming are a fault of the server to Jetty, which would raise alarms. Here only an endpoint can fail. */
  private static int status(String endpoint, int status) {
    return status == HttpStatus.INTERNAL_SERVER_ERROR_500 && endpoint.equals(SuggestHandler.OTHER) ? HttpStatus.REQUEST_TIMEOUT_408 : status;
  }

  private static String endpoint(Request request) {
    return SuggestHandler.endpoint(request.getHttpURI() == null ? "" : Request.getPathInContext(request));
  }

  /**
   * Begins to listen.
   *
   * @param port 0 for any that is free, see {@link #uri}
   * @param version of the program, for the metrics
   * @param log where failures go and, if {@code accessLog}, a line for each request
   * @throws IOException when the address cannot be had
   */
  public static SuggestServer start(String host, int port, ServeLimits limits, String version, PrintWriter log, boolean accessLog)
      throws IOException {
    SuggestServer started = new SuggestServer(host, port, limits, version, log, accessLog);
    try {
      started.server.start();
      started.port = started.connector.getLocalPort();
      return started;
    } catch (Exception e) {
      started.stopServer();
      String why = e.getCause() instanceof BindException bind ? bind.getMessage() : e.getMessage();
      throw new IOException("cannot listen on " + host + ", port " + port + ": " + why, e);
    }
  }

  /** Where it listens, or did. */
  public URI uri() {
    String host = connector.getHost();
    return URI.create("http://" + (host.contains(":") ? "[" + host + "]" : host) + ":" + port);
  }

  /**
   * Begins to answer.
   *
   * @param suggester belongs to the service from now on
   * @param defaults options for requests that give none; its {@code maxNewTokens} is the most that they can ask for
   */
  public void ready(Suggester suggester, SuggestOptions defaults) {
    ready(suggester::suggest, suggester::close, defaults);
  }

  synchronized void ready(BiFunction<List<Ask>, SuggestOptions, List<Suggestion>> suggest, Runnable closeModels,
      SuggestOptions defaults) {
    this.closeModels = closeModels;
    batcher = new Batcher(suggest, limits, metrics);
    handler.ready(batcher, defaults);
  }

  private boolean isReady() {
    return handler.isReady() && !server.isStopping();
  }

  /**
   * Stops: takes no more connections and requests, finishes those in work within the grace period, cuts off the others.
   *
   * @return whether all were finished
   */
  public synchronized boolean stop() {
    long end = System.nanoTime() + limits.grace().toNanos();
    boolean finished = stopServer();
    if (batcher != null) {
      // What still computes after that uses the models, which must then stay.
      if (!batcher.stop(Duration.ofNanos(end - System.nanoTime()))) {
        return false;
      }
      closeModels.run();
      batcher = null;
    }
    return finished;
  }

  private boolean stopServer() {
    try {
      server.stop();
      return true;
    } catch (TimeoutException e) {
      return false;
    } catch (Exception e) {
      throw new IllegalStateException("the server does not stop", e);
    }
  }
}
