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
 * them in. At any time a bounded number of tasks is on its way, which take a bounded share of the heap by what they say
 * (or it is one task that takes more). {@link #close()} ends the threads.
 */
final class OrderedTasks implements AutoCloseable {
  /** More threads than this wait for the one that unpacks the log. */
  private static final int MAX_THREADS = 16;
  /** Heap to leave for each thread's tasks. */
  private static final long HEAP_PER_THREAD = 16L << 20;
  /** Tasks on their way, with their results, take at most the heap divided by this. */
  private static final int HEAP_SHARE = 8;

  /** Takes a result. */
  interface Taker<T> {
    void take(T result) throws IOException;
  }

  private record Pending<T>(long heap, Future<T> result, Taker<T> taker) {
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
  private final long mostHeap;
  private final Queue<Pending<?>> pending = new ArrayDeque<>();
  private long heap;

  /** Makes {@code wanted} threads, 0 for one a processor; fewer where the heap is small. */
  OrderedTasks(int wanted) {
    Runtime machine = Runtime.getRuntime();
    long n = Math.min(wanted == 0 ? machine.availableProcessors() : wanted, machine.maxMemory() / HEAP_PER_THREAD);
    int count = (int) Math.max(1, Math.min(n, MAX_THREADS));
    most = 2 * count + 1;
    mostHeap = machine.maxMemory() / HEAP_SHARE;
    threads = Executors.newFixedThreadPool(count, task -> {
      Thread thread = new Thread(task, "prepare");
      thread.setDaemon(true);
      return thread;
    });
  }

  /**
   * Hands in a task; first waits for, and takes, the results of earlier ones while there are too many beside it.
   *
   * @param bytes heap that the task and its result take, roughly
   */
  <T> void add(long bytes, Callable<T> task, Taker<T> taker) throws IOException {
    while (pending.size() >= most || (!pending.isEmpty() && heap + bytes > mostHeap)) {
      takeFirst();
    }
    pending.add(new Pending<>(bytes, threads.submit(task), taker));
    heap += bytes;
  }

  private void takeFirst() throws IOException {
    Pending<?> first = pending.remove();
    first.take();
    heap -= first.heap;
  }

  /** Waits for all tasks and takes their results. */
  void finish() throws IOException {
    while (!pending.isEmpty()) {
      takeFirst();
    }
  }

  /** Ends the threads; results that were not taken are lost. */
  @Override
  public void close() {
    threads.shutdownNow();
  }
}
