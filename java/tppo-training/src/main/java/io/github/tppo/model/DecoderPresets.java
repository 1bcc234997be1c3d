// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

/** Shapes of well-known models, to make checkpoints of their size. */
public final class DecoderPresets {

  private static final Map<String, DecoderConfig> SHAPES = new LinkedHashMap<>();

  static {
    RopeScaling llama3 = new RopeScaling(500_000, 8, 1, 4, 8192);
    mistral("mistral-7b", 32_000, 4096, 14_336, 32, 32, 8, 32_768, 4096);
    llama("llama-1b", 2048, 8192, 16, 32, 8, new RopeScaling(500_000, 32, 1, 4, 8192), true);
    llama("llama-8b", 4096, 14_336, 32, 32, 8, llama3, false);
    llama("llama-70b", 8192, 28_672, 80, 64, 8, llama3, false);
    qwen2("qwen2-0.5b", 151_936, 896, 4864, 24, 14, 2, true);
    qwen2("qwen2-7b", 152_064, 3584, 18_944, 28, 28, 4, false);
  }

  private DecoderPresets() {
  }

  private static void mistral(String name, int vocab, int hidden, int intermediate, int layers, int heads, int kvHeads, int positions,
      int window) {
    SHAPES.put(name, new DecoderConfig(DecoderConfig.Type.MISTRAL, vocab, hidden, intermediate, layers, heads, kvHeads, hidden / heads,
        positions, 1e-5, RopeScaling.of(10_000), window, 0, false, false, false, false, 0.02, 1, 2, -1));
  }

  private static void llama(String name, int hidden, int intermediate, int layers, int heads, int kvHeads, RopeScaling rope, boolean tied) {
    SHAPES.put(name, new DecoderConfig(DecoderConfig.Type.LLAMA, 128_256, hidden, intermediate, layers, heads, kvHeads, hidden / heads,
        131_072, 1e-5, rope, 0, 0, tied, false, false, false, 0.02, 128_000, 128_001, -1));
  }

  private static void qwen2(String name, int vocab, int hidden, int intermediate, int layers, int heads, int kvHeads, boolean tied) {
    SHAPES.put(name, new DecoderConfig(DecoderConfig.Type.QWEN2, vocab, hidden, intermediate, layers, heads, kvHeads, hidden / heads,
        32_768, 1e-6, RopeScaling.of(1_000_000), 0, 0, tied, true, false, false, 0.02, -1, 151_643, -1));
  }

  /** Returns the names, the smallest of each kind first. */
  public static Set<String> names() {
    return SHAPES.keySet();
  }

  /**
   * Returns a shape.
   *
   * @throws IllegalArgumentException when there is none of this name
   */
  public static DecoderConfig of(String name) {
    DecoderConfig shape = SHAPES.get(Objects.requireNonNull(name, "name"));
    if (shape == null) {
      throw new IllegalArgumentException("no shape \"" + name + "\"; there are " + String.join(", ", SHAPES.keySet()));
    }
    return shape;
  }

  /**
   * Returns a shape with the special tokens of a tokenizer.
   *
   * @param bosId begin token, -1 = none
   * @param eosId end token, -1 = none
   * @param padId padding token, -1 = none
   * @throws IllegalArgumentException also when an id is outside the vocabulary of the shape
   */
  public static DecoderConfig of(String name, int bosId, int eosId, int padId) {
    return of(name).withTokens(bosId, eosId < 0 ? List.of() : List.of(eosId), padId);
  }
}
