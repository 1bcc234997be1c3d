// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;

/**
 * One projection {@code y = x W^T + b} of a decoder, x [..., in], W [out, in]. Whatever alters how a projection is computed does
 * so here.
 */
final class Linear {

    private final Tensor weight;
    /** Null where the projection has none. */
    private final Tensor bias;
    /** Null where the projection has none. */
    private final LoraAdapter adapter;

    /** The projection whose tensors are {@code name.weight} and, if there is one, {@code name.bias}. */
    Linear(Parameters parameters, String name) {
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
        Tensor y = bias == null ? torch.linear(x, weight) : torch.linear(x, weight, new TensorOptional(bias));
        return adapter == null ? y : adapter.addTo(y, x);
    }
}
