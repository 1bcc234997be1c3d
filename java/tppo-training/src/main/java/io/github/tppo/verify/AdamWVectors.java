// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.verify;

import io.github.tppo.kernels.AdamWOptions;
import io.github.tppo.kernels.DType;
import io.github.tppo.kernels.GradNorm;
import io.github.tppo.kernels.Kernels;
import io.github.tppo.kernels.NativeArray;
import java.util.ArrayList;
import java.util.List;

/** Clipped AdamW steps on several tensors, for each learning rate; expected from float32 and from float64 arithmetic. */
final class AdamWVectors {

  private AdamWVectors() {}

  static void check(VectorFile file) {
    double[] rates = file.inputValues("lrs");
    for (int j = 0; j < rates.length; j++) {
      check(file, "lr" + j, rates[j]);
    }
  }

  private static void check(VectorFile file, String prefix, double rate) {
    AdamWOptions options = new AdamWOptions(rate, file.inputScalar("beta1"), file.inputScalar("beta2"),
        file.inputScalar("eps"), file.inputScalar("weight_decay"));
    double maxNorm = file.inputScalar("max_norm");
    List<NativeArray> params = new ArrayList<>();
    List<NativeArray> means = new ArrayList<>();
    List<NativeArray> squares = new ArrayList<>();
    List<NativeArray> gradients = new ArrayList<>();
    for (int i = 0; file.has("p" + i + "_init"); i++) {
      params.add(file.input("p" + i + "_init"));
      long n = params.get(i).length();
      means.add(file.upload(NativeArray.allocate(DType.F32, n)));
      squares.add(file.upload(NativeArray.allocate(DType.F32, n)));
      gradients.add(file.input("p" + i + "_grads"));
    }
    int steps = (int) file.shape("p0_grads")[0];
    double[] norms = new double[steps];
    List<double[]> after = new ArrayList<>();
    params.forEach(p -> after.add(new double[Math.toIntExact(steps * p.length())]));
    for (int t = 0; t < steps; t++) {
      List<NativeArray> current = new ArrayList<>();
      for (NativeArray all : gradients) {
        long n = all.length() / steps;
        current.add(all.slice(t * n, n));
      }
      GradNorm norm = Kernels.globalNorm(current, maxNorm);
      norms[t] = norm.norm();
      for (int i = 0; i < params.size(); i++) {
        Kernels.adamW(params.get(i), current.get(i), means.get(i), squares.get(i), t + 1, norm.scale(), options);
        int n = Math.toIntExact(params.get(i).length());
        System.arraycopy(file.read(params.get(i)), 0, after.get(i), t * n, n);
      }
    }
    both(file, "grad_norms", norms);
    for (int i = 0; i < params.size(); i++) {
      String name = prefix + "_p" + i;
      both(file, name + "_after", after.get(i));
      both(file, name + "_exp_avg", file.read(means.get(i)));
      both(file, name + "_exp_avg_sq", file.read(squares.get(i)));
    }
  }

  private static void both(VectorFile file, String name, double[] actual) {
    file.compare(name, actual);
    file.compare(name + "_f64", actual);
  }
}
