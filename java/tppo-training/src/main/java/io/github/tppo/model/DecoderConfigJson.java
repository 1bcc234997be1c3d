// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.tppo.run.AtomicFiles;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Set;

/** Maps {@link DecoderConfig} to and from {@code config.json}. What would change the numbers and is not known is refused. */
final class DecoderConfigJson {

    private static final Set<String> PLAIN_ROPE = Set.of("default");

    private DecoderConfigJson() {
    }

    static DecoderConfig read(Path file) throws IOException {
        ConfigJson json = ConfigJson.read(file);
        DecoderConfig.Type type = type(json);
        refuseUnsupported(json);
        int hidden = json.positive("hidden_size");
        int heads = json.positive("num_attention_heads");
        int layers = json.positive("num_hidden_layers");
        if (!json.has("head_dim") && hidden % heads != 0) {
            throw json.wrong("num_attention_heads", "a divisor of hidden_size " + hidden + " where head_dim is not given");
        }
        boolean attentionBias = json.flag("attention_bias", false);
        boolean qwen = type == DecoderConfig.Type.QWEN2;
        int maxPositions = json.positive("max_position_embeddings");
        int window = window(json, type);
        try {
            return new DecoderConfig(type, json.positive("vocab_size"), hidden, json.positive("intermediate_size"), layers, heads,
                    json.positive("num_key_value_heads", heads), json.positive("head_dim", hidden / heads), maxPositions,
                    json.number("rms_norm_eps", 1e-6), rope(json), window, windowFrom(json, type, window, layers),
                    json.flag("tie_word_embeddings", false), qwen || attentionBias, !qwen && attentionBias,
                    json.flag("mlp_bias", false), json.number("initializer_range", 0.02), json.tokenId("bos_token_id"),
                    json.tokenId("eos_token_id"), json.tokenId("pad_token_id"));
        } catch (IllegalArgumentException e) {
            throw new IOException(file + ": " + e.getMessage(), e);
        }
    }

    private static DecoderConfig.Type type(ConfigJson json) throws IOException {
        String name = json.text("model_type", "");
        for (DecoderConfig.Type type : DecoderConfig.Type.values()) {
            if (type.key().equals(name)) {
                return type;
            }
        }
        throw json.wrong("model_type", "mistral, llama or qwen2");
    }

    private static void refuseUnsupported(ConfigJson json) throws IOException {
        json.require("hidden_act", "silu", Set.of("silu", "swish"));
        json.require("pretraining_tp", "1", Set.of("1"));
        json.require("attention_dropout", "0", Set.of("0", "0.0"));
        json.require("quantization_config", "an unquantised checkpoint", Set.of());
        json.require("is_encoder_decoder", "false", Set.of("false"));
        json.require("partial_rotary_factor", "1", Set.of("1", "1.0"));
    }

    private static RopeScaling rope(ConfigJson json) throws IOException {
        double theta = json.number("rope_theta", 10000);
        String key = json.has("rope_parameters") ? "rope_parameters" : "rope_scaling";
        if (!json.has(key)) {
            return RopeScaling.of(theta);
        }
        ConfigJson rope = json.object(key);
        theta = rope.number("rope_theta", theta);
        String type = rope.text("rope_type", rope.text("type", "default"));
        rope.require("partial_rotary_factor", "1", Set.of("1", "1.0"));
        if (PLAIN_ROPE.contains(type)) {
            return RopeScaling.of(theta);
        }
        if (!type.equals("llama3")) {
            throw rope.wrong(rope.has("rope_type") ? "rope_type" : "type", "default or llama3");
        }
        return new RopeScaling(theta, rope.number("factor"), rope.number("low_freq_factor"), rope.number("high_freq_factor"),
                rope.positive("original_max_position_embeddings"));
    }

    /** Mistral has the window when it is given, qwen2 when it is also switched on, llama never. */
    private static int window(ConfigJson json, DecoderConfig.Type type) throws IOException {
        boolean on = switch (type) {
            case MISTRAL -> true;
            case QWEN2 -> json.flag("use_sliding_window", false);
            case LLAMA -> false;
        };
        return on ? json.positive("sliding_window", 0) : 0;
    }

