// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import io.github.tppo.kernels.DecoderLayer;
import io.github.tppo.kernels.DecoderProjection;
import io.github.tppo.kernels.DecoderShape;
import io.github.tppo.kernels.DecoderWeights;
import io.github.tppo.kernels.NativeArray;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Describes a {@link Decoder} to the kernels that generate with it: the one place that knows both. Nothing is copied. */
final class KernelWeights {

  private final DecoderConfig config;
  private final Map<String, Tensor> parameters;
  private final Map<String, LoraAdapter> adapters;

  private KernelWeights(Decoder decoder) {
    this.config = decoder.config();
    this.parameters = decoder.parameters();
    this.adapters = decoder.adapters();
  }

  /**
   * The weights where they lie; to be used while the decoder is open and no parameter is replaced.
   *
   * @throws IllegalArgumentException when they are not all of one type
   */
  static DecoderWeights of(Decoder decoder) {
    KernelWeights weights = new KernelWeights(decoder);
    weights.requireOneType();
    List<DecoderLayer> layers = new ArrayList<>();
    for (int layer = 0; layer < weights.config.layers(); layer++) {
      layers.add(weights.layer(DecoderBlock.prefix(layer)));
    }
    return new DecoderWeights(weights.shape(), weights.array(Decoder.EMBEDDING), layers, weights.array(Decoder.FINAL_NORM),
        Tensors.view(decoder.outputWeight()));
  }

  private void requireOneType() {
    ScalarType type = parameters.get(Decoder.EMBEDDING).scalar_type().intern();
    parameters.forEach((name, tensor) -> {
      if (tensor.scalar_type().intern() != type) {
        throw new IllegalArgumentException("generation needs all weights in one type, but " + name + " is "
            + SafeTensorsHeader.nameOf(tensor.scalar_type()) + " and " + Decoder.EMBEDDING + " is "
            + SafeTensorsHeader.nameOf(type) + "; Decoder.load widens all to F32");
      }
    });
  }

  private DecoderShape shape() {
    int[] windows = new int[config.layers()];
    for (int layer = 0; layer < windows.length; layer++) {
      windows[layer] = config.window(layer);
    }
    return new DecoderShape(config.hiddenSize(), config.intermediateSize(), config.layers(), config.heads(), config.kvHeads(),
        config.headSize(), config.vocabSize(), config.normEpsilon(), config.rope().frequencies(config.headSize()), windows);
  }

  private DecoderLayer layer(String prefix) {
    return new DecoderLayer(array(prefix + "input_layernorm.weight"), projection(prefix + "self_attn.q_proj"),
        projection(prefix + "self_attn.k_proj"), projection(prefix + "self_attn.v_proj"), projection(prefix + "self_attn.o_proj"),
        array(prefix + "post_attention_layernorm.weight"), projection(prefix + "mlp.gate_proj"),
        projection(prefix + "mlp.up_proj"), projection(prefix + "mlp.down_proj"));
  }

  private DecoderProjection projection(String name) {
    DecoderProjection plain = DecoderProjection.of(array(name + ".weight"));
    DecoderProjection biased = parameters.containsKey(name + ".bias") ? plain.withBias(array(name + ".bias")) : plain;
    LoraAdapter adapter = adapters.get(name);
    return adapter == null ? biased : biased.withLora(Tensors.view(adapter.a()), Tensors.view(adapter.b()), adapter.scale());
  }

  private NativeArray array(String name) {
    return Tensors.view(parameters.get(name));
  }
}
