// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.judge;

import io.github.tppo.run.Check;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.ArrayDeque;
import java.util.Iterator;
import java.util.Objects;
import java.util.Queue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** Has questions answered many at a time and hands the answers over in the order of the questions, whichever is ready first. */
public final class InOrder {

  /** Answers a question; called by several threads. */
  @FunctionalInterface
  public interface Task<A, B> {
    /** Answers. */
    B run(A question) throws IOException;
  }

  /** Takes an answer; called by the caller's thread. */
  @FunctionalInterface
  public interface Taker<B> {
    /** Takes. */
    void take(B answer) throws IOException;
  }

  /** Answered ahead of the one that is waited for, for every thread. */
  private static final int AHEAD = 8;

  private static final int MOST_THREADS = 1024;

  private InOrder() {
  }

  /**
   * Goes through all questions.
   *
   * @param questions read by the caller's thread, only so far ahead as the threads need
   * @param threads   how many answer, as {@link Judge#concurrency}; 0 for the caller's thread alone, else up to 1024
   * @param checkStop called again and again, also while an answer is waited for; ends the work by an exception
   * @throws IOException what a task or the taker threw. What is under way is interrupted, and no thread is left behind
   */
  public static <A, B> void forEach(Iterator<A> questions, int threads, Task<A, B> task, Taker<B> taker, Runnable checkStop)
    throws IOException {
    Check.range("threads", threads, 0, MOST_THREADS);
    Objects.requireNonNull(task, "task");
    Objects.requireNonNull(taker, "taker");
    Objects.requireNonNull(checkStop, "checkStop");
    if (threads == 0) {
      while (questions.hasNext()) {
        checkStop.run();
        taker.take(task.run(questions.next()));
      }
      return;
    }
    ExecutorService pool = Executors.newFixedThreadPool(threads, work -> {
      Thread thread = new Thread(work, "judge");
      thread.setDaemon(true);
      return thread;
    });
    try {
      Queue<Future<B>> window = new ArrayDeque<>();
      while (questions.hasNext() || !window.isEmpty()) {
        while (questions.hasNext() && window.size() < threads * AHEAD) {
          A question = questions.next();
          window.add(pool.submit(() -> task.run(question)));
        }
        taker.take(await(window.remove(), checkStop));
      }
    } finally {
      pool.shutdownNow();
      awaitEnd(pool);
    }
  }

  private static <B> B await(Future<B> answer, Runnable checkStop) throws IOException {
    while (true) {
      checkStop.run();
      try {
        return answer.get(100, TimeUnit.MILLISECONDS);
      } catch (TimeoutException e) {
        continue;
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new InterruptedIOException("interrupted while waiting for the judge");
      } catch (ExecutionException e) {
        if (e.getCause() instanceof IOException failure) {
          throw failure;
        }
        if (e.getCause() instanceof RuntimeException failure) {
          throw failure;
        }
        throw (Error) e.getCause();
      }
    }
  }

  private static void awaitEnd(ExecutorService pool) {
    try {
      pool.awaitTermination(1, TimeUnit.MINUTES);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
