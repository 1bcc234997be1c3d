// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;

/**
 * Shape of a decoder, as in the {@code config.json} of Hugging Face's mistral, llama and qwen2.
 *
 * @param modelType which of the three names goes into {@code config.json}
 * @param vocabSize rows of the embedding and of the output layer, V
 * @param hiddenSize width of the residual stream, H
 * @param intermediateSize width of the MLP
 * @param layers number of blocks
 * @param heads query heads
 * @param kvHeads key/value heads; divides {@code heads}
 * @param headSize d; even
 * @param maxPositions longest sequence the model is meant for
 * @param normEpsilon epsilon of RMSNorm
 * @param rope rotary position embedding
 * @param slidingWindow keys that a query sees, itself included; 0 = all before it
 * @param slidingFromLayer first layer that has the window (qwen2's {@code max_window_layers}); 0 = every layer
 * @param tiedEmbeddings whether the output layer is the embedding
 * @param qkvBias whether query, key and value projections have biases
 * @param outputBias whether the attention's output projection has a bias
 * @param mlpBias whether the MLP's projections have biases
 * @param initializerRange standard deviation of new weights
 * @param bosId begin token, -1 = none
 * @param eosId end token, -1 = none
 * @param padId padding token, -1 = none
 */
public record DecoderConfig(
        Type modelType, int vocabSize, int hiddenSize, int intermediateSize, int layers, int heads, int kvHeads, int headSize,
        int maxPositions, double normEpsilon, RopeScaling rope, int slidingWindow, int slidingFromLayer, boolean tiedEmbeddings,
        boolean qkvBias, boolean outputBias, boolean mlpBias, double initializerRange, int bosId, int eosId, int padId) {

    /** The supported architectures. */
    public enum Type {
        /** Sliding window, no biases. */
        MISTRAL("MistralForCausalLM"),
        /** No window, biases as {@code attention_bias} and {@code mlp_bias} say. */
        LLAMA("LlamaForCausalLM"),
        /** Query, key and value biases, optional window. */
        QWEN2("Qwen2ForCausalLM");

        private final String architecture;

        Type(String architecture) {
            this.architecture = architecture;
        }

        /** Name in {@code architectures}. */
        String architecture() {
            return architecture;
        }

        /** Name in {@code model_type}. */
        String key() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    public DecoderConfig {
        require(vocabSize >= 1, "vocab_size", vocabSize, "at least 1");
        require(hiddenSize >= 1, "hidden_size", hiddenSize, "at least 1");
        require(intermediateSize >= 1, "intermediate_size", intermediateSize, "at least 1");
        require(layers >= 1, "num_hidden_layers", layers, "at least 1");
        require(heads >= 1, "num_attention_heads", heads, "at least 1");
        require(kvHeads >= 1 && heads % kvHeads == 0, "num_key_value_heads", kvHeads, "a divisor of num_attention_heads " + heads);
        require(headSize >= 2 && headSize % 2 == 0, "head_dim", headSize, "even");
        require(maxPositions >= 1, "max_position_embeddings", maxPositions, "at least 1");
        require(normEpsilon > 0, "rms_norm_eps", normEpsilon, "greater than 0");
        require(slidingWindow >= 0, "sliding_window", slidingWindow, "at least 0");
    }

    private static void require(boolean condition, String key, Object found, String expected) {
        if (!condition) {
            throw new IllegalArgumentException(key + " is " + found + ", expected " + expected);
        }
    }

    /**
     * A small Mistral with full-width heads, tied embeddings and SwiGLU: the embedded default.
     *
     * @param intermediateSize width of the MLP, often 8/3 of hidden
     * @param slidingWindow 0 = none
     */
    public static DecoderConfig mistral(int vocabSize, int hiddenSize, int intermediateSize, int layers, int heads, int kvHeads,
            int maxPositions, int slidingWindow, int bosId, int eosId, int padId) {
        return new DecoderConfig(Type.MISTRAL, vocabSize, hiddenSize, intermediateSize, layers, heads, kvHeads, hiddenSize / heads,
                maxPositions, 1e-5, RopeScaling.of(10000), slidingWindow, 0, true, false, false, false, 0.02, bosId, eosId, padId);
    }

    /**
     * Reads {@code config.json} in the form of transformers 4 or 5.
     *
     * @throws IOException when a key is missing or wrong, or a setting is not supported; the message names file and key
     */
    public static DecoderConfig read(Path file) throws IOException {
        return DecoderConfigJson.read(file);
    }

    /** Writes {@code config.json} in a form that transformers 4 and 5 both read. */
    public void write(Path file) throws IOException {
        DecoderConfigJson.write(this, file);
    }

    /** The window of a layer in keys, 0 = none. */
    int window(int layer) {
        return layer >= slidingFromLayer ? slidingWindow : 0;
    }
}
