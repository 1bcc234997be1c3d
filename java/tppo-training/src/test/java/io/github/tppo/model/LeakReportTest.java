// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.tppo.ChildJvm;
import io.github.tppo.kernels.DecoderCache;
import io.github.tppo.kernels.DecoderShape;
import io.github.tppo.kernels.LeakReport;
import io.github.tppo.text.Tokenizer;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;

/** What nobody closes is named with its place, in a process that was asked for it; what is closed is not. */
@SuppressWarnings("try") // scopes are opened for what their closing frees
class LeakReportTest {

  /** Closes all that it opens, says so, and then forgets one of each kind. */
  static final class Leaky {

    static Tensor forgotten;

    public static void main(String[] args) throws Exception {
      clean();
      System.out.print("after a clean run: " + LeakReport.text());
      forgetTensor();
      for (int i = 0; i < 3; i++) {
        forgetModel();
      }
      forgetCache();
      forgetTokenizer();
      forgetScope();
    }

    private static void clean() throws Exception {
      try (Decoder decoder = Decoder.create(Fixtures.tiny(), 1); Decoder copy = decoder.copy();
          AdamW optimizer = new AdamW(decoder.parameters(), AdamWOptions.defaults()); Tokenizer tokenizer = Tokenizer.loadShipped()) {
        for (int step = 0; step < 3; step++) {
          try (Scope scope = Scope.withGrad()) {
            Tensor hidden = decoder.hidden(Tensors.ids(new int[] {3, 4, 5, 6}, 1, 4), null);
            Autograd.backward(hidden, Tensors.of(new float[4 * 16], 1, 4, 16));
            optimizer.step(1e-3);
            optimizer.zeroGrad();
          }
          new Generator(copy, 2).generate(List.of(new int[] {3, 4}), new long[1], SamplingOptions.sample(1, 5, step));
        }
        tokenizer.encode("winter tyres", true);
        try (Tensor kept = Tensors.zeros(ScalarType.Float, 5)) {
          assertEquals(5, kept.numel());
        }
      }
    }

    private static void forgetTensor() {
      System.out.println("tensor at line " + (line() + 1));
      forgotten = Tensors.of(new float[250], 10, 25);
    }

    private static void forgetModel() {
      System.out.println("model at line " + (line() + 1));
      Decoder.create(Fixtures.tiny(), 1);
    }

    private static void forgetCache() {
      System.out.println("cache at line " + (line() + 1));
      new DecoderCache(new DecoderShape(8, 8, 1, 1, 1, 2, 9, 1e-5, new double[] {1}, new int[] {0}), 3, 7);
    }

    private static void forgetTokenizer() throws Exception {
      System.out.println("tokenizer at line " + (line() + 1));
      Tokenizer.loadShipped();
    }

    private static void forgetScope() {
      System.out.println("scope at line " + (line() + 1));
      Scope.open();
    }

    private static int line() {
      return StackWalker.getInstance().walk(frames -> frames.skip(1).findFirst().orElseThrow().getLineNumber());
    }
  }

  private static void assertNamed(String output, String what, String method, String report) {
    String line = output.split(what + " at line ")[1].split("\n")[0];
    int from = output.indexOf(report);
    assertTrue(from >= 0, output);
    String next = output.substring(from + report.length()).split("tppo.leaks:")[0];
    assertTrue(next.contains("Leaky." + method + "(LeakReportTest.java:" + line + ")"), output);
  }

  @Test
  void whatNobodyClosesIsNamedWithFileAndLine() throws Exception {
    String output = ChildJvm.run(List.of("-D" + LeakReport.PROPERTY + "=true"), Leaky.class);
    assertTrue(output.contains("after a clean run: tppo.leaks: nothing is open"), output);
    assertNamed(output, "tensor", "forgetTensor", "tppo.leaks: 1 x tensor, 1000 bytes, made at\n");
    try (Decoder one = Decoder.create(Fixtures.tiny(), 1)) {
      long floats = one.parameters().values().stream().mapToLong(Tensor::numel).sum();
      assertNamed(output, "model", "forgetModel", "tppo.leaks: " + 3 * one.parameters().size() + " x tensor, " + 3 * 4 * floats
          + " bytes, made at\n");
    }
    // keys and values, cosines, sines
    assertNamed(output, "cache", "forgetCache", "tppo.leaks: 3 x decoder cache, 392 bytes, made at\n");
    assertNamed(output, "tokenizer", "forgetTokenizer", "tppo.leaks: 1 x tokenizer, 0 bytes, made at\n");
    assertNamed(output, "scope", "forgetScope", "tppo.leaks: 1 x scope, 0 bytes, made at\n");
  }

  @Test
  void nothingIsNotedWithoutBeingAskedFor() {
    assertFalse(LeakReport.ON);
    Scope scope = Scope.open();
    assertEquals(List.of(), LeakReport.open());
    scope.close();
  }
}
