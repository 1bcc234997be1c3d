// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.serve;

import io.github.tppo.suggest.Suggestion;
import io.prometheus.metrics.core.metrics.Counter;
import io.prometheus.metrics.core.metrics.GaugeWithCallback;
import io.prometheus.metrics.core.metrics.Histogram;
import io.prometheus.metrics.core.metrics.Info;
import io.prometheus.metrics.expositionformats.PrometheusTextFormatWriter;
import io.prometheus.metrics.instrumentation.jvm.JvmMetrics;
import io.prometheus.metrics.model.registry.PrometheusRegistry;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.List;
import java.util.function.IntSupplier;

/** What the service counts, in Prometheus' text form; {@code docs/serving.md} lists it. Labels take few values, whatever is asked. */
final class ServeMetrics {
  private static final double SECOND = 1e9;

  private final PrometheusRegistry registry = new PrometheusRegistry();
  private final PrometheusTextFormatWriter writer = PrometheusTextFormatWriter.create();
  private final Counter requests = Counter.builder().name("tppo_http_requests_total").labelNames("endpoint", "status")
      .help("Requests answered.").register(registry);
  private final Histogram durations = Histogram.builder().name("tppo_http_request_duration_seconds").labelNames("endpoint").classicOnly()
      .help("Time from a request's first byte to the end of its answer.").register(registry);
  private final Counter histories = Counter.builder().name("tppo_suggest_histories_total").help("Histories answered.").register(registry);
  private final Counter tokens = Counter.builder().name("tppo_suggest_tokens_total").help("Tokens generated.").register(registry);
  private final Histogram batchRequests = Histogram.builder().name("tppo_suggest_batch_requests").classicOnly()
      .classicUpperBounds(1, 2, 4, 8, 16, 32, 64, 128).help("Requests that were generated together.").register(registry);
  private final Histogram generation = Histogram.builder().name("tppo_suggest_generation_duration_seconds").classicOnly()
      .help("Time to generate and rate a batch.").register(registry);

  /** Begins to count. */
  ServeMetrics(String version, IntSupplier inWork, IntSupplier ready) {
    gauge("tppo_http_requests_in_work", "Requests that are being read, wait or are answered.", inWork);
    gauge("tppo_ready", "1 when the model is loaded and requests are taken, else 0.", ready);
    Info.builder().name("tppo_build_info").labelNames("version").help("The program.").register(registry).addLabelValues(version);
    JvmMetrics.builder().register(registry);
  }

  /** Shows how many requests wait. */
  void queue(IntSupplier size) {
    gauge("tppo_suggest_queue_requests", "Requests that wait to be generated.", size);
  }

  private void gauge(String name, String help, IntSupplier value) {
    GaugeWithCallback.builder().name(name).help(help).callback(c -> c.call(value.getAsInt())).register(registry);
  }

  /** Counts an answered request. */
  void request(String endpoint, int status, long nanos) {
    requests.labelValues(endpoint, Integer.toString(status)).inc();
    durations.labelValues(endpoint).observe(nanos / SECOND);
  }

  /** Counts a batch. */
  void batch(int jobs, List<Suggestion> suggestions, long nanos) {
    batchRequests.observe(jobs);
    generation.observe(nanos / SECOND);
    histories.inc(suggestions.size());
    tokens.inc(suggestions.stream().mapToInt(Suggestion::tokens).sum());
  }

  String contentType() {
    return writer.getContentType();
  }

  byte[] text() throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    writer.write(out, registry.scrape());
    return out.toByteArray();
  }
}
