// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;

/** Native memory is freed by scopes, not by the garbage collector. */
@SuppressWarnings("try") // scopes are opened for what their closing frees
class MemoryTest {

  private static final int WARM_UP = 200;
  private static final int STEPS = 500;
  /** A leak of one activation of a step, 128 KiB, would add 62 MiB; the Java heap and compiled code may move by less than half of it. */
  private static final long ALLOWED = 24L << 20;

  private static long resident() throws IOException {
    for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
      if (line.startsWith("RssAnon:")) {
        return Long.parseLong(line.replaceAll("[^0-9]", "")) * 1024;
      }
    }
    throw new IOException("/proc/self/status has no RssAnon");
  }

  @Test
  void residentMemoryIsFlatOverStepsAndGenerations() throws IOException {
    assumeTrue(Files.exists(Path.of("/proc/self/status")));
    DecoderConfig config = DecoderConfig.mistral(200, 64, 64, 1, 4, 2, 64, 0, 0, 2, 1);
    int[] ids = new int[16 * 32];
    for (int i = 0; i < ids.length; i++) {
      ids[i] = 3 + i % 190;
    }
    List<int[]> prompts = List.of(new int[] {3, 4, 5}, new int[] {6}, new int[] {7, 8});
    try (Decoder decoder = Decoder.create(config, 1); AdamW optimizer = new AdamW(decoder.parameters(), AdamWOptions.defaults())) {
      Generator generator = new Generator(decoder, 2).withBatchSize(2);
      long before = 0;
      for (int step = 0; step < WARM_UP + STEPS; step++) {
        if (step % 20 == 0) {
          // keeps the heap within pages that it has touched before
          System.gc();
        }
        if (step == WARM_UP) {
          before = resident();
        }
        long objects = Pointer.totalCount();
        try (Scope scope = Scope.open()) {
          Tensor hidden = decoder.hidden(Tensors.ids(ids, 16, 32), null);
          Autograd.backward(hidden, Tensors.of(new float[16 * 32 * 64], 16, 32, 64));
          optimizer.step(1e-3);
          optimizer.zeroGrad();
        }
        if (step % 10 == 0) {
          generator.generate(prompts, new long[3], SamplingOptions.sample(1, 10, step));
        }
        if (step >= WARM_UP) {
          assertTrue(Pointer.totalCount() <= objects, "step " + step + " leaves native objects to the garbage collector");
        }
      }
      long growth = resident() - before;
      assertTrue(growth < ALLOWED, "grew by " + growth + " bytes");
    }
  }

  @Test
  void whatIsKeptLivesInTheOuterScopeAndTheRestIsFreed() {
    Tensor kept;
    Tensor dropped;
    try (Scope outer = Scope.open()) {
      try (Scope inner = Scope.open()) {
        dropped = Tensors.of(new float[] {1}, 1);
        kept = inner.keep(dropped.add(dropped));
      }
      assertTrue(Pointer.isNull(dropped));
      assertTrue(!Pointer.isNull(kept) && Tensors.toFloats(kept)[0] == 2);
    }
    assertTrue(Pointer.isNull(kept));
  }

  @Test
  void closingTwiceIsAnError() {
    Scope scope = Scope.open();
    scope.close();
    assertThrows(IllegalStateException.class, scope::close);
    Decoder decoder = Decoder.create(Fixtures.tiny(), 1);
    decoder.close();
    assertThrows(IllegalStateException.class, decoder::close);
  }
}
