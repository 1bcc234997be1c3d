// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.tppo.run.AtomicFiles;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * A decoder-only language model (mistral, llama, qwen2) in plain libtorch calls over named f32 parameters; names, layout and logits are
 * those of Hugging Face's transformers. No dropout, so there is no training mode: whether autograd records is the caller's
 * {@link Scope}.
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
     * Reads a checkpoint folder: {@code config.json} and {@code model.safetensors}, sharded or not.
     *
     * @throws IOException when something is missing, malformed or not supported; the message names file and reason
     */
    public static Decoder load(Path folder) throws IOException {
        DecoderConfig config = DecoderConfig.read(folder.resolve("config.json"));
        SafeTensors weights = SafeTensors.open(folder);
        return new Decoder(config, Parameters.load(layout(config), weights, name -> isDerived(config, name)));
    }

    /** Tensors that some writers store and that follow from the rest. */
    private static boolean isDerived(DecoderConfig config, String name) {
        return name.endsWith(".rotary_emb.inv_freq") || (config.tiedEmbeddings() && name.equals(OUTPUT));
    }

    private static Parameters.Layout layout(DecoderConfig c) {
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

    /** Writes {@code config.json}, {@code model.safetensors} (F32) and {@code generation_config.json}; each appears whole or not at all. */
    public void save(Path folder) throws IOException {
        config.write(folder.resolve("config.json"));
        parameters.save(folder.resolve(SafeTensors.FILE_NAME));
        ObjectNode generation = SafeTensorsHeader.JSON.createObjectNode();
        generation.put("_from_model_config", true);
        putId(generation, "bos_token_id", config.bosId());
        putId(generation, "eos_token_id", config.eosId());
        putId(generation, "pad_token_id", config.padId());
        AtomicFiles.write(folder.resolve("generation_config.json"), generation.toPrettyString());
    }

    private static void putId(ObjectNode json, String key, int id) {
        if (id >= 0) {
            json.put(key, id);
        }
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

    /** Sets what the projections compute in, here and in later copies and replicas; the default is {@link Precision#FLOAT32}. */
    public void setPrecision(Precision precision) {
        parameters.with(precision);
    }

    /**
     * Runs the trunk.
     *
     * @param inputIds i64 [B, T]
     * @param attentionMask i64 [B, T], 1 at real tokens, padding on the left or the right; null = no padding
     * @return f32 [B, T, H], after the final norm; finite but without meaning at padding
     */
    public Tensor hidden(Tensor inputIds, Tensor attentionMask) {
        try (Scope scope = Scope.open()) {
            return scope.keep(Pass.run(layers(inputIds, attentionMask)));
        }
    }

    /**
     * Runs the trunk for training; arguments as {@link #hidden}.
     *
     * @param checkpointing hold what goes into each block alone and compute the rest again on the way back; it is done in any case
     *     where frozen weights have to be widened, of which autograd would hold a copy for all blocks
     */
    public Pass forward(Tensor inputIds, Tensor attentionMask, boolean checkpointing) {
        return Pass.of(layers(inputIds, attentionMask), checkpointing || parameters.widensFrozen());
    }

    /** The trunk as a chain: embedding, blocks, final norm. */
    private List<UnaryOperator<Tensor>> layers(Tensor inputIds, Tensor attentionMask) {
        checkInput(inputIds, attentionMask);
        RotaryTable.Angles angles = angles(attentionMask, inputIds.size(1));
        DecoderMasks masks = new DecoderMasks(attentionMask, inputIds.size(1));
        List<UnaryOperator<Tensor>> layers = new ArrayList<>();
        layers.add(none -> Precision.FLOAT32.cast(torch.embedding(parameters.get(EMBEDDING), inputIds)));
        for (int layer = 0; layer < blocks.length; layer++) {
            DecoderBlock block = blocks[layer];
            Tensor mask = masks.forWindow(config.window(layer));
            layers.add(x -> block.forward(x, angles, mask, null, false));
        }
        layers.add(x -> DecoderBlock.rmsNorm(x, parameters.get(FINAL_NORM), config.normEpsilon()));
        return layers;
    }

    private RotaryTable.Angles angles(Tensor attentionMask, long time) {
        return attentionMask == null ? rotary.upTo(time)
                : rotary.at(attentionMask.ne(new Scalar(0)).cumsum(1).sub(new Scalar(1)).clamp_min(new Scalar(0)), time);
    }

    /** Returns the weights of the output layer, [V, H]: logits = hidden times its transpose. Tied, it is the embedding. */
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
            Tensor x = torch.embedding(parameters.get(EMBEDDING), ids.unsqueeze(1));
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
        Tensor x = torch.embedding(parameters.get(EMBEDDING), inputIds);
        RotaryTable.Angles angles = angles(attentionMask, time);
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
