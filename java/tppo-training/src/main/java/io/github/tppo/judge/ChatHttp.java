// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.judge;

import io.github.resilience4j.core.IntervalFunction;
import io.github.resilience4j.core.functions.Either;
import io.github.resilience4j.ratelimiter.RateLimiter;
import io.github.resilience4j.ratelimiter.RateLimiterConfig;
import io.github.resilience4j.retry.Retry;
import io.github.resilience4j.retry.RetryConfig;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpTimeoutException;
import java.time.Duration;
import java.time.Instant;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeParseException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Posts JSON to one address: not faster than allowed, and again after a passing failure (a time-out, a lost connection, 408,
 * 409, 429, 5xx). Waits grow from half a second to half a minute, with jitter, and are as long as {@code Retry-After} says if
 * that is longer. Redirects are not followed, so that the key goes nowhere else. Safe for several threads.
 */
final class ChatHttp {

  /** An answer is not read beyond this many bytes. */
  static final int MAX_BYTES = 1 << 20;

  /** How long the wait before the first retry is on average. */
  static final Duration FIRST_WAIT = Duration.ofMillis(500);

  private static final Duration CONNECT = Duration.ofSeconds(15);
  private static final Duration LONGEST_WAIT = Duration.ofSeconds(30);
  /** A server that asks for a longer rest than this is asked again sooner, as often as retries allow. */
  private static final long MAX_RETRY_AFTER_MS = 600_000;

  private final HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1)
    .followRedirects(HttpClient.Redirect.NEVER).connectTimeout(CONNECT).build();
  private final URI address;
  private final ApiKey key;
  private final long timeoutMs;
  private final RateLimiter limiter;
  private final Retry retry;
  private final AtomicLong requests = new AtomicLong();
  private final AtomicLong retries = new AtomicLong();

  /**
   * @param address   where to post to
   * @param key       goes into the header {@code Authorization}
   * @param config    rate limit, time-out and retries
   * @param firstWait how long the wait before the first retry is on average
   */
  ChatHttp(URI address, ApiKey key, ChatConfig config, Duration firstWait) {
    this.address = address;
    this.key = key;
    timeoutMs = Math.max(1, Math.round(config.timeoutS() * 1000));
    limiter = config.requestsPerMinute() == 0 ? null : RateLimiter.of("judge", RateLimiterConfig.custom()
      .limitForPeriod(1).limitRefreshPeriod(Duration.ofNanos(60_000_000_000L / config.requestsPerMinute()))
      .timeoutDuration(Duration.ofDays(1)).build());
    IntervalFunction backOff = IntervalFunction.ofExponentialRandomBackoff(firstWait, 2, 0.5, LONGEST_WAIT);
    retry = Retry.of("judge", RetryConfig.<HttpResponse<String>>custom().maxAttempts(config.maxRetries() + 1)
      .retryOnResult(response -> isPassing(response.statusCode()))
      .retryOnException(e -> e instanceof IOException && !(e instanceof BoundedBody.TooLongException)
        && !(e instanceof InterruptedIOException))
      .intervalBiFunction((attempt, outcome) -> Math.max(backOff.apply(attempt), retryAfter(outcome))).build());
  }

  /** Whether a status may be another one in a while. */
  private static boolean isPassing(int status) {
    return status == 408 || status == 409 || status == 429 || status >= 500;
  }

  /**
   * Posts and waits for the whole answer, whatever its status.
   *
   * @throws BoundedBody.TooLongException when the answer is too long
   * @throws InterruptedIOException       when this thread is interrupted
   * @throws IOException                  when no answer came, in the last of all tries
   */
  HttpResponse<String> post(String json) throws IOException {
    HttpRequest.Builder request = HttpRequest.newBuilder(address).header("Content-Type", "application/json")
      .header("Accept", "application/json").POST(HttpRequest.BodyPublishers.ofString(json));
    if (key.header() != null) {
      request.header("Authorization", key.header());
    }
    int[] sent = new int[1];
    try {
      return retry.executeCallable(() -> send(request.build(), sent[0]++ > 0));
    } catch (IOException | RuntimeException e) {
      if (Thread.interrupted()) {
        throw interrupted();
      }
      throw e;
    } catch (Exception e) {
      throw new IllegalStateException("sending throws an IOException or none", e);
    }
  }

  private HttpResponse<String> send(HttpRequest request, boolean again) throws IOException {
    if (limiter != null && !limiter.acquirePermission()) {
      throw interrupted();
    }
    requests.incrementAndGet();
    retries.addAndGet(again ? 1 : 0);
    CompletableFuture<HttpResponse<String>> answer = client.sendAsync(request, info -> new BoundedBody(MAX_BYTES));
    try {
      return answer.get(timeoutMs, TimeUnit.MILLISECONDS);
    } catch (TimeoutException e) {
      throw new HttpTimeoutException("no whole answer within " + timeoutMs / 1000.0 + " s");
    } catch (ExecutionException e) {
      if (e.getCause() instanceof IOException failure) {
        throw failure;
      }
      throw new IOException(e.getCause());
    } catch (InterruptedException e) {
      throw interrupted();
    } finally {
      answer.cancel(true);
    }
  }

  private static InterruptedIOException interrupted() {
    return new InterruptedIOException("interrupted while waiting for the judge");
  }

  /** What the server asks to wait, in milliseconds, with up to a tenth on top, so that not all come back at once; 0 if nothing. */
  private static long retryAfter(Either<Throwable, HttpResponse<String>> outcome) {
    String value = outcome.isLeft() ? "" : outcome.get().headers().firstValue("Retry-After").orElse("").strip();
    long ms;
    if (value.matches("\\d{1,9}(\\.\\d{1,9})?")) {
      ms = Math.round(1000 * Double.parseDouble(value));
    } else {
      try {
        Instant until = ZonedDateTime.parse(value, DateTimeFormatter.RFC_1123_DATE_TIME).toInstant();
        ms = Duration.between(Instant.now(), until).toMillis();
      } catch (DateTimeParseException e) {
        return 0;
      }
    }
    long wait = Math.max(0, Math.min(MAX_RETRY_AFTER_MS, ms));
    return wait + ThreadLocalRandom.current().nextLong(wait / 10 + 1);
  }

  /** Requests sent, retries included. */
  long requests() {
    return requests.get();
  }

  /** Requests sent again. */
  long retries() {
    return retries.get();
  }
}