    private static int windowFrom(ConfigJson json, DecoderConfig.Type type, int window, int layers) throws IOException {
        if (type != DecoderConfig.Type.QWEN2 || window == 0) {
            return 0;
        }
        if (!json.has("layer_types")) {
            return Math.min(layers, json.has("max_window_layers") ? json.get("max_window_layers").asInt() : 28);
        }
        JsonNode types = json.get("layer_types");
        int from = 0;
        while (from < types.size() && types.get(from).asText().equals("full_attention")) {
            from++;
        }
        for (int layer = 0; layer < layers; layer++) {
            String expected = layer < from ? "full_attention" : "sliding_attention";
            if (types.size() != layers || !types.get(layer).asText().equals(expected)) {
                throw json.wrong("layer_types", layers + " entries, full_attention first and then sliding_attention");
            }
        }
        return from;
    }

    static void write(DecoderConfig c, Path file) throws IOException {
        ObjectNode json = SafeTensorsHeader.JSON.createObjectNode();
        json.putArray("architectures").add(c.modelType().architecture());
        json.put("model_type", c.modelType().key());
        json.put("vocab_size", c.vocabSize());
        json.put("hidden_size", c.hiddenSize());
        json.put("intermediate_size", c.intermediateSize());
        json.put("num_hidden_layers", c.layers());
        json.put("num_attention_heads", c.heads());
        json.put("num_key_value_heads", c.kvHeads());
        json.put("head_dim", c.headSize());
        json.put("hidden_act", "silu");
        json.put("max_position_embeddings", c.maxPositions());
        json.put("initializer_range", c.initializerRange());
        json.put("rms_norm_eps", c.normEpsilon());
        json.put("tie_word_embeddings", c.tiedEmbeddings());
        json.put("attention_dropout", 0.0);
        json.put("use_cache", true);
        writeRope(c, json);
        writeAttention(c, json);
        putId(json, "bos_token_id", c.bosId());
        putId(json, "eos_token_id", c.eosId());
        putId(json, "pad_token_id", c.padId());
        // transformers 4 reads torch_dtype, 5 reads dtype
        json.put("torch_dtype", "float32");
        json.put("dtype", "float32");
        AtomicFiles.write(file, json.toPrettyString());
    }

    private static void writeRope(DecoderConfig c, ObjectNode json) {
        json.put("rope_theta", c.rope().theta());
        ObjectNode rope = json.putObject("rope_parameters");
        rope.put("rope_theta", c.rope().theta());
        rope.put("rope_type", c.rope().stretched() ? "llama3" : "default");
        if (c.rope().stretched()) {
            rope.put("factor", c.rope().factor());
            rope.put("low_freq_factor", c.rope().lowFrequencyFactor());
            rope.put("high_freq_factor", c.rope().highFrequencyFactor());
            rope.put("original_max_position_embeddings", c.rope().originalMaxPositions());
            json.set("rope_scaling", rope.deepCopy().without("rope_theta"));
        } else {
            json.putNull("rope_scaling");
        }
    }

    private static void writeAttention(DecoderConfig c, ObjectNode json) {
        if (c.slidingWindow() > 0) {
            json.put("sliding_window", c.slidingWindow());
        } else {
            json.putNull("sliding_window");
        }
        switch (c.modelType()) {
            case LLAMA -> {
                json.put("attention_bias", c.qkvBias());
                json.put("mlp_bias", c.mlpBias());
            }
            case QWEN2 -> {
                json.put("use_sliding_window", c.slidingWindow() > 0);
                json.put("max_window_layers", c.slidingWindow() > 0 ? c.slidingFromLayer() : c.layers());
            }
            case MISTRAL -> {
            }
        }
    }

    private static void putId(ObjectNode json, String key, int id) {
        if (id >= 0) {
            json.put(key, id);
        } else {
            json.putNull(key);
        }
    }
}
