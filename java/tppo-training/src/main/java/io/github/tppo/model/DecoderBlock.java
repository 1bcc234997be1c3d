// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import org.bytedeco.pytorch.DoubleOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;

/**
 * One pre-norm block of a decoder: attention with rotary positions and grouped key/value heads, then a SwiGLU MLP, each added to
 * the residual stream x [B, T, H].
 */
@SuppressWarnings("try") // scopes are opened for what their closing frees
final class DecoderBlock {

  private final DecoderConfig config;
  private final Parameters parameters;
  private final Tensor inputNorm;
  private final Linear query;
  private final Linear key;
  private final Linear value;
  private final Linear output;
  private final Tensor mlpNorm;
  private final Linear gate;
  private final Linear up;
  private final Linear down;
  private final double scale;

  DecoderBlock(DecoderConfig config, int layer, Parameters parameters) {
    this.config = config;
    this.parameters = parameters;
    String prefix = prefix(layer);
    this.inputNorm = parameters.get(prefix + "input_layernorm.weight");
    this.query = new Linear(parameters, prefix + "self_attn.q_proj");
    this.key = new Linear(parameters, prefix + "self_attn.k_proj");
    this.value = new Linear(parameters, prefix + "self_attn.v_proj");
    this.output = new Linear(parameters, prefix + "self_attn.o_proj");
    this.mlpNorm = parameters.get(prefix + "post_attention_layernorm.weight");
    this.gate = new Linear(parameters, prefix + "mlp.gate_proj");
    this.up = new Linear(parameters, prefix + "mlp.up_proj");
    this.down = new Linear(parameters, prefix + "mlp.down_proj");
    this.scale = 1 / Math.sqrt(config.headSize());
  }

  static String prefix(int layer) {
    return "model.layers." + layer + ".";
  }

  static void addTo(Parameters.Layout layout, DecoderConfig c, int layer) {
    String prefix = prefix(layer);
    long hidden = c.hiddenSize();
    layout.add(prefix + "input_layernorm.weight", Parameters.Init.ONE, hidden);
    Linear.addTo(layout, prefix + "self_attn.q_proj", (long) c.heads() * c.headSize(), hidden, c.qkvBias());
    Linear.addTo(layout, prefix + "self_attn.k_proj", (long) c.kvHeads() * c.headSize(), hidden, c.qkvBias());
    Linear.addTo(layout, prefix + "self_attn.v_proj", (long) c.kvHeads() * c.headSize(), hidden, c.qkvBias());
    Linear.addTo(layout, prefix + "self_attn.o_proj", hidden, (long) c.heads() * c.headSize(), c.outputBias());
    layout.add(prefix + "post_attention_layernorm.weight", Parameters.Init.ONE, hidden);
    Linear.addTo(layout, prefix + "mlp.gate_proj", c.intermediateSize(), hidden, c.mlpBias());
    Linear.addTo(layout, prefix + "mlp.up_proj", c.intermediateSize(), hidden, c.mlpBias());
    Linear.addTo(layout, prefix + "mlp.down_proj", hidden, c.intermediateSize(), c.mlpBias());
  }

  /**
   * The block on whole sequences.
   *
   * @param mask additive scores [B or 1, 1, T, T], or null for plain causal attention
   */
  Tensor forward(Tensor x, RotaryTable.Angles angles, Tensor mask) {
    try (Scope scope = Scope.open()) {
      Tensor h = norm(x, inputNorm);
      Tensor queries = angles.rotate(heads(query.forward(h), config.heads())).transpose(1, 2);
      Tensor keys = angles.rotate(heads(key.forward(h), config.kvHeads())).transpose(1, 2);
      Tensor values = heads(value.forward(h), config.kvHeads()).transpose(1, 2);
      TensorOptional bias = mask == null ? new TensorOptional() : new TensorOptional(mask);
      Tensor attended = torch.scaled_dot_product_attention(queries, repeat(keys), repeat(values), bias, 0.0, mask == null,
          new DoubleOptional(scale), false);
      return scope.keep(rest(x, attended.transpose(1, 2)));
    }
  }

  private Tensor rest(Tensor stream, Tensor attended) {
    long[] flat = {stream.size(0), stream.size(1), (long) config.heads() * config.headSize()};
    Tensor x = stream.add(output.forward(attended.reshape(flat)));
    Tensor h = norm(x, mlpNorm);
    Tensor gated = torch.silu(gate.forward(h)).mul(up.forward(h));
    return x.add(down.forward(gated));
  }

  /** What the projections take: in the type that they compute in, converted once for all of them. */
  private Tensor norm(Tensor x, Tensor weight) {
    return parameters.precision().cast(rmsNorm(x, weight, config.normEpsilon()));
  }

  /** In f32, as x is. */
  static Tensor rmsNorm(Tensor x, Tensor weight, double epsilon) {
    TensorOptional factors = new TensorOptional(Precision.FLOAT32.cast(weight));
    return torch.rms_norm(x, new long[] {x.size(-1)}, factors, new DoubleOptional(epsilon));
  }

  /** [B, T, n * d] as f32 [B, T, n, d]: rotation and attention are not rounded. */
  private Tensor heads(Tensor x, int count) {
    return Precision.FLOAT32.cast(x).view(x.size(0), x.size(1), count, config.headSize());
  }

  /** Gives each query head its key/value head: [B, kvHeads, T, d] to [B, heads, T, d], copies side by side. */
  private Tensor repeat(Tensor x) {
    int group = config.heads() / config.kvHeads();
    if (group == 1) {
      return x;
    }
    return x.unsqueeze(2).expand(x.size(0), config.kvHeads(), group, x.size(2), config.headSize())
        .reshape(x.size(0), config.heads(), x.size(2), config.headSize());
  }
}
