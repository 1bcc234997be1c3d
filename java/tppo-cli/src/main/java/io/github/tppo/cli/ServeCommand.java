// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.cli;

import io.github.tppo.run.ConfigException;
import io.github.tppo.serve.ServeLimits;
import io.github.tppo.serve.SuggestServer;
import io.github.tppo.suggest.Suggester;
import java.io.PrintWriter;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.time.Duration;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code tppo serve}: {@code tppo suggest} over HTTP. */
@Command(name = "serve", mixinStandardHelpOptions = true, versionProvider = Version.class, usageHelpAutoWidth = true,
    description = {"Answers tppo suggest's question over HTTP, until Ctrl-C or SIGTERM.",
        "POST /v1/suggest takes a history, {\"histories\": [...]} or an array of them, with temperature, top_k, top_p, max_new_tokens and"
            + " seed if you like; GET /health, /ready and /metrics (Prometheus). docs/serving.md says more.",
        "There is no authentication and no TLS: beyond this machine, put it behind something that has them."},
    footer = {"", "Example: tppo serve --model runs/quickstart/tppo --port 8080",
        "         curl -d '{\"search\": [\"pasta recipe\"]}' -H 'Content-Type: application/json' http://127.0.0.1:8080/v1/suggest"})
final class ServeCommand implements Callable<Integer> {
  @Mixin
  private PolicyOptions policy;

  @Option(names = "--host", defaultValue = "127.0.0.1", description = "Address to listen on (default: ${DEFAULT-VALUE}, this machine"
      + " only).")
  private String host;

  @Option(names = "--port", defaultValue = "8080", description = "Port, 0 for any that is free (default: ${DEFAULT-VALUE}).")
  private int port;

  @Option(names = "--max-body-bytes", paramLabel = "N", defaultValue = "1048576",
      description = "Largest body of a request (default: ${DEFAULT-VALUE}).")
  private int maxBodyBytes;

  @Option(names = "--max-histories", paramLabel = "N", defaultValue = "64",
      description = "Most histories in one request (default: ${DEFAULT-VALUE}).")
  private int maxHistories;

  @Option(names = "--max-concurrent", paramLabel = "N", defaultValue = "16",
      description = "Most requests that are answered at a time, in one batch (default: ${DEFAULT-VALUE}).")
  private int maxConcurrent;

  @Option(names = "--max-queue", paramLabel = "N", defaultValue = "64",
      description = "Most requests that wait for that; further ones get 503 and Retry-After (default: ${DEFAULT-VALUE}).")
  private int maxQueue;

  @Option(names = "--max-connections", paramLabel = "N", defaultValue = "256",
      description = "Most open connections; further ones wait (default: ${DEFAULT-VALUE}).")
  private int maxConnections;

  @Option(names = "--request-timeout", paramLabel = "SECONDS", defaultValue = "60",
      description = "Longest time from a request's first byte to its answer (default: ${DEFAULT-VALUE}).")
  private double requestTimeout;

  @Option(names = "--grace", paramLabel = "SECONDS", defaultValue = "30",
      description = "When stopped, how long requests in work may take (default: ${DEFAULT-VALUE}).")
  private double grace;

  @Option(names = "--quiet", description = "No line on standard error for each request.")
  private boolean quiet;

  @Spec
  private CommandSpec spec;

  @Override
  public Integer call() throws Exception {
    policy.prepare();
    ServeLimits limits = limits();
    PrintWriter err = spec.commandLine().getErr();
    warnUnlessLoopback(err);
    StopSignal stop = StopSignal.install("stopping when the requests in work are answered; again to end at once", err::println);
    SuggestServer server = SuggestServer.start(host, port, limits, Version.text(), err, !quiet);
    boolean finished;
    try {
      say("listening on " + server.uri());
      long start = System.nanoTime();
      Suggester suggester = policy.load();
      server.ready(suggester, policy.sampling(suggester));
      say(String.format(Locale.ROOT, "ready: %s, loaded in %.1f s", policy.model(), (System.nanoTime() - start) / 1e9));
      stop.await();
    } finally {
      finished = server.stop();
    }
    if (!finished) {
      err.println("tppo serve: requests in work did not end within --grace " + grace + " and were cut off");
    }
    return finished ? 0 : Tppo.FAILED;
  }

  private void say(String line) {
    spec.commandLine().getOut().println(line);
    spec.commandLine().getOut().flush();
  }

  private void warnUnlessLoopback(PrintWriter err) {
    try {
      if (!InetAddress.getByName(host).isLoopbackAddress()) {
        err.println("tppo serve: warning: --host " + host + " can be reached from other machines, and there is no authentication"
            + " and no TLS");
        err.flush();
      }
    } catch (UnknownHostException e) {
      throw new ConfigException("--host " + host + ": no such address", e);
    }
  }

  private ServeLimits limits() {
    between("--port", port, 0, 65535);
    between("--max-body-bytes", maxBodyBytes, 1, 1 << 30);
    between("--max-histories", maxHistories, 1, 1 << 20);
    between("--max-concurrent", maxConcurrent, 1, 1 << 16);
    between("--max-queue", maxQueue, 1, 1 << 16);
    between("--max-connections", maxConnections, 1, 1 << 14);
    return new ServeLimits(maxBodyBytes, maxHistories, maxConcurrent, maxQueue, maxConnections,
        seconds("--request-timeout", requestTimeout, 0.1), seconds("--grace", grace, 0));
  }

  private static void between(String option, int value, int least, int most) {
    if (value < least || value > most) {
      throw new ConfigException(option + " " + value + ": expected " + least + " to " + most);
    }
  }

  private static Duration seconds(String option, double value, double least) {
    if (!(value >= least && value <= 86_400)) {
      throw new ConfigException(option + " " + value + ": expected " + least + " to 86400 seconds");
    }
    return Duration.ofMillis(Math.round(value * 1000));
  }
}
