// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.Tensor;

/**
 * One forward pass of a trunk whose gradient is taken back later. With gradient checkpointing it holds no more than what goes into each
 * layer, and {@link #backward} runs each layer a second time: memory of one layer's activations instead of all layers', for a third more
 * work. The operations are the same, and so are the bits of the gradients.
 *
 * <p>Its tensors belong to the scope in which it is made. Not thread safe.
 */
@SuppressWarnings("try") // scopes are opened for what their closing frees
public final class Pass {

  private final List<UnaryOperator<Tensor>> layers;
  /** What went into each layer; null without checkpointing. */
  private final List<Tensor> inputs;
  /** What came out, with its history; null with checkpointing. */
  private final Tensor output;
  private final Tensor hidden;

  private Pass(List<UnaryOperator<Tensor>> layers, List<Tensor> inputs, Tensor output, Tensor hidden) {
    this.layers = layers;
    this.inputs = inputs;
    this.output = output;
    try (Scope scope = Scope.noGrad()) {
      this.hidden = scope.keep(hidden.detach().set_requires_grad(true));
    }
  }

  /**
   * Runs the layers one after the other.
   *
   * @param layers each from [B, T, H] to the same shape; the first is given null and embeds
   * @param checkpointing hold the inputs of the layers alone
   */
  static Pass of(List<UnaryOperator<Tensor>> layers, boolean checkpointing) {
    return checkpointing ? checkpointed(layers) : plain(layers);
  }

  private static Pass plain(List<UnaryOperator<Tensor>> layers) {
    Tensor x = run(layers);
    return new Pass(layers, null, x, x);
  }

  private static Pass checkpointed(List<UnaryOperator<Tensor>> layers) {
    List<Tensor> inputs = new ArrayList<>();
    Tensor x = null;
    try (Scope scope = Scope.noGrad()) {
      for (UnaryOperator<Tensor> layer : layers) {
        inputs.add(x);
        x = scope.keep(layer.apply(x));
      }
    }
    return new Pass(layers, inputs, null, x);
  }

  /** The layers' result alone, recorded by autograd if that is on. */
  static Tensor run(List<UnaryOperator<Tensor>> layers) {
    try (Scope scope = Scope.open()) {
      Tensor x = null;
      for (UnaryOperator<Tensor> layer : layers) {
        x = layer.apply(x);
      }
      return scope.keep(x);
    }
  }

  /** The hidden states, f32 [B, T, H]: a leaf of autograd, in which whatever is computed from it leaves its gradient. */
  public Tensor hidden() {
    return hidden;
  }

  /** Takes the gradient that {@link #hidden} has received on to the trainable parameters, and adds it there. Once for a pass. */
  public void backward() {
    try (Scope scope = Scope.withGrad()) {
      Tensor gradient = hidden.mutable_grad();
      if (!gradient.defined()) {
        throw new IllegalStateException("hidden() has no gradient; run a backward pass from what was computed of it first");
      }
      if (output != null) {
        backward(output, gradient);
        return;
      }
      for (int i = layers.size() - 1; i >= 0; i--) {
        try (Scope layer = Scope.open()) {
          Tensor input = inputs.get(i) == null ? null : inputs.get(i).detach().set_requires_grad(true);
          backward(layers.get(i).apply(input), gradient);
          if (input != null) {
            Tensor next = input.grad();
            try (Scope copy = Scope.noGrad()) {
              gradient.copy_(next); // all layers' in one place
            }
          }
        }
      }
    }
  }

  /** Nothing is trained below an output that autograd did not record. */
  private static void backward(Tensor output, Tensor gradient) {
    if (output.requires_grad()) {
      Autograd.backward(output, gradient);
    }
  }
}
