// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.pipeline;

import io.github.tppo.model.CompanionFiles;
import io.github.tppo.model.Decoder;
import io.github.tppo.model.Longformer;
import io.github.tppo.model.LongformerConfig;
import io.github.tppo.model.MatchingStart;
import io.github.tppo.reward.RewardEncoder;
import io.github.tppo.run.RewardConfig;
import io.github.tppo.run.RunFolder;
import io.github.tppo.run.TppoConfig;
import io.github.tppo.text.Tokenizer;
import java.io.IOException;
import java.nio.file.Path;

/** Reward models of a run: where they start, how they are kept. */
final class RewardModels {
  private RewardModels() {}

  /** A reward model with its tokenizer. */
  record Start(Longformer model, Tokenizer tokenizer, RewardEncoder encoder, Path tokenizerFolder) implements AutoCloseable {
    @Override
    public void close() {
      model.close();
      tokenizer.close();
    }
  }

  /**
   * The model before training: random with the policy's tokenizer, or a checkpoint with its own.
   *
   * @param labels 3 classes of a token, or 1 score
   */
  static Start start(TppoConfig config, RunFolder folder, Tokenizer policyTokenizer, int labels) throws IOException {
    RewardConfig reward = config.reward();
    if (!reward.init().equals("random") && !reward.init().equals("matching")) {
      return load(Path.of(reward.init()), labels);
    }
    RewardConfig.LongformerShape shape = reward.shape();
    Longformer model = Longformer.create(LongformerConfig.of(policyTokenizer.vocabSize(), shape.hiddenSize(),
        shape.intermediateSize(), shape.layers(), shape.heads(), shape.attentionWindow(), shape.maxTokens(), labels,
        policyTokenizer.bosId(), policyTokenizer.eosId(), policyTokenizer.padId()), config.seed());
    if (reward.init().equals("matching")) {
      try (Decoder policy = Decoder.open(folder.model("sft"))) {
        MatchingStart.apply(model, policy, config.seed());
      }
    }
    Tokenizer tokenizer = Tokenizer.load(folder.model("sft"));
    return new Start(model, tokenizer, RewardEncoder.of(model, labels, tokenizer, folder.model("sft")), folder.model("sft"));
  }

  /** A reward model with so many labels that was saved, or that a user brings. */
  static Start load(Path dir, int labels) throws IOException {
    Longformer model = Longformer.load(dir);
    Tokenizer tokenizer = Tokenizer.load(dir);
    return new Start(model, tokenizer, RewardEncoder.of(model, labels, tokenizer, dir), dir);
  }

  /** Saves model and tokenizer in Hugging Face form. */
  static void save(Start start, TppoConfig config, Path dir) throws IOException {
    start.model().save(dir, PolicyModels.format(config));
    CompanionFiles.copyTokenizer(start.tokenizerFolder(), dir);
  }
}
