// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;

/**
 * One projection {@code y = x W^T + b}, x [..., in], W [out, in]; y has the type of x, whatever the arithmetic's and the weights'.
 * Whatever alters how a projection is computed does so here.
 */
final class Linear {

  private final Parameters parameters;
  private final Tensor weight;
  /** Null where the projection has none. */
  private final Tensor bias;
  /** Null where the projection has none. */
  private final LoraAdapter adapter;

  /** The projection whose tensors are {@code name.weight} and, if there is one, {@code name.bias}. */
  Linear(Parameters parameters, String name) {
    this.parameters = parameters;
    this.weight = parameters.get(name + ".weight");
    this.bias = parameters.get(name + ".bias");
    this.adapter = parameters.adapter(name);
  }

  static void addTo(Parameters.Layout layout, String name, long out, long in, boolean bias) {
    layout.add(name + ".weight", Parameters.Init.NORMAL, out, in);
    if (bias) {
      layout.add(name + ".bias", Parameters.Init.ZERO, out);
    }
  }

  Tensor forward(Tensor x) {
    Tensor y = product(x, weight, bias, parameters.precision());
    return adapter == null ? y : adapter.addTo(y, x);
  }

  /** {@code x weight^T + bias} computed in the given precision; a bias of null is none. Weights of another type are converted for the call. */
  static Tensor product(Tensor x, Tensor weight, Tensor bias, Precision precision) {
    Tensor in = precision.cast(x);
    Tensor matrix = precision.cast(weight);
    Tensor y = bias == null ? torch.linear(in, matrix) : torch.linear(in, matrix, new TensorOptional(precision.cast(bias)));
    return Precision.cast(y, x.scalar_type().intern());
  }
}
