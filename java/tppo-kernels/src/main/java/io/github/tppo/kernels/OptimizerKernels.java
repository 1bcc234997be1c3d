// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

import static io.github.tppo.kernels.internal.Tppo.tppo_adamw;
import static io.github.tppo.kernels.internal.Tppo.tppo_adamw_init;
import static io.github.tppo.kernels.internal.Tppo.tppo_adamw_workspace;
import static io.github.tppo.kernels.internal.Tppo.tppo_global_norm;
import static io.github.tppo.kernels.internal.Tppo.tppo_global_norm_init;
import static io.github.tppo.kernels.internal.Tppo.tppo_global_norm_workspace;
import static io.github.tppo.kernels.internal.Tppo.tppo_scale;
import static io.github.tppo.kernels.internal.Tppo.tppo_scale_init;
import static io.github.tppo.kernels.internal.Tppo.tppo_scale_workspace;

import io.github.tppo.kernels.internal.tppo_adamw_args;
import io.github.tppo.kernels.internal.tppo_global_norm_args;
import io.github.tppo.kernels.internal.tppo_scale_args;
import java.util.List;
import org.bytedeco.javacpp.LongPointer;
import org.bytedeco.javacpp.PointerPointer;

/** Gradient clipping and the optimiser step. */
final class OptimizerKernels {

  private OptimizerKernels() {}

  static GradNorm globalNorm(List<NativeArray> gradients, double maxNorm) {
    Call call = new Call("globalNorm");
    call.require(gradients != null, "gradients are null");
    call.require(maxNorm >= 0, "maxNorm must not be negative, is " + maxNorm);
    int count = gradients.size();
    tppo_global_norm_args args = new tppo_global_norm_args(call.argumentMemory());
    try (PointerPointer<?> addresses = new PointerPointer<>(Math.max(1, count));
        LongPointer lengths = new LongPointer(Math.max(1, count))) {
      for (int i = 0; i < count; i++) {
        NativeArray gradient = gradients.get(i);
        call.require(gradient != null, "gradient " + i + " is null");
        addresses.put(i, call.floats("gradient " + i, gradient, gradient.length()));
        lengths.put(i, gradient.length());
      }
      tppo_global_norm_init(args);
      args.num_tensors(count)
          .max_norm(maxNorm)
          .tensors(addresses)
          .lengths(lengths)
          .stats(call.stats(GradNorm.COUNT));
      call.run((device, bytes) -> tppo_global_norm_workspace(args, device, bytes),
          (device, workspace, size) -> tppo_global_norm(args, device, null, workspace, size));
      return GradNorm.of(call.stats());
    }
  }

  static void scale(NativeArray x, double factor) {
    Call call = new Call("scale");
    call.require(x != null, "x is null");
    tppo_scale_args args = new tppo_scale_args(call.argumentMemory());
    tppo_scale_init(args);
    args.length(x.length()).factor(factor).x(call.floats("x", x, x.length()));
    call.run((device, bytes) -> tppo_scale_workspace(args, device, bytes),
        (device, workspace, size) -> tppo_scale(args, device, null, workspace, size));
  }

  static GradNorm clipGradNorm(List<NativeArray> gradients, double maxNorm) {
    GradNorm norm = globalNorm(gradients, maxNorm);
    // A scale of exactly 1 changes nothing, and NaN must not spread.
    if (norm.isFinite() && norm.scale() != 1) {
      for (NativeArray gradient : gradients) {
        scale(gradient, norm.scale());
      }
    }
    return norm;
  }

  static void adamW(NativeArray param, NativeArray grad, NativeArray expAvg, NativeArray expAvgSq, long step,
      double gradScale, AdamWOptions options) {
    Call call = new Call("adamW");
    call.require(param != null && options != null, "param or options are null");
    call.require(step >= 1, "step must be at least 1, is " + step);
    long n = param.length();
    tppo_adamw_args args = new tppo_adamw_args(call.argumentMemory());
    tppo_adamw_init(args);
    args.length(n)
        .step(step)
        .lr(options.learningRate())
        .beta1(options.beta1())
        .beta2(options.beta2())
        .eps(options.epsilon())
        .weight_decay(options.weightDecay())
        .param(call.floats("param", param, n))
        .grad(call.floats("grad", grad, n))
        .exp_avg(call.floats("expAvg", expAvg, n))
        .exp_avg_sq(call.floats("expAvgSq", expAvgSq, n));
    args.grad_scale(call.scalar(gradScale));
    call.run((device, bytes) -> tppo_adamw_workspace(args, device, bytes),
        (device, workspace, size) -> tppo_adamw(args, device, null, workspace, size));
  }
}
