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
        this.layer = layer;
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

    private static String prefix(int layer) {
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
     * @param cache receives keys and values; null = none
     * @param lastOnly compute the output at the last position only; it is then [B, 1, H]
     */
    Tensor forward(Tensor x, RotaryTable.Angles angles, Tensor mask, KvCache cache, boolean lastOnly) {
        try (Scope scope = Scope.open()) {
            Tensor h = norm(x, inputNorm);
            Tensor keys = angles.rotate(heads(key.forward(h), config.kvHeads())).transpose(1, 2);
            Tensor values = heads(value.forward(h), config.kvHeads()).transpose(1, 2);
            if (cache != null) {
                cache.put(layer, 0, keys, values);
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
            Tensor queries = queryAngles.rotate(heads(query.forward(h), config.heads())).transpose(1, 2);
            boolean causal = queryMask == null && !lastOnly;
            Tensor attended = attention(queries, repeat(keys), repeat(values), queryMask, causal);
            return scope.keep(rest(stream, attended.transpose(1, 2)));
        }
    }

    /** The block on one new token for each sequence, x [B, 1, H], whose slot {@code cache.length() - 1} it fills. */
    Tensor step(Tensor x, RotaryTable.Angles angles, KvCache cache) {
        try (Scope scope = Scope.open()) {
            Tensor h = norm(x, inputNorm);
            Tensor keys = angles.rotate(heads(key.forward(h), config.kvHeads())).transpose(1, 2);
            Tensor values = heads(value.forward(h), config.kvHeads()).transpose(1, 2);
            int slot = cache.length() - 1;
            cache.put(layer, slot, keys, values);
            int window = config.window(layer);
            int from = window == 0 ? 0 : Math.max(0, slot + 1 - window);
            Tensor queries = angles.rotate(heads(query.forward(h), config.heads()));
            // the query heads of one key/value head take the place of time, so keys are not repeated
            Tensor grouped = queries.view(x.size(0), config.kvHeads(), config.heads() / config.kvHeads(), config.headSize());
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
        Tensor x = stream.add(output.forward(attended.reshape(flat)));
        Tensor h = norm(x, mlpNorm);
        Tensor gated = torch.silu(gate.forward(h)).mul(up.forward(h));
        return x.add(down.forward(gated));
    }

    private Tensor norm(Tensor x, Tensor weight) {
        return rmsNorm(x, weight, config.normEpsilon());
    }

    static Tensor rmsNorm(Tensor x, Tensor weight, double epsilon) {
        return torch.rms_norm(x, new long[] {x.size(-1)}, new TensorOptional(Linear.as(weight, x)), new DoubleOptional(epsilon));
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
