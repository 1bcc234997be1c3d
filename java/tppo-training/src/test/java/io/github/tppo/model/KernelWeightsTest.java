// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.tppo.kernels.DType;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;

@SuppressWarnings("try") // scopes are opened for what their closing frees
class KernelWeightsTest {

  private static void convert(Tensor parameter, ScalarType type) {
    try (Scope scope = Scope.noGrad()) {
      parameter.set_data(parameter.to(type));
    }
  }

  /** 16-bit weights are read where they lie, and are the numbers that they stand for. */
  @Test
  void weightsOfEachTypeGiveTheBitsOfTheSameNumbersInFloat32() {
    List<int[]> prompts = List.of(new int[] {3, 9, 27}, new int[] {4, 16});
    SamplingOptions options = SamplingOptions.sample(1, 12, 7);
    for (DecoderConfig config : GenerationModels.kinds()) {
      for (Map.Entry<ScalarType, DType> type : Map.of(ScalarType.BFloat16, DType.BF16, ScalarType.Half, DType.F16).entrySet()) {
        try (Decoder decoder = GenerationModels.create(config)) {
          decoder.parameters().values().forEach(p -> convert(p, type.getKey()));
          assertEquals(type.getValue(), KernelWeights.of(decoder).dtype());
          List<Generated> narrow = new Generator(decoder, -1).generate(prompts, new long[2], options);
          decoder.parameters().values().forEach(p -> convert(p, ScalarType.Float));
          List<Generated> wide = new Generator(decoder, -1).generate(prompts, new long[2], options);
          for (int i = 0; i < prompts.size(); i++) {
            assertArrayEquals(wide.get(i).ids(), narrow.get(i).ids());
            assertArrayEquals(wide.get(i).logprobs(), narrow.get(i).logprobs());
          }
        }
      }
    }
  }

  @Test
  void weightsOfTwoTypesAreRefusedByName() {
    try (Decoder decoder = GenerationModels.windowed(0)) {
      convert(decoder.parameters().get("model.layers.1.mlp.up_proj.weight"), ScalarType.BFloat16);
      assertEquals("generation needs all weights in one type, but model.layers.1.mlp.up_proj.weight is BF16 and"
          + " model.embed_tokens.weight is F32; Decoder.load widens all to F32",
          assertThrows(IllegalArgumentException.class, () -> KernelWeights.of(decoder)).getMessage());
    }
  }
}
