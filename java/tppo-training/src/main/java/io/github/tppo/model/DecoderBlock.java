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
    private final int layer;
    private final Parameters parameters;
    private final String prefix;
    private final double scale;

    DecoderBlock(DecoderConfig config, int layer, Parameters parameters) {
        this.config = config;
        this.layer = layer;
        this.parameters = parameters;
        this.prefix = "model.layers." + layer + ".";
        this.scale = 1 / Math.sqrt(config.headSize());
    }

    static void addTo(Parameters.Layout layout, DecoderConfig c, int layer) {
        String prefix = "model.layers." + layer + ".";
        long hidden = c.hiddenSize();
        layout.add(prefix + "input_layernorm.weight", Parameters.Init.ONE, hidden);
        addLinear(layout, prefix + "self_attn.q_proj", (long) c.heads() * c.headSize(), hidden, c.qkvBias());
        addLinear(layout, prefix + "self_attn.k_proj", (long) c.kvHeads() * c.headSize(), hidden, c.qkvBias());
        addLinear(layout, prefix + "self_attn.v_proj", (long) c.kvHeads() * c.headSize(), hidden, c.qkvBias());
        addLinear(layout, prefix + "self_attn.o_proj", hidden, (long) c.heads() * c.headSize(), c.outputBias());
        layout.add(prefix + "post_attention_layernorm.weight", Parameters.Init.ONE, hidden);
        addLinear(layout, prefix + "mlp.gate_proj", c.intermediateSize(), hidden, c.mlpBias());
        addLinear(layout, prefix + "mlp.up_proj", c.intermediateSize(), hidden, c.mlpBias());
        addLinear(layout, prefix + "mlp.down_proj", hidden, c.intermediateSize(), c.mlpBias());
    }

    private static void addLinear(Parameters.Layout layout, String name, long out, long in, boolean bias) {
        layout.add(name + ".weight", Parameters.Init.NORMAL, out, in);
        if (bias) {
            layout.add(name + ".bias", Parameters.Init.ZERO, out);
        }
    }

    /**
     * The block on whole sequences.
     *
     * @param mask additive scores [B or 1, 1, T, T], or null for plain causal attention
     * @param cache receives keys and values; null = none
     * @param lastOnly compute the output at the last position only; it is then [B, 1, H]
     */
    Tensor forward(Tensor x, RotaryTable.Angles angles, Tensor mask, KvCache cache, boolean lastOnly) {
        try (Scope scope = Scope.open()) {
            Tensor h = norm(x, "input_layernorm.weight");
            Tensor key = angles.rotate(heads(linear(h, "self_attn.k_proj"), config.kvHeads())).transpose(1, 2);
            Tensor value = heads(linear(h, "self_attn.v_proj"), config.kvHeads()).transpose(1, 2);
            if (cache != null) {
                cache.put(layer, 0, key, value);
            }
            long last = x.size(1) - 1;
            RotaryTable.Angles queryAngles = angles;
            Tensor queryMask = mask;
            Tensor stream = x;
            if (lastOnly) {
                h = h.narrow(1, last, 1);
                stream = x.narrow(1, last, 1);
                queryAngles = new RotaryTable.Angles(angles.cosines().narrow(1, last, 1), angles.sines().narrow(1, last, 1));
                queryMask = mask == null ? null : mask.narrow(2, last, 1);
            }
            Tensor query = queryAngles.rotate(heads(linear(h, "self_attn.q_proj"), config.heads())).transpose(1, 2);
            boolean causal = queryMask == null && !lastOnly;
            Tensor attended = attention(query, repeat(key), repeat(value), queryMask, causal);
            return scope.keep(rest(stream, attended.transpose(1, 2)));
        }
    }

    /** The block on one new token for each sequence, x [B, 1, H], whose slot {@code cache.length() - 1} it fills. */
    Tensor step(Tensor x, RotaryTable.Angles angles, KvCache cache) {
        try (Scope scope = Scope.open()) {
            Tensor h = norm(x, "input_layernorm.weight");
            Tensor key = angles.rotate(heads(linear(h, "self_attn.k_proj"), config.kvHeads())).transpose(1, 2);
            Tensor value = heads(linear(h, "self_attn.v_proj"), config.kvHeads()).transpose(1, 2);
            int slot = cache.length() - 1;
            cache.put(layer, slot, key, value);
            int window = config.window(layer);
            int from = window == 0 ? 0 : Math.max(0, slot + 1 - window);
            Tensor query = angles.rotate(heads(linear(h, "self_attn.q_proj"), config.heads()));
            // the query heads of one key/value head take the place of time, so keys are not repeated
            Tensor grouped = query.view(x.size(0), config.kvHeads(), config.heads() / config.kvHeads(), config.headSize());
            Tensor attended = attention(grouped, cache.keys(layer, from), cache.values(layer, from), cache.bias(from), false);
            return scope.keep(rest(x, attended));
        }
    }

    private Tensor attention(Tensor query, Tensor key, Tensor value, Tensor mask, boolean causal) {
        TensorOptional bias = mask == null ? new TensorOptional() : new TensorOptional(mask);
        return torch.scaled_dot_product_attention(query, key, value, bias, 0.0, causal, new DoubleOptional(scale), false);
    }

    private Tensor rest(Tensor stream, Tensor attended) {
        long[] flat = {stream.size(0), stream.size(1), (long) config.heads() * config.headSize()};
        Tensor x = stream.add(linear(attended.reshape(flat), "self_attn.o_proj"));
        Tensor h = norm(x, "post_attention_layernorm.weight");
        Tensor gated = torch.silu(linear(h, "mlp.gate_proj")).mul(linear(h, "mlp.up_proj"));
        return x.add(linear(gated, "mlp.down_proj"));
    }

    private Tensor norm(Tensor x, String name) {
        return rmsNorm(x, parameters.get(prefix + name), config.normEpsilon());
    }

    static Tensor rmsNorm(Tensor x, Tensor weight, double epsilon) {
        return torch.rms_norm(x, new long[] {x.size(-1)}, new TensorOptional(weight), new DoubleOptional(epsilon));
    }

    private Tensor linear(Tensor x, String name) {
        Tensor weight = parameters.get(prefix + name + ".weight");
        Tensor bias = parameters.get(prefix + name + ".bias");
        return bias == null ? torch.linear(x, weight) : torch.linear(x, weight, new TensorOptional(bias));
    }

    /** [B, T, n * d] as [B, T, n, d]. */
    private Tensor heads(Tensor x, int count) {
        return x.view(x.size(0), x.size(1), count, config.headSize());
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
