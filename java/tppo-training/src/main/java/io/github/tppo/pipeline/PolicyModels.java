// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.pipeline;

import io.github.tppo.data.Example;
import io.github.tppo.data.Examples;
import io.github.tppo.model.AdapterConfig;
import io.github.tppo.model.CompanionFiles;
import io.github.tppo.model.Decoder;
import io.github.tppo.model.DecoderConfig;
import io.github.tppo.model.DefaultPolicy;
import io.github.tppo.model.InductionStart;
import io.github.tppo.model.Lora;
import io.github.tppo.model.RopeScaling;
import io.github.tppo.model.WeightFormat;
import io.github.tppo.run.Checkpoints;
import io.github.tppo.run.ConfigException;
import io.github.tppo.run.LoraConfig;
import io.github.tppo.run.RunFolder;
import io.github.tppo.run.SftConfig;
import io.github.tppo.run.TppoConfig;
import io.github.tppo.suggest.SuggestSettings;
import io.github.tppo.text.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** Policies of a run: where they start, how they are kept. */
final class PolicyModels {
  /** The folder below a trained policy's with its adapters alone. */
  private static final String ADAPTER = "adapter";
  /** The folder below a trained policy's with what the adapters were trained on, where that is no checkpoint of the user's. */
  private static final String BASE = "base";

  private PolicyModels() {}

  /** The examples of a split, at most {@code most} of them (0 = all). */
  static List<Example> examples(RunFolder folder, String split, int most) throws IOException {
    try (Stream<Example> stream = Examples.stream(folder.data().resolve(split + ".jsonl"))) {
      return (most > 0 ? stream.limit(most) : stream).toList();
    }
  }

  /**
   * The tokenizer that goes with the starting policy.
   *
   * @throws IOException also when the tokens of a response cannot be placed in its text: now, not after hours of training
   */
  static Tokenizer startingTokenizer(TppoConfig config) throws IOException {
    Path folder = tokenizerFolder(config);
    Tokenizer tokenizer = folder == null ? Tokenizer.loadShipped() : Tokenizer.load(folder);
    try {
      tokenizer.spans(new int[0]);
      return tokenizer;
    } catch (UnsupportedOperationException e) {
      tokenizer.close();
      throw new IOException(folder + ": not a tokenizer for a policy: " + e.getMessage(), e);
    }
  }

  /** The checkpoint that the policy starts from; null when it is none of the user's. */
  static Path checkpoint(TppoConfig config) {
    String init = config.sft().init();
    return List.of("default", "random", "induction").contains(init) ? null : Path.of(init);
  }

  /** Null for the bundled one. */
  private static Path tokenizerFolder(TppoConfig config) {
    String own = config.text().tokenizer();
    if (checkpoint(config) != null) {
      return checkpoint(config);
    }
    return config.sft().init().equals("default") || own.equals("default") ? null : Path.of(own);
  }

  /** The policy before fine-tuning. */
  static Decoder start(TppoConfig config, Tokenizer tokenizer) throws IOException {
    SftConfig sft = config.sft();
    Decoder policy = switch (sft.init()) {
      case "default" -> DefaultPolicy.load();
      case "random" -> Decoder.create(random(sft.shape(), tokenizer), config.seed());
      case "induction" -> induction(sft.shape(), tokenizer, config.seed());
      default -> trainedFrom(config, Path.of(sft.init()));
    };
    if (policy.config().vocabSize() < tokenizer.vocabSize()) {
      throw new IOException("sft.init: the policy knows " + policy.config().vocabSize() + " tokens, the tokenizer has "
          + tokenizer.vocabSize());
    }
    int longest = config.text().maxPromptTokens() + config.sampling().maxNewTokens();
    if (policy.config().maxPositions() < longest) {
      throw new IOException("sft.init: the policy has " + policy.config().maxPositions() + " positions, text.max_prompt_tokens and"
          + " sampling.max_new_tokens together ask for " + longest);
    }
    return policy;
  }

  /** Width of the policy that the configuration starts from. */
  static int hiddenSize(TppoConfig config) throws IOException {
    if (checkpoint(config) != null) {
      return DecoderConfig.read(checkpoint(config).resolve("config.json")).hiddenSize();
    }
    if (!config.sft().init().equals("default")) {
      return config.sft().shape().hiddenSize();
    }
    try (Decoder bundled = DefaultPolicy.load()) {
      return bundled.config().hiddenSize();
    }
  }

