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
      tasks.add(() -> {
        second.await(); // the first ends last
        return 0;
      }, n -> {
        assertSame(caller, Thread.currentThread());
        taken.add(n);
      });
      tasks.add(() -> {
        second.countDown();
        return 1;
      }, taken::add);
      for (int i = 2; i < 100; i++) {
        int n = i;
        tasks.add(() -> n, taken::add);
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
        tasks.add(begun::incrementAndGet, n -> taken[0]++);
        most[0] = Math.max(most[0], begun.get() - taken[0]);
      }
      tasks.finish();
    }
    assertEquals(500, taken[0]);
    assertTrue(most[0] <= 8, most[0] + " on their way");
  }

  @Test
  void theFirstFaultIsThrownAsItIs() throws IOException {
    List<Integer> taken = new ArrayList<>();
    DataException fault = new DataException("the file is bad");
    try (OrderedTasks tasks = new OrderedTasks(2)) {
      tasks.add(() -> 1, taken::add);
      tasks.add(() -> {
        throw fault;
      }, n -> taken.add(2));
      tasks.add(() -> {
        throw new IllegalStateException("later");
      }, n -> taken.add(3));
      assertSame(fault, assertThrows(DataException.class, tasks::finish));
    }
    assertEquals(List.of(1), taken);
  }
}
