// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

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

/**
 * A decoder-only language model (mistral, llama, qwen2) in plain libtorch calls over named parameters; names, layout and logits are
 * those of Hugging Face's transformers. No dropout, so there is no training mode: whether autograd records is the caller's
 * {@link Scope}. Parameters are f32 after {@link #create} and {@link #load}, as stored after {@link #open}; what is computed is f32.
 *
 * <p>Owns its parameters until {@link #close}. Several threads may run {@link #hidden}, {@link #logits} and a {@link Generator} at once, each in a
 * scope of its own without gradients, and get the same bits as alone. A backward pass, a step of an optimiser, {@link #merge},
 * {@link #setPrecision} and {@link #close} need the model to themselves; for training side by side each thread takes a {@link #replica}.
 */
@SuppressWarnings("try") // scopes are opened for what their closing frees
public final class Decoder implements AutoCloseable {

  static final String EMBEDDING = "model.embed_tokens.weight";
  static final String FINAL_NORM = "model.norm.weight";
  private static final String OUTPUT = "lm_head.weight";

  private final DecoderConfig config;
  private final Parameters parameters;
  private final DecoderBlock[] blocks;
  private final RotaryTable rotary;

  private Decoder(DecoderConfig config, Parameters parameters) {
    this.config = config;
    this.parameters = parameters;
    this.blocks = new DecoderBlock[config.layers()];
    this.rotary = new RotaryTable(config.rope(), config.headSize());
    makeBlocks();
  }

  private void makeBlocks() {
    for (int layer = 0; layer < blocks.length; layer++) {
      blocks[layer] = new DecoderBlock(config, layer, parameters);
    }
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
   * {@link SafeTensors#map}. The files must stay as they are until {@link #close}. Weights that are not all of one type are widened to f32,
   * in memory.
   *
   * @throws IOException as {@link #load}
   */
  public static Decoder open(Path folder) throws IOException {
    DecoderConfig config = DecoderConfig.load(folder);
    SafeTensors weights = check(config, SafeTensors.open(folder));
    if (!weights.haveOneType(layout(config).shapes().keySet())) {
      try (Decoder wide = load(folder)) {
        return wide.base();
      }
    }
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
   * whole or not at all; weights that were there before are replaced when all new ones are written. What is written needs no adapters: those of
   * the model are folded in on the way, without memory for it. To keep them apart, save the {@link #base} and {@link Lora#save}.
   */
  public void save(Path folder, WeightFormat format) throws IOException {
    parameters.save(folder, format, config::write);
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
   * Makes a model on the same weights, frozen, with adapters on its projections; only these are trained. The weights are not copied:
   * they live until the last model on them is closed.
   *
   * @param lora belongs to the new model from here on
   * @throws IllegalArgumentException when this model has adapters itself, or these belong to a model of another shape
   */
  public Decoder adapted(Lora lora) {
    if (parameters.lora() != null) {
      throw new IllegalArgumentException("the model has adapters already");
    }
    lora.requireFor(config);
    return new Decoder(config, parameters.frozen(lora));
  }

  /** Makes a model on the same weights, frozen, without the adapters: what training started from, as long as they are not merged. */
  public Decoder base() {
    return new Decoder(config, parameters.frozen(null));
  }

  /** Returns the adapters, merged or not, or null where the model has none. They belong to the model. */
  public Lora lora() {
    return parameters.lora();
  }

  /**
   * Returns what the model computes beside its weights, by the name of the projection such as
   * {@code model.layers.0.self_attn.q_proj}; empty without adapters and while they are merged.
   */
  public Map<String, LoraAdapter> adapters() {
    return parameters.lora() == null || parameters.merged() ? Map.of() : parameters.lora().adapters();
  }

  /**
   * Folds the adapters into the weights: the logits stay (to rounding), and the model is like any without adapters. The changed
   * weights are new f32 memory, so other models on the old ones keep them.
   *
   * @throws IllegalStateException when there are none, or they are merged already
   */
  public void merge() {
    parameters.setMerged(true);
    makeBlocks();
  }

  /** Takes merged adapters out of the weights again, which are back where they were to rounding. */
  public void unmerge() {
    parameters.setMerged(false);
    makeBlocks();
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
    layers.add(none -> Padding.tame(Precision.FLOAT32.cast(torch.embedding(parameters.get(EMBEDDING), inputIds)), attentionMask));
    for (int layer = 0; layer < blocks.length; layer++) {
      DecoderBlock block = blocks[layer];
      Tensor mask = masks.forWindow(config.window(layer));
      layers.add(x -> block.forward(x, angles, mask));
    }
    layers.add(x -> DecoderBlock.rmsNorm(x, parameters.get(FINAL_NORM), config.normEpsilon()));
    return layers;
  }

  private RotaryTable.Angles angles(Tensor attentionMask, long time) {
    return attentionMask == null ? rotary.upTo(time)
        : rotary.at(attentionMask.ne(new Scalar(0)).cumsum(1).sub(new Scalar(1)).clamp_min(new Scalar(0)), time);
  }

  /** Runs the output layer on hidden states [..., H], result [..., V] in their dtype. */
  public Tensor logits(Tensor hidden) {
    parameters.requireOpen();
    TensorArguments.requireRows("hidden", hidden, config.hiddenSize());
    try (Scope scope = Scope.open()) {
      return scope.keep(torch.linear(hidden, Precision.cast(outputWeight(), hidden.scalar_type().intern())));
    }
  }

  /**
   * Returns the weights of the output layer, [V, H], in the dtype of the parameters: logits = hidden times its transpose. Tied, it is the
   * embedding.
   */
  public Tensor outputWeight() {
    return parameters.get(config.tiedEmbeddings() ? EMBEDDING : OUTPUT);
  }

  private void checkInput(Tensor ids, Tensor mask) {
    parameters.requireOpen();
    TensorArguments.requireIds("inputIds", ids, config.vocabSize());
    TensorArguments.requireLike("attentionMask", mask, ids);
  }

  /** Frees the parameters and their gradients. */
  @Override
  public void close() {
    parameters.close();
    rotary.close();
  }
}
