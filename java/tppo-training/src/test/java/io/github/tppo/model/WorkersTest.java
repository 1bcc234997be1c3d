// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.tppo.kernels.Kernels;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;

@SuppressWarnings("try") // scopes are opened for what their closing frees
class WorkersTest {

  @Test
  void allTasksRunAndTheFirstFailureIsThrownAfterTheLast() {
    Workers.setCount(3);
    AtomicInteger done = new AtomicInteger();
    List<Runnable> tasks = new ArrayList<>();
    for (int i = 0; i < 20; i++) {
      int number = i;
      tasks.add(() -> {
        done.incrementAndGet();
        if (number == 4 || number == 9) {
          throw new IllegalStateException("task " + number);
        }
      });
    }
    assertEquals("task 4", assertThrows(IllegalStateException.class, () -> Workers.run(tasks)).getMessage());
    assertEquals(20, done.get());
  }

  /** Threads inside kernels would only add to those of the tasks; a run inside another one does not put them back early. */
  @Test
  void kernelsHaveOneThreadWhileTasksRunSideBySide() {
    Workers.setCount(2);
    Kernels.setThreads(3);
    try {
      Runnable task = () -> assertEquals(1, Kernels.threads());
      Workers.run(List.of(() -> {
        Workers.run(List.of(task, task));
        task.run();
      }, task));
      assertEquals(3, Kernels.threads());
      assertThrows(IllegalStateException.class, () -> Workers.run(List.of(task, () -> {
        throw new IllegalStateException();
      })));
      assertEquals(3, Kernels.threads(), "a failure puts them back, too");
    } finally {
      Kernels.setThreads(0);
    }
  }

  /** What is set while tasks run is what holds afterwards; the tasks keep their one thread. */
  @Test
  void threadsThatAreSetMeanwhileHoldAfterwards() {
    Workers.setThreads(2);
    try {
      Runnable set = () -> {
        Workers.setThreads(5);
        assertEquals(1, Kernels.threads());
      };
      Workers.run(List.of(set, set));
      assertEquals(5, Kernels.threads());
      assertEquals(5, Workers.count());
      Workers.run(List.of(() -> Kernels.setThreads(4), () -> { }));
      assertEquals(4, Kernels.threads());
    } finally {
      Workers.setThreads(0);
    }
  }

  /** Two halves of a batch on two replicas side by side give the gradient of the batch, with the same bits at each run. */
  @Test
  void replicasTrainSideBySide() {
    Workers.setCount(2);
    int[] ids = {3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14};
    float[] gradient = new float[12 * 16];
    Philox.normals(1, 1, gradient);
    try (Decoder decoder = Decoder.create(Fixtures.tiny(), 5); Decoder second = decoder.replica()) {
      List<float[]> runs = new ArrayList<>();
      for (int run = 0; run < 3; run++) {
        Workers.run(List.of(() -> backward(decoder, ids, gradient, 0), () -> backward(second, ids, gradient, 1)));
        Autograd.moveGradients(second.parameters(), decoder.parameters());
        runs.add(gradients(decoder));
        Autograd.zeroGradients(decoder.parameters().values());
      }
      assertArrayEquals(runs.get(0), runs.get(1));
      assertArrayEquals(runs.get(0), runs.get(2));
      try (Scope scope = Scope.withGrad()) {
        Autograd.backward(decoder.hidden(Tensors.ids(ids, 2, 6), null), Tensors.of(gradient, 2, 6, 16));
      }
      assertArrayEquals(gradients(decoder), runs.get(0), 1e-4f);
      try (Scope scope = Scope.noGrad()) {
        decoder.outputWeight().mul_(new Scalar(2));
        assertArrayEquals(Tensors.toFloats(decoder.outputWeight()), Tensors.toFloats(second.outputWeight()), "weights are shared");
      }
    }
  }

  private static void backward(Decoder decoder, int[] ids, float[] gradient, int half) {
    try (Scope scope = Scope.withGrad()) {
      int[] part = Arrays.copyOfRange(ids, half * 6, half * 6 + 6);
      float[] partGradient = Arrays.copyOfRange(gradient, half * 96, half * 96 + 96);
      Autograd.backward(decoder.hidden(Tensors.ids(part, 1, 6), null), Tensors.of(partGradient, 1, 6, 16));
    }
  }

  private static float[] gradients(Decoder decoder) {
    try (Scope scope = Scope.noGrad()) {
      int size = decoder.parameters().values().stream().mapToInt(p -> (int) p.numel()).sum();
      float[] all = new float[size];
      int at = 0;
      for (Map.Entry<String, Tensor> p : decoder.parameters().entrySet()) {
        float[] values = Tensors.toFloats(p.getValue().grad());
        System.arraycopy(values, 0, all, at, values.length);
        at += values.length;
      }
      return all;
    }
  }
}
