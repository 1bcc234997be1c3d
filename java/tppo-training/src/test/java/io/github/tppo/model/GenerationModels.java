// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import java.util.List;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;

/** Small random decoders whose distributions are not flat, for the tests of generation. */
@SuppressWarnings("try") // scopes are opened for what their closing frees
final class GenerationModels {

  static final int VOCAB = 50;
  static final int EOS = 2;
  static final int PAD = 1;

  private GenerationModels() {
  }

  /** A Mistral with a window of so many keys; 0 = none. */
  static Decoder windowed(int window) {
    return create(DecoderConfig.mistral(VOCAB, 16, 24, 2, 4, 2, 64, window, 0, EOS, PAD));
  }

  /** Grouped heads, windows on all or some layers, heads of another width, biases everywhere, stretched rotations, output tied or not. */
  static List<DecoderConfig> kinds() {
    RopeScaling plain = RopeScaling.of(10_000);
    return List.of(
        DecoderConfig.mistral(VOCAB, 16, 24, 2, 4, 2, 64, 5, 0, EOS, PAD),
        kind(DecoderConfig.Type.MISTRAL, 24, 40, 4, 4, 10, plain, 0, 0, false, false, false),
        kind(DecoderConfig.Type.LLAMA, 20, 28, 4, 1, 6, new RopeScaling(100, 4, 1, 4, 8), 0, 0, false, false, false),
        kind(DecoderConfig.Type.LLAMA, 16, 24, 2, 2, 8, plain, 0, 0, true, true, true),
        kind(DecoderConfig.Type.QWEN2, 16, 24, 6, 3, 4, plain, 4, 1, true, false, false));
  }

  private static DecoderConfig kind(DecoderConfig.Type type, int hidden, int intermediate, int heads, int kvHeads, int headSize,
      RopeScaling rope, int window, int windowFrom, boolean qkvBias, boolean outputBias, boolean mlpBias) {
    return new DecoderConfig(type, VOCAB, hidden, intermediate, 3, heads, kvHeads, headSize, 64, 1e-5, rope, window, windowFrom,
        type == DecoderConfig.Type.QWEN2, qkvBias, outputBias, mlpBias, 0.02, 0, EOS, PAD);
  }

  /** Weights far from zero; norms and biases that differ from one channel to the next. */
  static Decoder create(DecoderConfig config) {
    Decoder decoder = Decoder.create(config, 11);
    try (Scope scope = Scope.noGrad()) {
      long stream = 1000;
      for (Tensor parameter : decoder.parameters().values()) {
        if (parameter.dim() > 1) {
          parameter.mul_(new Scalar(15));
        } else {
          float[] noise = new float[(int) parameter.numel()];
          Philox.normals(5, stream++, noise);
          parameter.add_(Tensors.of(noise, noise.length).mul_(new Scalar(0.2)));
        }
      }
    }
    return decoder;
  }
}