  /** A checkpoint to train: its weights in f32 or, where only adapters on them are trained, as they lie in its files. */
  static Decoder trainedFrom(TppoConfig config, Path dir) throws IOException {
    return config.lora().on() ? Decoder.open(dir) : Decoder.load(dir);
  }

  /**
   * What training changes: all of a policy or, if the configuration asks for it, adapters on its frozen weights.
   *
   * @param model is trained itself, or closed
   * @param use adapters of another use start with other numbers
   */
  static Decoder trainable(Decoder model, TppoConfig config, int use) {
    LoraConfig lora = config.lora();
    if (!lora.on()) {
      return model;
    }
    try (model) {
      AdapterConfig adapters = AdapterConfig.of(lora.r(), lora.alpha(), lora.useRslora(), lora.targetModules());
      return model.adapted(Lora.create(adapters, model.config(), config.seed(), use));
    } catch (IllegalArgumentException e) {
      throw new ConfigException("lora." + e.getMessage());
    }
  }

  private static DecoderConfig random(SftConfig.PolicyShape shape, Tokenizer tokenizer) {
    return new DecoderConfig(DecoderConfig.Type.MISTRAL, tokenizer.vocabSize(), shape.hiddenSize(), shape.intermediateSize(),
        shape.layers(), shape.heads(), shape.kvHeads(), shape.hiddenSize() / shape.heads(), shape.maxPositions(), 1e-5,
        RopeScaling.of(shape.ropeTheta()), 0, 0, true, false, false, false, 0.02, tokenizer.bosId(), tokenizer.eosId(),
        tokenizer.padId());
  }

  private static Decoder induction(SftConfig.PolicyShape shape, Tokenizer tokenizer, long seed) {
    Decoder policy = Decoder.create(random(shape, tokenizer), seed);
    InductionStart.apply(policy, seed);
    return policy;
  }

  /**
   * Saves policy, adapters folded in, and tokenizer in Hugging Face form, with the generation settings of the checkpoint that it comes from, and beside them how
   * the policy is asked.
   */
  static void save(Decoder policy, Tokenizer tokenizer, TppoConfig config, Path dir) throws IOException {
    policy.save(dir, format(config));
    Path from = tokenizerFolder(config);
    if (from == null) {
      Tokenizer.copyShipped(dir);
    } else {
      CompanionFiles.copyTokenizer(from, dir);
    }
    if (checkpoint(config) != null) {
      CompanionFiles.copyGeneration(checkpoint(config), dir);
    }
    new SuggestSettings(config.text().prompt(), config.text().maxPromptTokens(), config.sampling().temperature(),
        config.sampling().maxNewTokens()).write(dir);
  }

  /** How the run's checkpoints are stored. */
  static WeightFormat format(TppoConfig config) {
    return WeightFormat.of(config.save().weights().name(), Math.max(1, Math.round(config.save().shardGb() * 1e9)));
  }

  /**
   * Writes the adapters of a trained policy in PEFT's form below its folder, if it has any.
   *
   * @param base the checkpoint that they were trained on, or null: then it is written too
   */
  static void saveAdapters(Decoder policy, Tokenizer tokenizer, TppoConfig config, Path base, Path dir) throws IOException {
    if (policy.lora() == null) {
      return;
    }
    Path written = base == null ? dir.resolve(BASE) : base;
    if (base == null) {
      try (Decoder before = policy.base()) {
        save(before, tokenizer, config, written);
      }
    }
    policy.lora().save(dir.resolve(ADAPTER), written.toAbsolutePath().toString());
  }

  /** The weights files of a saved policy with their SHA-256. */
  static String fingerprint(Path dir) throws IOException {
    StringBuilder lines = new StringBuilder();
    try (Stream<Path> files = Files.list(dir)) {
      for (Path file : files.filter(f -> f.toString().endsWith(".safetensors")).sorted().toList()) {
        lines.append(Checkpoints.sha256(file)).append("  ").append(file.getFileName()).append('\n');
      }
    }
    return lines.toString();
  }
}
