// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import io.github.tppo.kernels.Kernels;
import io.github.tppo.run.Check;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import org.bytedeco.pytorch.GradMode;
import org.bytedeco.pytorch.global.torch;

/**
 * Runs parts of a batch side by side, each on one thread with operations that are not split further. For models whose operations
 * take well below a millisecond this scales where threads inside an operation do not: those meet at a barrier after every
 * operation, and two thread pools (OpenMP's and OpenBLAS's) spin against each other there. Meanwhile the kernels have one thread, too.
 *
 * <p>Which task runs on which thread is not fixed; what must not depend on it belongs to the task.
 *
 * <p>Thread safe: several threads may be in {@link #run} at once, also inside tasks, and numbers of threads may be set at any time. What is set
 * while tasks run holds for later runs and, in the kernels, once no tasks run.
 */
public final class Workers {

  private static final AtomicInteger NAMES = new AtomicInteger();
  private static final ExecutorService THREADS = Executors.newCachedThreadPool(task -> {
    Thread thread = new Thread(() -> {
      torch.set_num_threads(1);
      task.run();
    }, "tppo-model-" + NAMES.incrementAndGet());
    thread.setDaemon(true);
    return thread;
  });

  /** As the kernels' own bound. */
  static final int MOST_THREADS = 1024;

  private static volatile int count = Runtime.getRuntime().availableProcessors();
  /** Calls of {@link #run} that share the processors now, and the threads that there are inside operations without them. */
  private static int inside;
  private static int blasThreads;
  private static int kernelThreads;

  private Workers() {
  }

  /**
   * Sets how many tasks run at a time, for the whole process; the default is the number of processors.
   *
   * @param workers 1 to 1024
   */
  public static void setCount(int workers) {
    Check.range("workers", workers, 1, MOST_THREADS);
    count = workers;
  }

  /**
   * Sets with how many threads the whole process computes: so many tasks at a time, each on one thread inside libtorch and the kernels,
   * and so many in the kernels while no tasks run. Results do not depend on it.
   *
   * @param threads up to 1024; 0 = one for each processor
   */
  public static synchronized void setThreads(int threads) {
    Check.range("threads", threads, 0, MOST_THREADS);
    int used = threads > 0 ? threads : Runtime.getRuntime().availableProcessors();
    setCount(used);
    Tensors.setThreads(1);
    if (inside > 0) {
      kernelThreads = used; // tasks keep their one thread each
    } else {
      Kernels.setThreads(used);
    }
  }

  /** Returns how many tasks run at a time. */
  public static int count() {
    return count;
  }

  /**
   * Runs all tasks, at most {@link #count} at a time, and returns when all are done. Tasks inherit the caller's autograd mode.
   *
   * @throws RuntimeException the first failure in the order of the tasks, after all have ended
   */
  public static void run(List<? extends Runnable> tasks) {
    Objects.requireNonNull(tasks, "tasks");
    tasks.forEach(task -> Objects.requireNonNull(task, "a task of tasks"));
    int threads = Math.min(count, tasks.size());
    if (threads <= 1) {
      tasks.forEach(Runnable::run);
      return;
    }
    boolean gradients = GradMode.is_enabled();
    AtomicInteger next = new AtomicInteger();
    Throwable[] failures = new Throwable[tasks.size()];
    Runnable loop = () -> {
      GradMode.set_enabled(gradients);
      for (int i = next.getAndIncrement(); i < failures.length; i = next.getAndIncrement()) {
        try {
          tasks.get(i).run();
        } catch (RuntimeException | Error e) {
          failures[i] = e;
        }
      }
    };
    enter();
    try {
      List<Future<?>> running = new ArrayList<>();
      for (int i = 0; i < threads; i++) {
        running.add(THREADS.submit(loop));
      }
      running.forEach(Workers::await);
    } finally {
      leave();
    }
    for (Throwable failure : failures) {
      if (failure instanceof Error error) {
        throw error;
      }
      if (failure != null) {
        throw (RuntimeException) failure;
      }
    }
  }

  /** From here on each task has one thread. Several threads can be in {@link #run}; the last to leave puts things back. */
  private static synchronized void enter() {
    if (inside++ == 0) {
      blasThreads = Tensors.setBlasThreads(1);
      kernelThreads = Kernels.threads();
      Kernels.setThreads(1);
    }
  }

  /** Sets the threads of BLAS calls, from the end of the running tasks on where there are any. */
  static synchronized void setBlasThreads(int threads) {
    if (inside > 0) {
      blasThreads = threads;
    } else {
      Tensors.setBlasThreads(threads);
    }
  }

  private static synchronized void leave() {
    if (--inside == 0) {
      Tensors.setBlasThreads(blasThreads);
      if (Kernels.threads() == 1) { // else somebody has set them meanwhile
        Kernels.setThreads(kernelThreads);
      }
    }
  }

  /** Waits whatever happens: the tasks use memory of the caller. */
  private static void await(Future<?> future) {
    boolean interrupted = false;
    while (true) {
      try {
        future.get();
        break;
      } catch (InterruptedException e) {
        interrupted = true;
      } catch (ExecutionException e) {
        throw new IllegalStateException(e.getCause());
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
