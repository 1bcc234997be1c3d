// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.policy;

import io.github.tppo.model.Decoder;
import io.github.tppo.model.DecoderConfig;
import io.github.tppo.model.RopeScaling;
import io.github.tppo.model.Tensors;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;

/** Small random policies and data for the tests of training. */
final class TinyPolicies {
  static final int VOCAB = 40;
  static final int BOS = 0;
  static final int EOS = 2;
  static final int PAD = 1;

  private TinyPolicies() {}

  static Decoder create(int vocab, boolean tied, long seed) {
    return Decoder.create(new DecoderConfig(DecoderConfig.Type.MISTRAL, vocab, 32, 48, 2, 4, 2, 8, 64, 1e-5,
        RopeScaling.of(10_000), 0, 0, tied, false, false, false, 0.1, BOS, EOS, PAD), seed);
  }

  static Decoder create(long seed) {
    return create(VOCAB, true, seed);
  }

  /** Prompts of 2 to 5 tokens with responses of the given lengths. */
  static List<Sequence> sequences(long seed, int... responses) {
    SplittableRandom random = new SplittableRandom(seed);
    List<Sequence> sequences = new ArrayList<>();
    for (int length : responses) {
      int[] prompt = random.ints(2 + random.nextInt(4), 3, VOCAB).toArray();
      prompt[0] = BOS;
      sequences.add(new Sequence(prompt, random.ints(length, 3, VOCAB).toArray()));
    }
    return sequences;
  }

  static Map<String, float[]> weights(Decoder policy) {
    Map<String, float[]> weights = new LinkedHashMap<>();
    policy.parameters().forEach((name, tensor) -> weights.put(name, Tensors.toFloats(tensor)));
    return weights;
  }
}
