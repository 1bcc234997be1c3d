// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.data;

import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Queue;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * Runs tasks on several threads and takes their results in the order in which the tasks came, on the thread that hands
 * them in. A bounded number of tasks is on its way at any time. {@link #close()} ends the threads.
 */
final class OrderedTasks implements AutoCloseable {
  /** More threads than this wait for the one that unpacks the log. */
  private static final int MAX_THREADS = 16;
  /** Heap to leave for each thread's tasks. */
  private static final long HEAP_PER_THREAD = 16L << 20;

  /** Takes a result. */
  interface Taker<T> {
    void take(T result) throws IOException;
  }

  private record Pending<T>(Future<T> result, Taker<T> taker) {
    void take() throws IOException {
      try {
        taker.take(result.get());
      } catch (ExecutionException e) {
        if (e.getCause() instanceof IOException io) {
          throw io;
        }
        if (e.getCause() instanceof RuntimeException fault) {
          throw fault;
        }
        if (e.getCause() instanceof Error error) {
          throw error;
        }
        throw new IOException(e.getCause());
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new IOException("interrupted", e);
      }
    }
  }

  private final ExecutorService threads;
  private final int most;
  private final Queue<Pending<?>> pending = new ArrayDeque<>();

  /** Makes {@code wanted} threads, 0 for one a processor; fewer where the heap is small. */
  OrderedTasks(int wanted) {
    Runtime machine = Runtime.getRuntime();
    long n = Math.min(wanted == 0 ? machine.availableProcessors() : wanted, machine.maxMemory() / HEAP_PER_THREAD);
    int count = (int) Math.max(1, Math.min(n, MAX_THREADS));
    most = 2 * count + 1;
    threads = Executors.newFixedThreadPool(count, task -> {
      Thread thread = new Thread(task, "prepare");
      thread.setDaemon(true);
      return thread;
    });
  }

  /** Hands in a task; may first wait for, and take, the results of earlier ones. */
  <T> void add(Callable<T> task, Taker<T> taker) throws IOException {
    pending.add(new Pending<>(threads.submit(task), taker));
    while (pending.size() > most) {
      pending.remove().take();
    }
  }

  /** Waits for all tasks and takes their results. */
  void finish() throws IOException {
    while (!pending.isEmpty()) {
      pending.remove().take();
    }
  }

  /** Ends the threads; results that were not taken are lost. */
  @Override
  public void close() {
    threads.shutdownNow();
  }
}
