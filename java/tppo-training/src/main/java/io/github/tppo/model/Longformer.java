// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * A Longformer token classifier over named parameters; names, layout and logits are those of
 * {@code LongformerForTokenClassification} in Hugging Face's transformers. With one label it gives a score for each token.
 * Attention costs time and memory linear in the length (see {@link SlidingWindow}). Dropout is not applied: whether autograd
 * records is the caller's {@link Scope}. Parameters are f32 after {@link #create} and {@link #load}, as stored after {@link #open}; what is
 * computed is f32.
 *
 * <p>Owns its parameters until {@link #close}. Several threads may run {@link #logits} at once, each in a scope of its own without gradients, and
 * get the same bits as alone. A backward pass, a step of an optimiser, {@link #setPrecision} and {@link #close} need the model to themselves; for
 * training side by side each thread takes a {@link #replica}.
 */
@SuppressWarnings("try") // scopes are opened for what their closing frees
public final class Longformer implements AutoCloseable {

  private static final String EMBEDDINGS = "longformer.embeddings.";
  private static final String CLASSIFIER = "classifier";

  private final LongformerConfig config;
  private final Parameters parameters;
  private final LongformerBlock[] blocks;
  private boolean alwaysCut;

  private Longformer(LongformerConfig config, Parameters parameters) {
    this.config = config;
    this.parameters = parameters;
    this.blocks = new LongformerBlock[config.layers()];
    for (int layer = 0; layer < blocks.length; layer++) {
      blocks[layer] = new LongformerBlock(config, layer, parameters);
    }
  }

  /** Makes a model with new weights: normal(0, initializerRange), norms 1, biases and padding rows 0; the same bits for the same seed. */
  public static Longformer create(LongformerConfig config, long seed) {
    return new Longformer(config, Parameters.create(layout(config), config.initializerRange(), seed));
  }

  /**
   * Reads a checkpoint folder, {@code config.json} and {@code model.safetensors}, sharded or not, into f32 parameters to be trained.
   *
   * @throws IOException when something is missing, malformed or not supported; the message names file and reason
   */
  public static Longformer load(Path folder) throws IOException {
    LongformerConfig config = LongformerConfig.read(folder.resolve("config.json"));
    return new Longformer(config, Parameters.load(layout(config), check(config, SafeTensors.open(folder))));
  }

  /**
   * Opens a checkpoint folder to read from: parameters are views of the mapped files, as {@link Decoder#open}.
   *
   * @throws IOException as {@link #load}
   */
  public static Longformer open(Path folder) throws IOException {
    LongformerConfig config = LongformerConfig.read(folder.resolve("config.json"));
    return new Longformer(config, Parameters.open(layout(config), check(config, SafeTensors.open(folder))));
  }

  /** Refuses weights that are not those of {@code config}, before memory is taken for them. */
  static SafeTensors check(LongformerConfig config, SafeTensors weights) throws IOException {
    Parameters.checkLayers(config.layers(), weights);
    Parameters.check(layout(config), weights, Longformer::isUnused);
    return weights;
  }

  /** Tensors that older writers stored and that token classification does not use. */
  private static boolean isUnused(String name) {
    return name.equals(EMBEDDINGS + "position_ids") || name.startsWith("longformer.pooler.");
  }

  static Parameters.Layout layout(LongformerConfig c) {
    Parameters.Layout layout = new Parameters.Layout(c.padId());
    layout.add(EMBEDDINGS + "word_embeddings.weight", Parameters.Init.NORMAL_PAD_ZERO, c.vocabSize(), c.hiddenSize());
    layout.add(EMBEDDINGS + "position_embeddings.weight", Parameters.Init.NORMAL_PAD_ZERO, c.maxPositions(), c.hiddenSize());
    layout.add(EMBEDDINGS + "token_type_embeddings.weight", Parameters.Init.NORMAL, c.typeVocabSize(), c.hiddenSize());
    LongformerBlock.addNorm(layout, EMBEDDINGS + "LayerNorm", c.hiddenSize());
    for (int layer = 0; layer < c.layers(); layer++) {
      LongformerBlock.addTo(layout, c, layer);
    }
    LongformerBlock.addLinear(layout, CLASSIFIER, c.labels(), c.hiddenSize());
    return layout;
  }

  /** Writes a checkpoint folder in F32; see {@link #save(Path, WeightFormat)}. */
  public void save(Path folder) throws IOException {
    save(folder, WeightFormat.FLOAT32);
  }

  /**
   * Writes {@code config.json} and the weights, in one file or in shards with an index. Each file appears whole or not at all; weights
   * that were there before are replaced when all new ones are written.
   */
  public void save(Path folder, WeightFormat format) throws IOException {
    parameters.save(folder, format, config::write);
  }

  /** Returns the model's shape. */
  public LongformerConfig config() {
    return config;
  }

  /** Returns the parameters under their Hugging Face names, in a fixed order. They belong to the model: do not close them. */
  public Map<String, Tensor> parameters() {
    return parameters.map();
  }

  /** Makes an independent copy with the same weights. */
  public Longformer copy() {
    return new Longformer(config, parameters.copy());
  }

  /** Cuts short sequences too, for the test that it makes no difference. */
  void alwaysCut() {
    alwaysCut = true;
  }

  /**
   * Makes a model on the same weights with gradients of its own, so that parts of a batch can be trained side by side: each part on
   * one replica, then {@link Autograd#moveGradients} in a fixed order. A step of the optimiser on this model is seen by its
   * replicas. Close it like any model.
   */
  public Longformer replica() {
    return new Longformer(config, parameters.shared());
  }

  /** Sets what the projections compute in, here and in later copies and replicas; the default is {@link Precision#FLOAT32}. */
  public void setPrecision(Precision precision) {
    parameters.with(precision);
  }

  /**
   * Runs the trunk.
   *
   * @param inputIds i64 [B, T]
   * @param attentionMask i64 [B, T], 1 at real tokens; null = no padding
   * @param globalMask i64 [B, T], 1 at tokens with global attention; null = none
   * @param tokenTypes i64 [B, T]; null = all 0
   * @return f32 [B, T, H]
   */
  public Tensor hidden(Tensor inputIds, Tensor attentionMask, Tensor globalMask, Tensor tokenTypes) {
    try (Scope scope = Scope.open()) {
      return scope.keep(Pass.run(layers(inputIds, attentionMask, globalMask, tokenTypes)));
    }
  }

  /**
   * Runs the trunk for training; arguments as {@link #hidden}.
   *
   * @param checkpointing hold what goes into each block alone and compute the rest again on the way back
   */
  public Pass forward(Tensor inputIds, Tensor attentionMask, Tensor globalMask, Tensor tokenTypes, boolean checkpointing) {
    return Pass.of(layers(inputIds, attentionMask, globalMask, tokenTypes), checkpointing);
  }

  /** The trunk as a chain: embedding, blocks. */
  private List<UnaryOperator<Tensor>> layers(Tensor inputIds, Tensor attentionMask, Tensor globalMask, Tensor tokenTypes) {
    parameters.requireOpen();
    TensorArguments.requireIds("inputIds", inputIds, config.vocabSize());
    TensorArguments.requireLike("attentionMask", attentionMask, inputIds);
    TensorArguments.requireLike("globalMask", globalMask, inputIds);
    TensorArguments.requireLike("tokenTypes", tokenTypes, inputIds);
    if (tokenTypes != null) {
      TensorArguments.requireIds("tokenTypes", tokenTypes, config.typeVocabSize());
    }
    SlidingWindow window = window(inputIds, attentionMask, globalMask);
    Tensor real = attentionMask == null ? null : window.realAsFloat();
    List<UnaryOperator<Tensor>> layers = new ArrayList<>();
    layers.add(none -> embed(inputIds, attentionMask, tokenTypes));
    for (LongformerBlock block : blocks) {
      layers.add(x -> block.forward(x, window, real));
    }
    return layers;
  }

  /** Runs the trunk and the classifier; arguments as {@link #hidden}, result f32 [B, T, labels]. */
  public Tensor logits(Tensor inputIds, Tensor attentionMask, Tensor globalMask, Tensor tokenTypes) {
    try (Scope scope = Scope.open()) {
      return scope.keep(classify(hidden(inputIds, attentionMask, globalMask, tokenTypes)));
    }
  }

  /** Runs the classifier on hidden states [..., H], in f32; result [..., labels]. */
  public Tensor classify(Tensor hidden) {
    parameters.requireOpen();
    TensorArguments.requireRows("hidden", hidden, config.hiddenSize());
    Tensor weight = parameters.get(CLASSIFIER + ".weight");
    try (Scope scope = Scope.open()) {
      return scope.keep(Linear.product(hidden, weight, parameters.get(CLASSIFIER + ".bias"), Precision.FLOAT32));
    }
  }

  private SlidingWindow window(Tensor inputIds, Tensor attentionMask, Tensor globalMask) {
    long[] attention;
    if (attentionMask == null) {
      attention = new long[Math.toIntExact(inputIds.numel())];
      Arrays.fill(attention, 1);
    } else {
      attention = Tensors.toLongs(attentionMask);
    }
    long[] global = globalMask == null ? null : Tensors.toLongs(globalMask);
    int[] sides = config.attentionWindows().stream().mapToInt(window -> window / 2).toArray();
    return new SlidingWindow(attention, global, inputIds.size(0), inputIds.size(1), sides, alwaysCut);
  }

  private Tensor embed(Tensor inputIds, Tensor attentionMask, Tensor tokenTypes) {
    int pad = config.padId();
    Tensor word = torch.embedding(parameters.get(EMBEDDINGS + "word_embeddings.weight"), inputIds, pad, false, false)
        .to(ScalarType.Float);
    Tensor position = torch.embedding(parameters.get(EMBEDDINGS + "position_embeddings.weight"), positions(inputIds), pad, false, false);
    Tensor types = parameters.get(EMBEDDINGS + "token_type_embeddings.weight");
    Tensor type = tokenTypes == null ? types.select(0, 0) : torch.embedding(types, tokenTypes);
    Tensor sum = Padding.tame(word.add(position).add(type), attentionMask);
    return LongformerBlock.norm(sum, parameters, EMBEDDINGS + "LayerNorm", config.normEpsilon());
  }

  /** padId for padding ids, else padId plus the count of other ids so far. */
  private Tensor positions(Tensor inputIds) {
    long[] ids = Tensors.toLongs(inputIds);
    int time = (int) inputIds.size(1);
    long[] positions = new long[ids.length];
    for (int row = 0; row < ids.length; row += time) {
      long position = config.padId();
      for (int i = row; i < row + time; i++) {
        positions[i] = ids[i] == config.padId() ? config.padId() : ++position;
      }
      if (position >= config.maxPositions()) {
        throw new IllegalArgumentException("sequence " + row / time + " has " + (position - config.padId())
            + " tokens, the model takes at most " + config.maxTokens());
      }
    }
    return Tensors.of(positions, inputIds.size(0), time);
  }

  /** Frees the parameters and their gradients. */
  @Override
  public void close() {
    parameters.close();
  }
}
