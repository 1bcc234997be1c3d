// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import io.github.tppo.run.AtomicFiles;
import io.github.tppo.run.Check;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.stream.IntStream;

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
 * @param windows of each layer: keys that a query sees, itself included; 0 = all before it
 * @param tiedEmbeddings whether the output layer is the embedding
 * @param qkvBias whether query, key and value projections have biases
 * @param outputBias whether the attention's output projection has a bias
 * @param mlpBias whether the MLP's projections have biases
 * @param initializerRange standard deviation of new weights
 * @param bosId begin token, -1 = none
 * @param eosIds tokens of which each ends a response; may be empty
 * @param padId padding token, -1 = none
 */
public record DecoderConfig(
    Type modelType, int vocabSize, int hiddenSize, int intermediateSize, int layers, int heads, int kvHeads, int headSize,
    int maxPositions, double normEpsilon, RopeScaling rope, List<Integer> windows, boolean tiedEmbeddings,
    boolean qkvBias, boolean outputBias, boolean mlpBias, double initializerRange, int bosId, List<Integer> eosIds, int padId) {

  /** No model has more; a bound, so that a file cannot make us allocate for as many as an int holds. */
  static final int MAX_LAYERS = 10_000;

  private static final String GENERATION_FILE = "generation_config.json";

  /** The supported architectures. */
  public enum Type {
    /** No biases, one window for all layers or none. */
    MISTRAL("MistralForCausalLM"),
    /** No window, biases of all four attention projections or none, biases of the MLP or none. */
    LLAMA("LlamaForCausalLM"),
    /** Query, key and value biases, one window for some of the layers. */
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
    requireLayers(layers);
    require(heads >= 1, "num_attention_heads", heads, "at least 1");
    require(kvHeads >= 1 && heads % kvHeads == 0, "num_key_value_heads", kvHeads, "a divisor of num_attention_heads " + heads);
    require(headSize >= 2 && headSize % 2 == 0, "head_dim", headSize, "even");
    require(maxPositions >= 1, "max_position_embeddings", maxPositions, "at least 1");
    require(normEpsilon > 0, "rms_norm_eps", normEpsilon, "greater than 0");
    windows = Check.list("windows", windows);
    eosIds = Check.list("eosIds", eosIds);
    require(windows.size() == layers, "layer_types", windows, "one for each of " + layers + " layers");
    int window = largest(windows);
    int full = modelType == Type.QWEN2 ? 0 : window;
    require(windows.stream().allMatch(w -> w == window || w == full), "sliding_window", windows,
        modelType == Type.QWEN2 ? "the same in all layers that have one" : "the same in all layers");
    require(window == 0 || modelType != Type.LLAMA, "sliding_window", window, "none for llama");
    require(qkvBias == (modelType == Type.QWEN2) || modelType == Type.LLAMA, "attention_bias", qkvBias, "what "
        + modelType.key() + " has, biases only in qwen2's query, key and value projections");
    require(outputBias == (modelType == Type.LLAMA && qkvBias), "attention_bias", outputBias, "biases of the output projection"
        + " only in llama, where all four attention projections have them");
    require(!mlpBias || modelType == Type.LLAMA, "mlp_bias", mlpBias, "false for " + modelType.key());
    requireToken("bos_token_id", bosId, vocabSize);
    requireToken("pad_token_id", padId, vocabSize);
    for (int id : eosIds) {
      require(id >= 0 && id < vocabSize, "eos_token_id", id, "a token id below vocab_size " + vocabSize);
    }
  }

  /**
   * A decoder whose windows all start at one layer, with one end token at most.
   *
   * @param slidingWindow keys that a query sees, itself included; 0 = all before it
   * @param slidingFromLayer first layer that has the window; 0 = every layer
   * @param eosId end token, -1 = none
   */
  public DecoderConfig(Type modelType, int vocabSize, int hiddenSize, int intermediateSize, int layers, int heads, int kvHeads,
      int headSize, int maxPositions, double normEpsilon, RopeScaling rope, int slidingWindow, int slidingFromLayer,
      boolean tiedEmbeddings, boolean qkvBias, boolean outputBias, boolean mlpBias, double initializerRange, int bosId, int eosId,
      int padId) {
    this(modelType, vocabSize, hiddenSize, intermediateSize, layers, heads, kvHeads, headSize, maxPositions, normEpsilon, rope,
        windows(layers, slidingWindow, slidingFromLayer), tiedEmbeddings, qkvBias, outputBias, mlpBias, initializerRange, bosId,
        eosId < 0 ? List.of() : List.of(eosId), padId);
  }

  /** The window in all layers from {@code from} on. */
  static List<Integer> windows(int layers, int window, int from) {
    requireLayers(layers);
    require(window >= 0, "sliding_window", window, "at least 0");
    return IntStream.range(0, layers).mapToObj(layer -> layer >= from ? window : 0).toList();
  }

  private static void requireLayers(int layers) {
    require(layers >= 1 && layers <= MAX_LAYERS, "num_hidden_layers", layers, "1 to " + MAX_LAYERS);
  }

  private static void requireToken(String key, int id, int vocabSize) {
    require(id >= -1 && id < vocabSize, key, id, "a token id below vocab_size " + vocabSize + ", or none");
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
    require(heads >= 1, "num_attention_heads", heads, "at least 1");
    return new DecoderConfig(Type.MISTRAL, vocabSize, hiddenSize, intermediateSize, layers, heads, kvHeads, hiddenSize / heads,
        maxPositions, 1e-5, RopeScaling.of(10000), slidingWindow, 0, true, false, false, false, 0.02, bosId, eosId, padId);
  }

  /**
   * Reads {@code config.json} in the form of transformers 4 or 5.
   *
   * @throws IOException when a key is missing or wrong, or a setting is not supported; the message names file and key
   */
  public static DecoderConfig read(Path file) throws IOException {
    return DecoderConfigJson.read(Objects.requireNonNull(file, "file"));
  }

  /**
   * Reads {@code config.json} of a checkpoint folder and, as transformers does when it generates, the end tokens of
   * {@code generation_config.json} if it names any.
   *
   * @throws IOException as {@link #read}
   */
  public static DecoderConfig load(Path folder) throws IOException {
    DecoderConfig config = read(folder.resolve("config.json"));
    Path file = folder.resolve(GENERATION_FILE);
    if (!Files.exists(file)) {
      return config;
    }
    ConfigJson generation = ConfigJson.read(file);
    List<Integer> ids = generation.tokenIds("eos_token_id");
    if (ids.isEmpty()) {
      return config;
    }
    try {
      return config.withTokens(config.bosId, ids, config.padId);
    } catch (IllegalArgumentException e) {
      throw generation.refuse(e.getMessage());
    }
  }

  /** The same shape with other special tokens; arguments as of the record. */
  DecoderConfig withTokens(int newBosId, List<Integer> newEosIds, int newPadId) {
    return new DecoderConfig(modelType, vocabSize, hiddenSize, intermediateSize, layers, heads, kvHeads, headSize, maxPositions, normEpsilon,
        rope, windows, tiedEmbeddings, qkvBias, outputBias, mlpBias, initializerRange, newBosId, newEosIds, newPadId);
  }

  /**
   * Writes {@code config.json}, in a form that transformers 4 and 5 both read, and {@code generation_config.json}.
   *
   * @param format what {@code config.json} says of the weights beside it
   */
  public void write(Path folder, WeightFormat format) throws IOException {
    AtomicFiles.write(folder.resolve("config.json"), DecoderConfigJson.text(this, format));
    AtomicFiles.write(folder.resolve(GENERATION_FILE), DecoderConfigJson.generationText(this));
  }

  /** The window of a layer in keys, 0 = none. */
  int window(int layer) {
    return windows.get(layer);
  }

  /** The window of the layers that have one, 0 = none has. */
  int slidingWindow() {
    return largest(windows);
  }

  private static int largest(List<Integer> windows) {
    return windows.stream().mapToInt(w -> w).max().orElse(0);
  }
}
