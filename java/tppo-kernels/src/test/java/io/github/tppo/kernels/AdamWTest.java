// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

import static io.github.tppo.kernels.Close.FLOAT32;
import static io.github.tppo.kernels.Close.assertClose;
import static io.github.tppo.kernels.Close.assertScalar;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class AdamWTest {

  private static final int TENSORS = 3;

  private final Fixture fixture = Fixture.open("adamw");

  @ParameterizedTest
  @ValueSource(ints = {0, 1})
  void fiveClippedStepsMatch(int rate) {
    AdamWOptions options = new AdamWOptions(fixture.values("lrs")[rate], fixture.scalar("beta1"),
        fixture.scalar("beta2"), fixture.scalar("eps"), fixture.scalar("weight_decay"));
    List<NativeArray> params = new ArrayList<>();
    List<NativeArray> means = new ArrayList<>();
    List<NativeArray> squares = new ArrayList<>();
    for (int i = 0; i < TENSORS; i++) {
      params.add(fixture.array("p" + i + "_init"));
      means.add(NativeArray.allocate(DType.F32, params.get(i).length()));
      squares.add(NativeArray.allocate(DType.F32, params.get(i).length()));
    }
    double[] norms = fixture.values("grad_norms_f64");
    for (int t = 0; t < norms.length; t++) {
      List<NativeArray> gradients = new ArrayList<>();
      for (int i = 0; i < TENSORS; i++) {
        long n = params.get(i).length();
        gradients.add(fixture.array("p" + i + "_grads").slice(t * n, n));
      }
      GradNorm norm = Kernels.globalNorm(gradients, fixture.scalar("max_norm"));
      assertScalar("grad_norm", norms[t], norm.norm());
      for (int i = 0; i < TENSORS; i++) {
        Kernels.adamW(params.get(i), gradients.get(i), means.get(i), squares.get(i), t + 1, norm.scale(), options);
        int n = (int) params.get(i).length();
        double[] after = fixture.values("lr" + rate + "_p" + i + "_after_f64");
        assertClose("p" + i, Arrays.copyOfRange(after, t * n, (t + 1) * n), params.get(i));
      }
    }
    for (int i = 0; i < TENSORS; i++) {
      String name = "lr" + rate + "_p" + i;
      assertClose("m", fixture.values(name + "_exp_avg_f64"), means.get(i));
      assertClose("v", fixture.values(name + "_exp_avg_sq_f64"), squares.get(i));
    }
  }

  @Test
  void clippingInPlaceGivesTheNormAskedFor() {
    NativeArray gradient = NativeArray.ofFloats(3, 4);
    Kernels.clipGradNorm(List.of(gradient), 1);
    assertClose("clipped", new double[] {0.6, 0.8}, Close.widen(gradient.toFloats()), FLOAT32);
    NativeArray small = NativeArray.ofFloats(0.3f, 0.4f);
    Kernels.clipGradNorm(List.of(small), 1);
    assertArrayEquals(new float[] {0.3f, 0.4f}, small.toFloats());
  }

  @Test
  void nonFiniteGradientsChangeNothing() {
    NativeArray gradient = NativeArray.ofFloats(1, Float.POSITIVE_INFINITY);
    GradNorm norm = Kernels.clipGradNorm(List.of(gradient), 1);
    assertFalse(norm.isFinite());
    assertArrayEquals(new float[] {1, Float.POSITIVE_INFINITY}, gradient.toFloats());
    NativeArray param = NativeArray.ofFloats(1, 2);
    NativeArray mean = NativeArray.ofFloats(3, 4);
    NativeArray square = NativeArray.ofFloats(5, 6);
    Kernels.adamW(param, gradient, mean, square, 1, norm.scale(), AdamWOptions.defaults());
    assertArrayEquals(new float[] {1, 2}, param.toFloats());
    assertArrayEquals(new float[] {3, 4}, mean.toFloats());
    assertArrayEquals(new float[] {5, 6}, square.toFloats());
  }
}
