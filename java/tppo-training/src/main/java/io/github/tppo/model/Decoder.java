// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * A decoder-only language model (mistral, llama, qwen2) in plain libtorch calls over named parameters; names, layout and logits are
 * those of Hugging Face's transformers. No dropout, so there is no training mode: whether autograd records is the caller's
 * {@link Scope}. Parameters are f32 after {@link #create} and {@link #load}, as stored after {@link #open}; what is computed is f32.
 *
 * <p>Owns its parameters until {@link #close}. Not thread safe.
 */
@SuppressWarnings("try") // scopes are opened for what their closing frees
public final class Decoder implements AutoCloseable {

    private static final String EMBEDDING = "model.embed_tokens.weight";
    private static final String FINAL_NORM = "model.norm.weight";
    private static final String OUTPUT = "lm_head.weight";

    private final DecoderConfig config;
    private final Parameters parameters;
    private final DecoderBlock[] blocks;
    private final RotaryTable rotary;

    private Decoder(DecoderConfig config, Parameters parameters) {
        this.config = config;
        this.parameters = parameters;
        this.blocks = new DecoderBlock[config.layers()];
        for (int layer = 0; layer < blocks.length; layer++) {
            blocks[layer] = new DecoderBlock(config, layer, parameters);
        }
        this.rotary = new RotaryTable(config.rope(), config.headSize());
    }

    /** Makes a model with new weights: normal(0, initializerRange), norms 1, biases 0; the same bits for the same seed. */
    public static Decoder create(DecoderConfig config, long seed) {
        return new Decoder(config, Parameters.create(layout(config), config.initializerRange(), seed));
    }

    /**
     * Reads a checkpoint folder, {@code config.json} and {@code model.safetensors}, sharded or not, into f32 parameters to be trained.
     *
     * @throws IOException when something is missing, malformed or not supported; the message names file and reason
     */
    public static Decoder load(Path folder) throws IOException {
        DecoderConfig config = DecoderConfig.load(folder);
        SafeTensors weights = check(config, SafeTensors.open(folder));
        return new Decoder(config, Parameters.load(layout(config), weights));
    }

    /**
     * Opens a checkpoint folder to read from: parameters are views of the mapped files in the dtypes in which they are stored, without
     * gradients. Nothing is copied, so opening takes no time and the weights take memory once, however often they are opened; see
     * {@link SafeTensors#map}. The files must stay as they are until {@link #close}.
     *
     * @throws IOException as {@link #load}
     */
    public static Decoder open(Path folder) throws IOException {
        DecoderConfig config = DecoderConfig.load(folder);
        SafeTensors weights = check(config, SafeTensors.open(folder));
        return new Decoder(config, Parameters.open(layout(config), weights));
    }

    /** Refuses weights that are not those of {@code config}, before memory is taken for them. */
    static SafeTensors check(DecoderConfig config, SafeTensors weights) throws IOException {
        Parameters.checkLayers(config.layers(), weights);
        Parameters.check(layout(config), weights, name -> isDerived(config, name));
        if (config.tiedEmbeddings() && weights.names().contains(OUTPUT)) {
            try (Scope scope = Scope.noGrad()) {
                List<Tensor> both = List.copyOf(weights.map(List.of(EMBEDDING, OUTPUT)).values());
                boolean alike = both.get(0).scalar_type().intern() == both.get(1).scalar_type().intern()
                        && Arrays.equals(Tensors.shape(both.get(0)), Tensors.shape(both.get(1)));
                if (!alike || !both.get(0).equal(both.get(1))) {
                    throw new IOException(weights.source() + ": " + OUTPUT + " differs from " + EMBEDDING
                            + ", but config.json's tie_word_embeddings is true");
                }
            }
        }
        return weights;
    }

    /** Tensors that some writers store and that follow from the rest. */
    private static boolean isDerived(DecoderConfig config, String name) {
        return name.endsWith(".rotary_emb.inv_freq") || (config.tiedEmbeddings() && name.equals(OUTPUT));
    }

    static Parameters.Layout layout(DecoderConfig c) {
        Parameters.Layout layout = new Parameters.Layout(-1);
        layout.add(EMBEDDING, Parameters.Init.NORMAL, c.vocabSize(), c.hiddenSize());
        for (int layer = 0; layer < c.layers(); layer++) {
            DecoderBlock.addTo(layout, c, layer);
        }
        layout.add(FINAL_NORM, Parameters.Init.ONE, c.hiddenSize());
        if (!c.tiedEmbeddings()) {
            layout.add(OUTPUT, Parameters.Init.NORMAL, c.vocabSize(), c.hiddenSize());
        }
        return layout;
    }

    /** Writes a checkpoint folder in F32; see {@link #save(Path, WeightFormat)}. */
    public void save(Path folder) throws IOException {
        save(folder, WeightFormat.FLOAT32);
    }

    /**
     * Writes {@code config.json}, {@code generation_config.json} and the weights, in one file or in shards with an index. Each file appears
     * whole or not at all; weights that were there before are replaced when all new ones are written.
     */
    public void save(Path folder, WeightFormat format) throws IOException {
        config.write(folder, format);
        parameters.save(folder, format);
    }

    /** Returns the model's shape. */
    public DecoderConfig config() {
        return config;
    }

    /** Returns the parameters under their Hugging Face names, in a fixed order. They belong to the model: do not close them. */
    public Map<String, Tensor> parameters() {
        return parameters.map();
    }

    /** Returns the parameters that training changes, a part of {@link #parameters} in the same order. */
    public Map<String, Tensor> trainable() {
        return parameters.trainable();
    }

    /** Makes an independent copy with the same weights. */
    public Decoder copy() {
        return new Decoder(config, parameters.copy());
    }

    /**
     * Makes a model on the same weights with gradients of its own, so that parts of a batch can be trained side by side: each part on
     * one replica, then {@link Autograd#moveGradients} in a fixed order. A step of the optimiser on this model is seen by its
     * replicas. Close it like any model.
     */
    public Decoder replica() {
        return new Decoder(config, parameters.shared());
    }

    /**
     * Runs the trunk.
     *
     * @param inputIds i64 [B, T]
     * @param attentionMask i64 [B, T], 1 at real tokens, padding on the left or the right; null = no padding
     * @return f32 [B, T, H], after the final norm; finite but without meaning at padding
     */
    public Tensor hidden(Tensor inputIds, Tensor attentionMask) {
        checkInput(inputIds, attentionMask);
        try (Scope scope = Scope.open()) {
            Tensor x = trunk(inputIds, attentionMask, null);
            return scope.keep(DecoderBlock.rmsNorm(x, parameters.get(FINAL_NORM), config.normEpsilon()));
        }
    }

    /** Runs the output layer on hidden states [..., H], result [..., V] in their dtype. */
    public Tensor logits(Tensor hidden) {
        try (Scope scope = Scope.open()) {
            return scope.keep(torch.linear(hidden, Linear.as(outputWeight(), hidden)));
        }
    }

    /** The embeddings of token ids as f32, the dtype of the residual stream. */
    private Tensor embed(Tensor ids) {
        return torch.embedding(parameters.get(EMBEDDING), ids).to(ScalarType.Float);
    }

    /**
     * Returns the weights of the output layer, [V, H], in the dtype of the parameters: logits = hidden times its transpose. Tied, it is the
     * embedding.
     */
    public Tensor outputWeight() {
        return parameters.get(config.tiedEmbeddings() ? EMBEDDING : OUTPUT);
    }

    /**
     * Runs prompts that are padded on the left and fills the cache.
     *
     * @return the last position after the final norm, [B, H]
     */
    Tensor prefill(Tensor inputIds, Tensor attentionMask, KvCache cache) {
        checkInput(inputIds, attentionMask);
        try (Scope scope = Scope.noGrad()) {
            Tensor x = trunk(inputIds, attentionMask, cache);
            return scope.keep(finish(x));
        }
    }

    /**
     * Runs one new token of each sequence.
     *
     * @param ids i64 [B]
     * @param positions i64 [B], each below the cache's length
     * @return after the final norm, [B, H]
     */
    Tensor step(Tensor ids, Tensor positions, KvCache cache) {
        try (Scope scope = Scope.noGrad()) {
            cache.advance();
            Tensor x = embed(ids.unsqueeze(1));
            RotaryTable.Angles angles = rotary.at(positions.unsqueeze(1), cache.length());
            for (DecoderBlock block : blocks) {
                x = block.step(x, angles, cache);
            }
            return scope.keep(finish(x));
        }
    }

    private Tensor finish(Tensor x) {
        return DecoderBlock.rmsNorm(x, parameters.get(FINAL_NORM), config.normEpsilon()).view(x.size(0), config.hiddenSize());
    }

    private Tensor trunk(Tensor inputIds, Tensor attentionMask, KvCache cache) {
        long time = inputIds.size(1);
        Tensor x = embed(inputIds);
        RotaryTable.Angles angles = attentionMask == null ? rotary.upTo(time)
                : rotary.at(attentionMask.ne(new Scalar(0)).cumsum(1).sub(new Scalar(1)).clamp_min(new Scalar(0)), time);
        if (cache != null) {
            cache.startWith(DecoderMasks.keyBias(attentionMask));
        }
        DecoderMasks masks = new DecoderMasks(attentionMask, time);
        for (int layer = 0; layer < blocks.length; layer++) {
            boolean lastOnly = cache != null && layer == blocks.length - 1;
            x = blocks[layer].forward(x, angles, masks.forWindow(config.window(layer)), cache, lastOnly);
        }
        return x;
    }

    private void checkInput(Tensor ids, Tensor mask) {
        if (ids.dim() != 2 || ids.size(0) < 1 || ids.size(1) < 1 || ids.scalar_type().intern() != ScalarType.Long) {
            throw new IllegalArgumentException("inputIds must be i64 [B, T] and not empty, are " + ids.scalar_type().intern() + " "
                    + Arrays.toString(Tensors.shape(ids)));
        }
        if (mask != null && (mask.scalar_type().intern() != ScalarType.Long || !Arrays.equals(Tensors.shape(mask), Tensors.shape(ids)))) {
            throw new IllegalArgumentException("attentionMask must be i64 " + Arrays.toString(Tensors.shape(ids)) + " like inputIds, is "
                    + mask.scalar_type().intern() + " " + Arrays.toString(Tensors.shape(mask)));
        }
    }

    /** Frees the parameters and their gradients. */
    @Override
    public void close() {
        parameters.close();
        rotary.close();
    }
}
