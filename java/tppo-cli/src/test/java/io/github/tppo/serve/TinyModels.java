// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.serve;

import io.github.tppo.model.Decoder;
import io.github.tppo.model.DecoderConfig;
import io.github.tppo.model.Longformer;
import io.github.tppo.model.LongformerConfig;
import io.github.tppo.model.RopeScaling;
import io.github.tppo.suggest.SuggestSettings;
import io.github.tppo.text.PromptFormat;
import io.github.tppo.text.Tokenizer;
import java.io.IOException;
import java.nio.file.Path;

/** Small random models in folders, with the shipped tokenizer. */
public final class TinyModels {
  private TinyModels() {}

  /** A policy whose responses have up to {@code maxNewTokens} tokens; it hardly ever ends one itself. */
  public static Path policy(Path dir, int maxNewTokens) throws IOException {
    Tokenizer.copyShipped(dir);
    try (Tokenizer tokenizer = Tokenizer.load(dir);
        Decoder policy = Decoder.create(new DecoderConfig(DecoderConfig.Type.MISTRAL, tokenizer.vocabSize(), 16, 32, 1, 2, 2, 8,
            128, 1e-5, RopeScaling.of(10_000), 0, 0, true, false, false, false, 0.02, tokenizer.bosId(), tokenizer.eosId(),
            tokenizer.padId()), 1)) {
      policy.save(dir);
    }
    new SuggestSettings(PromptFormat.defaults(), 40, 1, maxNewTokens).write(dir);
    return dir;
  }

  /** A reward model that reads up to {@code maxTokens} tokens. */
  public static Path rewardModel(Path dir, int maxTokens) throws IOException {
    Tokenizer.copyShipped(dir);
    try (Tokenizer tokenizer = Tokenizer.load(dir);
        Longformer model = Longformer.create(LongformerConfig.of(tokenizer.vocabSize(), 16, 32, 1, 2, 8, maxTokens, 3,
            tokenizer.bosId(), tokenizer.eosId(), tokenizer.padId()), 1)) {
      model.save(dir);
    }
    return dir;
  }
}
