// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;

/** One post-norm block of a Longformer: windowed attention with its own projections for global tokens, then a GELU MLP. */
@SuppressWarnings("try") // scopes are opened for what their closing frees
final class LongformerBlock {

  private static final String[] PROJECTIONS = {"query", "key", "value", "query_global", "key_global", "value_global"};

  private final LongformerConfig config;
  private final Parameters parameters;
  private final String prefix;
  private final int side;
  private final GlobalAttention global;

  LongformerBlock(LongformerConfig config, int layer, Parameters parameters) {
    this.config = config;
    this.parameters = parameters;
    this.prefix = prefix(layer);
    this.side = config.attentionWindows().get(layer) / 2;
    this.global = new GlobalAttention(parameters, prefix + "attention.self.", config.heads());
  }

  private static String prefix(int layer) {
    return "longformer.encoder.layer." + layer + ".";
  }

  static void addTo(Parameters.Layout layout, LongformerConfig c, int layer) {
    String prefix = prefix(layer);
    for (String projection : PROJECTIONS) {
      addLinear(layout, prefix + "attention.self." + projection, c.hiddenSize(), c.hiddenSize());
    }
    addLinear(layout, prefix + "attention.output.dense", c.hiddenSize(), c.hiddenSize());
    addNorm(layout, prefix + "attention.output.LayerNorm", c.hiddenSize());
    addLinear(layout, prefix + "intermediate.dense", c.intermediateSize(), c.hiddenSize());
    addLinear(layout, prefix + "output.dense", c.hiddenSize(), c.intermediateSize());
    addNorm(layout, prefix + "output.LayerNorm", c.hiddenSize());
  }

  static void addLinear(Parameters.Layout layout, String name, long out, long in) {
    layout.add(name + ".weight", Parameters.Init.NORMAL, out, in);
    layout.add(name + ".bias", Parameters.Init.ZERO, out);
  }

  static void addNorm(Parameters.Layout layout, String name, long size) {
    layout.add(name + ".weight", Parameters.Init.ONE, size);
    layout.add(name + ".bias", Parameters.Init.ZERO, size);
  }

  /** x [B, T, H] to the same shape; {@code realAsFloat} [B, T, 1] is null where there is no padding. */
  Tensor forward(Tensor x, SlidingWindow window, Tensor realAsFloat) {
    try (Scope scope = Scope.open()) {
      Precision precision = parameters.precision();
      Tensor h = precision.cast(x); // once for all projections
      Tensor attended = window.local(heads(linear(h, "attention.self.query")), heads(linear(h, "attention.self.key")),
          heads(linear(h, "attention.self.value")), side);
      if (window.hasGlobals()) {
        attended = window.replaceGlobals(attended, global.forward(x, window));
      }
      if (realAsFloat != null) {
        attended = attended.mul(realAsFloat);
      }
      Tensor mixed = norm(linear(attended, "attention.output.dense").add(x), "attention.output.LayerNorm");
      Tensor inner = torch.gelu(linear(precision.cast(mixed), "intermediate.dense"));
      return scope.keep(norm(linear(inner, "output.dense").add(mixed), "output.LayerNorm"));
    }
  }

  private Tensor heads(Tensor x) {
    return Precision.FLOAT32.cast(x).view(x.size(0), x.size(1), config.heads(), config.hiddenSize() / config.heads());
  }

  private Tensor linear(Tensor x, String name) {
    return linear(x, parameters, prefix + name);
  }

  private Tensor norm(Tensor x, String name) {
    return norm(x, parameters, prefix + name, config.normEpsilon());
  }

  static Tensor linear(Tensor x, Parameters parameters, String name) {
    return Linear.product(x, parameters.get(name + ".weight"), parameters.get(name + ".bias"), parameters.precision());
  }

  static Tensor norm(Tensor x, Parameters parameters, String name, double epsilon) {
    return torch.layer_norm(x, new long[] {x.size(-1)}, new TensorOptional(Precision.FLOAT32.cast(parameters.get(name + ".weight"))),
        new TensorOptional(Precision.FLOAT32.cast(parameters.get(name + ".bias"))), epsilon, false);
  }
}
