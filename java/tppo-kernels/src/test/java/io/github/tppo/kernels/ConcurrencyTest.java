// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Every operation from several threads at once: the bits of a call alone, whatever the threads inside the kernels, and no call waits for ever. */
@Timeout(120)
class ConcurrencyTest {

  private static final int CALLERS = 4;
  private static final int REPEATS = Boolean.getBoolean("tppo.long") ? 60 : 3;

  private final ExecutorService callers = Executors.newFixedThreadPool(CALLERS + 1);

  @AfterEach
  void putBack() {
    callers.shutdownNow();
    Kernels.setThreads(0);
  }

  /** Results of the operations that {@link PoisonTest} has not, each of arrays of this call alone. */
  private static void theRest(DecoderWeights model, DecoderCache cache, int slot, List<Object> results) {
    float[] numbers = new float[40_000];
    for (int i = 0; i < numbers.length; i++) {
      numbers[i] = (float) Math.sin(i * 0.7);
    }
    NativeArray[] a = IntStream.range(0, 4).mapToObj(i -> NativeArray.ofFloats(numbers)).toArray(NativeArray[]::new);
    results.add(Kernels.dpoLoss(a[0], a[1].slice(0, numbers.length), a[2], a[3], DpoLossOptions.defaults(), DpoLossOutputs.none()));
    results.add(Kernels.globalNorm(List.of(a[0], a[1]), 1));
    results.add(Kernels.clipGradNorm(List.of(a[0], a[1]), 1));
    Kernels.scale(a[2], 0.3);
    NativeArray moment = NativeArray.allocate(DType.F32, numbers.length);
    NativeArray square = NativeArray.allocate(DType.F32, numbers.length);
    Kernels.adamW(a[2], a[0], moment, square, 1, 0.5, AdamWOptions.defaults());
    for (NativeArray array : List.of(a[0], a[2], moment, square)) {
      results.add(array.toFloats());
    }
    results.add(Kernels.suggestedLength(new int[] {3, 9, 4, 4}, 2));
    NativeArray logits = NativeArray.ofFloats(generate(model, cache, slot));
    NativeArray uniforms = NativeArray.allocate(DType.F64, 3);
    uniforms.buffer().asDoubleBuffer().put(new double[] {0.1, 0.5, 0.99});
    NativeArray ids = NativeArray.allocate(DType.I32, 3);
    NativeArray logprobs = NativeArray.allocate(DType.F32, 3);
    results.add(Kernels.sampleTokens(logits, 3, DecoderTest.VOCAB, SampleTokensOptions.defaults().withTopK(9), uniforms, ids, logprobs));
    results.add(logits.toFloats());
    results.add(logprobs.toFloats());
    results.add(List.of(ids.toInts()[0], ids.toInts()[1], ids.toInts()[2]));
  }

  /** Logits of three tokens in one slot of a cache that other threads use as well. */
  private static float[] generate(DecoderWeights model, DecoderCache cache, int slot) {
    DecoderRows rows = new DecoderRows(3);
    for (int t = 0; t < 3; t++) {
      rows.add(5 + t, slot, t, true);
    }
    NativeArray logits = NativeArray.allocate(DType.F32, 3L * DecoderTest.VOCAB);
    Kernels.decoderForward(model, cache, rows, logits, null);
    return logits.toFloats();
  }

  private static List<Object> everything(DecoderWeights model, DecoderCache cache, int slot) {
    List<Object> results = new PoisonTest().everything(0, 0);
    theRest(model, cache, slot, results);
    return results;
  }

  private static void await(List<Future<Void>> running) throws InterruptedException, ExecutionException {
    for (Future<Void> each : running) {
      each.get();
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3})
  void callersAtOnceGetTheBitsOfACallAlone(int threads) throws Exception {
    DecoderWeights model = new DecoderTest().model();
    try (DecoderCache cache = new DecoderCache(DecoderTest.SHAPE, CALLERS, 4)) {
      Kernels.setThreads(threads);
      List<Object> alone = everything(model, cache, 0);
      List<Callable<Void>> tasks = new ArrayList<>();
      for (int caller = 0; caller < CALLERS; caller++) {
        int slot = caller;
        tasks.add(() -> {
          for (int repeat = 0; repeat < REPEATS; repeat++) {
            PoisonTest.assertSameBits(alone, everything(model, cache, slot));
          }
          return null;
        });
      }
      await(callers.invokeAll(tasks));
    }
  }

  /** The number of threads belongs to the process: a call takes the one that it finds. */
  @Test
  void theNumberOfThreadsMayChangeWhileCallsRun() throws Exception {
    DecoderWeights model = new DecoderTest().model();
    try (DecoderCache cache = new DecoderCache(DecoderTest.SHAPE, CALLERS, 4)) {
      List<Object> alone = everything(model, cache, 0);
      AtomicBoolean done = new AtomicBoolean();
      Future<Void> changes = callers.submit(() -> {
        for (int i = 0; !done.get(); i++) {
          Kernels.setThreads(i % 5);
          Thread.sleep(1);
        }
        return null;
      });
      List<Callable<Void>> tasks = new ArrayList<>();
      for (int caller = 0; caller < 2; caller++) {
        int slot = caller;
        tasks.add(() -> {
          for (int repeat = 0; repeat < REPEATS; repeat++) {
            PoisonTest.assertSameBits(alone, everything(model, cache, slot));
          }
          return null;
        });
      }
      try {
        await(callers.invokeAll(tasks));
      } finally {
        done.set(true);
      }
      changes.get();
    }
  }
}
