// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.serve;

import io.github.tppo.suggest.Ask;
import io.github.tppo.suggest.SuggestOptions;
import io.github.tppo.suggest.Suggestion;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.function.BiFunction;

/**
 * Answers requests in batches: while one batch is generated the next gathers, so that a batch is as large as the load makes it and no
 * request waits for others to come. Requests of a batch with equal options are generated together; no answer depends on which are.
 *
 * <p>One thread of its own suggests. {@link #submit} is for any thread.
 */
final class Batcher {
  private final BiFunction<List<Ask>, SuggestOptions, List<Suggestion>> suggest;
  private final BlockingQueue<Job> queue;
  private final int maxConcurrent;
  private final ServeMetrics metrics;
  private final Thread thread = new Thread(this::run, "tppo-batcher");
  private volatile boolean closed;

  private record Job(SuggestRequest request, CompletableFuture<List<Suggestion>> answer) {}

  /** @param suggest one suggestion for each ask, in their order */
  Batcher(BiFunction<List<Ask>, SuggestOptions, List<Suggestion>> suggest, ServeLimits limits, ServeMetrics metrics) {
    this.suggest = suggest;
    this.queue = new ArrayBlockingQueue<>(limits.maxQueue());
    this.maxConcurrent = limits.maxConcurrent();
    this.metrics = metrics;
    metrics.queue(queue::size);
    thread.setDaemon(true);
    thread.start();
  }

  /**
   * Takes a request on.
   *
   * @return its suggestions, in the order of its histories; cancelled, the request is left out if it is not in work yet
   * @throws RequestError when too many requests wait
   */
  CompletableFuture<List<Suggestion>> submit(SuggestRequest request) throws RequestError {
    Job job = new Job(request, new CompletableFuture<>());
    if (!queue.offer(job)) {
      throw RequestError.unavailable("too many requests, " + queue.size() + " are waiting; try again later");
    }
    return job.answer;
  }

  private void run() {
    List<Job> batch = new ArrayList<>();
    while (!closed) {
      batch.clear();
      try {
        batch.add(queue.take());
      } catch (InterruptedException e) {
        continue; // closed
      }
      queue.drainTo(batch, maxConcurrent - 1);
      batch.removeIf(job -> job.answer.isDone());
      Map<SuggestOptions, List<Job>> groups = new LinkedHashMap<>();
      batch.forEach(job -> groups.computeIfAbsent(job.request.options(), o -> new ArrayList<>()).add(job));
      groups.forEach(this::answer);
    }
  }

  private void answer(SuggestOptions options, List<Job> jobs) {
    List<Ask> asks = jobs.stream().flatMap(job -> job.request.asks().stream()).toList();
    List<Suggestion> suggestions;
    try {
      long start = System.nanoTime();
      suggestions = suggest.apply(asks, options);
      metrics.batch(jobs.size(), suggestions, System.nanoTime() - start);
    } catch (Throwable e) {
      // Whatever it is, the service goes on, and only those whose own request fails are told so.
      if (jobs.size() == 1) {
        jobs.get(0).answer.completeExceptionally(e);
      } else {
        jobs.forEach(job -> answer(options, List.of(job)));
      }
      return;
    }
    int from = 0;
    for (Job job : jobs) {
      int to = from + job.request.asks().size();
      job.answer.complete(suggestions.subList(from, to));
      from = to;
    }
  }

  /**
   * Takes nothing more into work; requests that wait are not answered.
   *
   * @return whether the batch in work ended in time, so that the models can be closed
   */
  boolean stop(Duration patience) {
    closed = true;
    thread.interrupt();
    try {
      thread.join(Math.max(1, patience.toMillis()));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    return !thread.isAlive();
  }
}
