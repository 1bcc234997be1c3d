// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

import io.github.tppo.kernels.internal.Tppo;
import io.github.tppo.kernels.internal.tppo_decoder_args;
import io.github.tppo.kernels.internal.tppo_decoder_layer;
import io.github.tppo.kernels.internal.tppo_decoder_projection;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.Pointer;

/**
 * The weights of a decoder, checked once against its shape and then used for any number of calls of
 * {@link Kernels#decoderForward}.
 *
 * <p>The arrays are borrowed: they are read in place at each call, so they must stay allocated as long as this object
 * is used, may be a mapped file, and may be changed between calls. All are on the CPU and, low-rank pairs apart, of
 * one type. Instances are immutable and may be used by several threads at once.
 */
public final class DecoderWeights {

  private final DecoderShape shape;
  private final DType dtype;
  /** The argument struct as it is for every call, to be copied, and the layers that it points to. */
  private final NativeArray description;
  private final NativeArray layers;
  /** Keeps the weights reachable. */
  private final List<NativeArray> arrays = new ArrayList<>();

  /**
   * Describes a decoder.
   *
   * @param shape sizes and settings
   * @param embedding [V, H]; its type is that of all weights
   * @param decoderLayers one for each layer of the shape
   * @param finalNorm [H]
   * @param outputWeight [V, H]; may be the embedding
   * @throws IllegalArgumentException an array is null, or of another type, length or device than expected
   */
  public DecoderWeights(DecoderShape shape, NativeArray embedding, List<DecoderLayer> decoderLayers,
      NativeArray finalNorm, NativeArray outputWeight) {
    Checks.require(shape != null, "shape is null");
    Checks.require(embedding != null, "embedding is null");
    Checks.requireFloating("embedding", embedding);
    Checks.require(decoderLayers != null && decoderLayers.size() == shape.layers(),
        "decoderLayers must be " + shape.layers() + " as in the shape");
    NativeLibrary.load();
    this.shape = shape;
    this.dtype = embedding.dtype();
    long h = shape.hiddenSize();
    long table = h * shape.vocabSize();
    layers = NativeArray.allocate(DType.U8, (long) shape.layers() * Loader.sizeof(tppo_decoder_layer.class));
    description = NativeArray.allocate(DType.U8, Loader.sizeof(tppo_decoder_args.class));
    int[] windows = shape.windows();
    for (int l = 0; l < windows.length; l++) {
      describe(l, decoderLayers.get(l), windows[l]);
    }
    tppo_decoder_args args = new tppo_decoder_args(description.pointer());
    Tppo.tppo_decoder_init(args);
    args.hidden_size(h)
        .intermediate_size(shape.intermediateSize())
        .num_layers(shape.layers())
        .num_heads(shape.heads())
        .num_kv_heads(shape.kvHeads())
        .head_size(shape.headSize())
        .vocab_size(shape.vocabSize())
        .dtype(Call.dtypeCode(dtype))
        .rms_norm_eps(shape.rmsNormEps())
        .embedding(array("embedding", embedding, dtype, table))
        .layers(new tppo_decoder_layer(layers.pointer()))
        .final_norm(array("finalNorm", finalNorm, dtype, h))
        .output_weight(array("outputWeight", outputWeight, dtype, table));
  }

  /** Returns the sizes and settings. */
  public DecoderShape shape() {
    return shape;
  }

  /** Returns the type of all weights but the low-rank pairs. */
  public DType dtype() {
    return dtype;
  }

  /** Returns the argument struct of the model, of which calls take copies. */
  NativeArray description() {
    return description;
  }

  /** The weights are read where they lie, and whoever owns them may have freed them. */
  void requireAlive() {
    for (NativeArray array : arrays) {
      if (array.isFreed()) {
        throw new IllegalStateException("the weights hold " + array + ", whose memory has been freed");
      }
    }
  }

  private void describe(int index, DecoderLayer layer, int window) {
    String name = "layer " + index + " ";
    Checks.require(layer != null, name + "is null");
    long h = shape.hiddenSize();
    long q = (long) shape.heads() * shape.headSize();
    long kv = (long) shape.kvHeads() * shape.headSize();
    long i = shape.intermediateSize();
    long size = Loader.sizeof(tppo_decoder_layer.class);
    tppo_decoder_layer to = new tppo_decoder_layer(layers.slice(index * size, size).pointer());
    to.attention_norm(array(name + "attentionNorm", layer.attentionNorm(), dtype, h))
        .mlp_norm(array(name + "mlpNorm", layer.mlpNorm(), dtype, h))
        .window(window);
    describe(name + "query", layer.query(), q, h, to.projections(Tppo.TPPO_DECODER_QUERY));
    describe(name + "key", layer.key(), kv, h, to.projections(Tppo.TPPO_DECODER_KEY));
    describe(name + "value", layer.value(), kv, h, to.projections(Tppo.TPPO_DECODER_VALUE));
    describe(name + "output", layer.output(), h, q, to.projections(Tppo.TPPO_DECODER_OUTPUT));
    describe(name + "gate", layer.gate(), i, h, to.projections(Tppo.TPPO_DECODER_GATE));
    describe(name + "up", layer.up(), i, h, to.projections(Tppo.TPPO_DECODER_UP));
    describe(name + "down", layer.down(), h, i, to.projections(Tppo.TPPO_DECODER_DOWN));
  }

  private void describe(String name, DecoderProjection from, long out, long in, tppo_decoder_projection to) {
    to.weight(array(name + " weight", from.weight(), dtype, out * in));
    if (from.bias() != null) {
      to.bias(array(name + " bias", from.bias(), dtype, out));
    }
    if (from.loraA() != null) {
      long rank = from.loraA().length() / in;
      to.lora_a(new FloatPointer(array(name + " loraA", from.loraA(), DType.F32, Math.max(1, rank) * in)))
          .lora_b(new FloatPointer(array(name + " loraB", from.loraB(), DType.F32, out * rank)))
          .lora_rank(rank)
          .lora_scale(from.loraScale());
    }
  }

  private Pointer array(String name, NativeArray array, DType type, long length) {
    Checks.require(array != null, name + " is null");
    Checks.require(array.dtype() == type, name + " must be " + type + ", is " + array);
    Checks.require(array.length() == length, name + " must have " + length + " elements, is " + array);
    Checks.require(!array.device().isCuda(), name + " must be on the CPU, is " + array);
    arrays.add(array);
    return array.pointer();
  }
}
