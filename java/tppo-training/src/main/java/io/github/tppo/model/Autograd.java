// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import java.util.Arrays;
import java.util.Map;
import java.util.Objects;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorArrayRefOptional;
import org.bytedeco.pytorch.global.torch;

/** Hands gradients that were computed outside of libtorch, such as those of our loss kernels, to its autograd. */
@SuppressWarnings("try") // scopes are opened for what their closing frees
public final class Autograd {

  private Autograd() {
  }

  /**
   * Runs the chain rule from {@code output} down to the leaf parameters and adds to their gradients; the recorded graph
   * is freed.
   *
   * @param output a tensor recorded by autograd, of any shape
   * @param gradient d loss / d output, same shape and dtype
   */
  public static void backward(Tensor output, Tensor gradient) {
    TensorArguments.require("output", output);
    TensorArguments.require("gradient", gradient);
    requireSameShape(output, gradient);
    if (!output.requires_grad()) {
      throw new IllegalArgumentException("output was not recorded by autograd; compute it of parameters, in Scope.withGrad()");
    }
    try (Scope scope = Scope.open()) {
      output.backward(gradient, new BoolOptional(), false, new TensorArrayRefOptional());
    }
  }

  /**
   * Returns the gradient of a leaf parameter, to add to it in place as autograd would; a parameter that has none gets zeros.
   */
  public static Tensor gradient(Tensor parameter) {
    TensorArguments.require("parameter", parameter);
    try (Scope scope = Scope.noGrad()) {
      Tensor grad = parameter.mutable_grad();
      if (!grad.defined()) {
        grad.put(torch.zeros_like(parameter));
      }
      return scope.keep(grad);
    }
  }

  /**
   * Adds the gradients of one set of parameters to those of another and sets them to zero where they came from.
   *
   * @param from such as a replica's
   * @param to parameters under the same names
   */
  public static void moveGradients(Map<String, Tensor> from, Map<String, Tensor> to) {
    TensorArguments.requireAll("from", from);
    TensorArguments.requireAll("to", to);
    from.forEach((name, parameter) -> {
      if (!to.containsKey(name)) {
        throw new IllegalArgumentException("to: has no parameter \"" + name + "\", from has one");
      }
      if (!Arrays.equals(Tensors.shape(parameter), Tensors.shape(to.get(name)))
          || parameter.scalar_type().intern() != to.get(name).scalar_type().intern()) {
        throw new IllegalArgumentException("\"" + name + "\" is " + TensorArguments.text(parameter) + " in from, "
            + TensorArguments.text(to.get(name)) + " in to");
      }
    });
    try (Scope scope = Scope.noGrad()) {
      for (Map.Entry<String, Tensor> entry : from.entrySet()) {
        Tensor source = entry.getValue().mutable_grad();
        if (source.defined()) {
          Tensor target = to.get(entry.getKey()).mutable_grad();
          if (target.defined()) {
            target.add_(source);
          } else {
            target.put(source.clone());
          }
          source.zero_();
        }
      }
    }
  }

  /** Whether the parameter has a gradient, zero or not. */
  public static boolean hasGradient(Tensor parameter) {
    TensorArguments.require("parameter", parameter);
    try (Scope scope = Scope.open()) {
      return parameter.grad().defined();
    }
  }

  /** Sets gradients to zero where there are any; their memory stays in place for the next backward pass. */
  public static void zeroGradients(Iterable<Tensor> parameters) {
    Objects.requireNonNull(parameters, "parameters");
    try (Scope scope = Scope.noGrad()) {
      for (Tensor parameter : parameters) {
        TensorArguments.require("parameter", parameter);
        Tensor grad = parameter.mutable_grad();
        if (grad.defined()) {
          grad.zero_();
        }
      }
    }
  }

  private static void requireSameShape(Tensor output, Tensor gradient) {
    long[] expected = Tensors.shape(output);
    long[] found = Tensors.shape(gradient);
    if (!Arrays.equals(expected, found)) {
      throw new IllegalArgumentException("gradient has shape " + Arrays.toString(found) + ", the output has "
          + Arrays.toString(expected));
    }
    if (output.scalar_type().intern() != gradient.scalar_type().intern()) {
      throw new IllegalArgumentException("gradient is " + gradient.scalar_type().intern() + ", the output is "
          + output.scalar_type().intern());
    }
  }
}
