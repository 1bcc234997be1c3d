// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class OrderedTasksTest {
  @Test
  void resultsComeInTheOrderOfTheTasks() throws IOException {
    List<Integer> taken = new ArrayList<>();
    Thread caller = Thread.currentThread();
    CountDownLatch second = new CountDownLatch(1);
    try (OrderedTasks tasks = new OrderedTasks(2)) {
      tasks.add(0, () -> {
        second.await(); // the first ends last
        return 0;
      }, n -> {
        assertSame(caller, Thread.currentThread());
        taken.add(n);
      });
      tasks.add(0, () -> {
        second.countDown();
        return 1;
      }, taken::add);
      for (int i = 2; i < 100; i++) {
        int n = i;
        tasks.add(0, () -> n, taken::add);
      }
      tasks.finish();
    }
    assertEquals(IntStream.range(0, 100).boxed().toList(), taken);
  }

  /** Results that nobody takes hold the tasks up, so that they cannot fill the memory. */
  @Test
  void fewTasksAreOnTheirWay() throws IOException {
    AtomicInteger begun = new AtomicInteger();
    int[] taken = new int[1];
    int[] most = new int[1];
    try (OrderedTasks tasks = new OrderedTasks(3)) {
      for (int i = 0; i < 500; i++) {
        tasks.add(0, begun::incrementAndGet, n -> taken[0]++);
        most[0] = Math.max(most[0], begun.get() - taken[0]);
      }
      tasks.finish();
    }
    assertEquals(500, taken[0]);
    assertTrue(most[0] <= 8, most[0] + " on their way");
  }

  /** Of tasks that take much of the heap fewer are on their way, of those that take more than their share one alone. */
  @Test
  void tasksOnTheirWayTakeAShareOfTheHeap() throws IOException {
    long share = Runtime.getRuntime().maxMemory() / 8;
    assertEquals(7, mostOnTheirWay(1));
    assertEquals(2, mostOnTheirWay(share / 2 - 1));
    assertEquals(1, mostOnTheirWay(share / 2 + 1));
    assertEquals(1, mostOnTheirWay(10 * share));
  }

  /** The most of 50 equal tasks whose results were not taken at a time. */
  private static int mostOnTheirWay(long bytes) throws IOException {
    int[] taken = new int[1];
    int most = 0;
    try (OrderedTasks tasks = new OrderedTasks(3)) {
      for (int i = 1; i <= 50; i++) {
        tasks.add(bytes, () -> null, nothing -> taken[0]++);
        most = Math.max(most, i - taken[0]);
      }
      tasks.finish();
    }
    assertEquals(50, taken[0]);
    return most;
  }

  @Test
  void theFirstFaultIsThrownAsItIs() throws IOException {
    List<Integer> taken = new ArrayList<>();
    DataException fault = new DataException("the file is bad");
    try (OrderedTasks tasks = new OrderedTasks(2)) {
      tasks.add(0, () -> 1, taken::add);
      tasks.add(0, () -> {
        throw fault;
      }, n -> taken.add(2));
      tasks.add(0, () -> {
        throw new IllegalStateException("later");
      }, n -> taken.add(3));
      assertSame(fault, assertThrows(DataException.class, tasks::finish));
    }
    assertEquals(List.of(1), taken);
  }
}
