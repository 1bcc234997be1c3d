// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.judge;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class InOrderTest {

  private static final List<Integer> QUESTIONS = IntStream.range(0, 200).boxed().toList();

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 3, 16})
  void answersComeInTheOrderOfTheQuestions(int threads) throws IOException {
    List<Integer> answers = new ArrayList<>();
    InOrder.forEach(QUESTIONS.iterator(), threads, q -> {
      if (threads > 0 && q % 7 == 0) {
        pause(2);
      }
      return -q;
    }, answers::add, () -> { });
    assertEquals(QUESTIONS.stream().map(q -> -q).toList(), answers);
  }

  @Test
  void asManyAreUnderWayAsAllowedAndNoMore() throws IOException {
    AtomicInteger now = new AtomicInteger();
    AtomicInteger most = new AtomicInteger();
    CountDownLatch four = new CountDownLatch(4);
    InOrder.forEach(QUESTIONS.iterator(), 4, q -> {
      most.accumulateAndGet(now.incrementAndGet(), Math::max);
      four.countDown();
      await(four);
      return now.decrementAndGet();
    }, a -> { }, () -> { });
    assertEquals(4, most.get());
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 2})
  void aFailureEndsTheWorkAfterTheAnswersBeforeIt(int threads) {
    List<Integer> answers = new ArrayList<>();
    IOException e = assertThrows(IOException.class, () -> InOrder.forEach(QUESTIONS.iterator(), threads, q -> {
      if (q == 5) {
        throw new IOException("five");
      }
      return q;
    }, answers::add, () -> { }));
    assertEquals("five", e.getMessage());
    assertEquals(List.of(0, 1, 2, 3, 4), answers);
    assertThrows(IllegalStateException.class, () -> InOrder.forEach(QUESTIONS.iterator(), threads, q -> {
      throw new IllegalStateException();
    }, a -> { }, () -> { }));
  }

  @Test
  void stoppingDoesNotWaitForAnAnswer() {
    CountDownLatch never = new CountDownLatch(1);
    AtomicInteger interrupted = new AtomicInteger();
    AtomicInteger checks = new AtomicInteger();
    long start = System.nanoTime();
    assertThrows(IllegalStateException.class, () -> InOrder.forEach(QUESTIONS.iterator(), 3, q -> {
      if (!await(never)) {
        interrupted.incrementAndGet();
      }
      return q;
    }, a -> { }, () -> {
      if (checks.incrementAndGet() > 2) {
        throw new IllegalStateException("stop");
      }
    }));
    assertTrue(System.nanoTime() - start < 5_000_000_000L);
    assertEquals(3, interrupted.get());
  }

  private static boolean await(CountDownLatch latch) {
    try {
      latch.await();
      return true;
    } catch (InterruptedException e) {
      return false;
    }
  }

  private static void pause(long ms) {
    try {
      Thread.sleep(ms);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
