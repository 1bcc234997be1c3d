// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.api;

import static io.github.tppo.api.TrainingSamples.EOS;
import static io.github.tppo.api.TrainingSamples.PAD;
import static io.github.tppo.api.TrainingSamples.VOCAB;
import static io.github.tppo.api.TrainingSamples.ids;
import static io.github.tppo.api.TrainingSamples.ones;
import static io.github.tppo.api.TrainingSamples.sequence;
import static io.github.tppo.api.TrainingSamples.trainable;

import io.github.tppo.eval.Relevance;
import io.github.tppo.eval.ScoredAnswer;
import io.github.tppo.model.AdamW;
import io.github.tppo.model.AdamWOptions;
import io.github.tppo.model.AdapterConfig;
import io.github.tppo.model.Autograd;
import io.github.tppo.model.Decoder;
import io.github.tppo.model.DecoderConfig;
import io.github.tppo.model.Generator;
import io.github.tppo.model.Longformer;
import io.github.tppo.model.Lora;
import io.github.tppo.model.Pass;
import io.github.tppo.model.RopeScaling;
import io.github.tppo.model.Scope;
import io.github.tppo.model.Tensors;
import io.github.tppo.model.TrainingState;
import io.github.tppo.model.WeightFormat;
import io.github.tppo.policy.BatchGradient;
import io.github.tppo.policy.DpoTrainer;
import io.github.tppo.policy.EpochBatches;
import io.github.tppo.policy.PpoTrainer;
import io.github.tppo.policy.PreferencePair;
import io.github.tppo.policy.Prompt;
import io.github.tppo.policy.Sequence;
import io.github.tppo.policy.SftTrainer;
import io.github.tppo.policy.SkippedSteps;
import io.github.tppo.policy.TokenRewarder;
import io.github.tppo.reward.RewardEncoder;
import io.github.tppo.reward.RewardInput;
import io.github.tppo.reward.RewardSample;
import io.github.tppo.reward.SentenceRewardModel;
import io.github.tppo.reward.SentenceRewardTrainer;
import io.github.tppo.reward.SentenceSample;
import io.github.tppo.reward.TokenRewardModel;
import io.github.tppo.reward.TokenRewardTrainer;
import io.github.tppo.reward.WordRelevance;
import io.github.tppo.run.Checkpoints;
import io.github.tppo.run.ConfigReader;
import io.github.tppo.run.ProgressListener;
import io.github.tppo.run.RewardConfig;
import io.github.tppo.run.TppoConfig;
import io.github.tppo.text.TokenSpans;
import io.github.tppo.text.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.function.BinaryOperator;
import java.util.function.Function;
import java.util.function.ToIntFunction;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Right arguments of the calls of models and trainers whose arguments depend on one another. */
final class TrainingCalls {
  private static final TppoConfig CONFIG = TppoConfig.defaults();
  private static final TokenSpans SPANS = new TokenSpans("ab", new int[] {0, 1}, new int[] {1, 2});
  private static final ProgressListener NO_PROGRESS = ProgressListener.NONE;

  private final Samples samples;
  private final TrainingSamples types;

  private TrainingCalls(Samples samples, TrainingSamples types) {
    this.samples = samples;
    this.types = types;
  }

  static void register(Samples samples, TrainingSamples types) throws Exception {
    TrainingCalls calls = new TrainingCalls(samples, types);
    calls.model();
    calls.files();
    calls.policy();
    calls.reward();
  }

  private void model() {
    samples.call("AdamW.new", () -> new Object[] {Map.of("w", trainable()), AdamWOptions.defaults()})
        .call("Autograd.backward", () -> {
          Tensor output = trainable().mul(Tensors.of(new float[] {2}, 1));
          return new Object[] {output, Tensors.of(new float[] {1, 1, 1, 1}, 2, 2)};
        })
        .call("Autograd.moveGradients", () -> new Object[] {Map.of("w", withGradient()), Map.of("w", withGradient())})
        .call("Decoder.hidden", () -> new Object[] {ids(2, 3), ones(2, 3)})
        .call("Decoder.forward", () -> new Object[] {ids(2, 3), ones(2, 3), false})
        .call("Decoder.logits", () -> new Object[] {Tensors.of(new float[16], 2, 8)})
        .call("Decoder.adapted", () -> new Object[] {Lora.create(TrainingSamples.adapterConfig(), TrainingSamples.decoderConfig(), 1, 0)})
        .on("Decoder.merge", TrainingSamples::adapted)
        .on("Decoder.unmerge", () -> {
          Decoder decoder = TrainingSamples.adapted();
          decoder.merge();
          return decoder;
        })
        .call("DecoderConfig.mistral", () -> new Object[] {VOCAB, 8, 12, 1, 2, 1, 64, 0, 0, EOS, PAD})
        .call("DecoderConfig.new(Type,int,int,int,int,int,int,int,int,double,RopeScaling,int,int,boolean,boolean,boolean,boolean,double,"
                + "int,int,int)",
            () -> new Object[] {DecoderConfig.Type.LLAMA, VOCAB, 8, 12, 1, 2, 1, 4, 64, 1e-5,
                RopeScaling.of(10_000), 0, 0, true, false, false, false, 0.02, 0, EOS, PAD})
        .call("DecoderPresets.of(String)", () -> new Object[] {"mistral-7b"})
        .call("DecoderPresets.of(String,int,int,int)", () -> new Object[] {"mistral-7b", 0, 1, 2})
        .call("RopeScaling.new", () -> new Object[] {10_000.0, 1.0, 1.0, 4.0, 64}).call("RopeScaling.of", () -> new Object[] {10_000.0})
        .call("InductionStart.apply", () -> new Object[] {Decoder.create(new DecoderConfig(DecoderConfig.Type.MISTRAL, VOCAB, 64, 96, 2, 2, 2, 32,
            64, 1e-5, RopeScaling.of(1e6), 0, 0, false, false, false, false, 0.02, 0, EOS, PAD), 1), 1L})
        .call("LongformerConfig.of", () -> new Object[] {VOCAB, 8, 12, 1, 2, 8, 64, 3, 0, EOS, PAD})
        .call("Longformer.hidden", () -> new Object[] {ids(2, 3), ones(2, 3), ones(2, 3), null})
        .call("Longformer.logits", () -> new Object[] {ids(2, 3), ones(2, 3), ones(2, 3), null})
        .call("Longformer.forward", () -> new Object[] {ids(2, 3), ones(2, 3), ones(2, 3), null, false})
        .call("Longformer.classify", () -> new Object[] {Tensors.of(new float[16], 2, 8)})
        .call("Lora.create", () -> new Object[] {TrainingSamples.adapterConfig(), TrainingSamples.decoderConfig(), 1L, 0})
        .call("AdapterConfig.of", () -> new Object[] {2, 4.0, false, List.of("q_proj")})
        .call("LoraAdapter.new", () -> new Object[] {trainable(), trainable(), 0.5})
        .type(Generator.class, () -> new Generator(TrainingSamples.decoder(), EOS))
        .call("Generator.generate", () -> new Object[] {List.of(new int[] {0, 5}, new int[] {0}), new long[] {1, 2},
            TrainingSamples.sampling()})
        .call("SamplingOptions.greedy", () -> new Object[] {4})
        .call("SafeTensors.entry", () -> new Object[] {"model.norm.weight"})
        .call("SafeTensors.map", () -> new Object[] {List.of("model.norm.weight")})
        .call("SafeTensors.read(String)", () -> new Object[] {"model.norm.weight"})
        .call("SafeTensors.read(String,ScalarType)", () -> new Object[] {"model.norm.weight", ScalarType.Double})
        .call("SafeTensors.readInto", () -> new Object[] {"model.norm.weight", Tensors.of(new float[8], 8)})
        .call("Tensors.of", () -> new Object[] {new float[] {1, 2, 3, 4}, new long[] {2, 2}})
        .call("Tensors.of(int[],long[])", () -> new Object[] {new int[] {1, 2, 3, 4}, new long[] {2, 2}})
        .call("Tensors.of(long[],long[])", () -> new Object[] {new long[] {1, 2, 3, 4}, new long[] {2, 2}})
        .call("Tensors.of(double[],long[])", () -> new Object[] {new double[] {1, 2, 3, 4}, new long[] {2, 2}})
        .call("Tensors.of(byte[],long[])", () -> new Object[] {new byte[] {1, 0, 1, 0}, new long[] {2, 2}})
        .call("Tensors.ids", () -> new Object[] {new int[] {1, 2, 3, 4}, new long[] {2, 2}})
        .call("TrainingState.save", () -> new Object[] {types.missing(), Map.of("w", trainable()), adamW()})
        .call("TrainingState.load", () -> {
          Path saved = Files.createDirectories(types.missing());
          TrainingState.save(saved, Map.of("w", trainable()), adamW());
          return new Object[] {saved, Map.of("w", trainable()), adamW()};
        })
        .call("WeightFormat.of", () -> new Object[] {"bfloat16", 1000L})
        .type(Scope.class, Scope::open).call("Scope.own", () -> new Object[] {trainable()}).call("Scope.keep", () -> new Object[] {trainable()})
        .type("Pass", () -> TrainingSamples.decoder().forward(ids(2, 3), null, false))
        .throwing(ArithmeticException.class, "Generator.generate").throwing(OutOfMemoryError.class, "Tensors.empty", "Tensors.zeros")
        .throwing(IndexOutOfBoundsException.class, "Sequence.token")
        .on("AdamW.step", () -> new AdamW(Map.of("w", withGradient()), AdamWOptions.defaults()))
        .on("Pass.backward", () -> {
          Pass pass = TrainingSamples.decoder().forward(ids(2, 3), null, false);
          Autograd.gradient(pass.hidden());
          return pass;
        });
  }

  private static Tensor withGradient() {
    Tensor parameter = trainable();
    Autograd.gradient(parameter);
    return parameter;
  }

  private static AdamW adamW() {
    return new AdamW(Map.of("w", trainable()), AdamWOptions.defaults());
  }

  /** Readers get the files that were written for them. */
  private void files() {
    for (String read : List.of("Decoder.load", "Decoder.open", "DecoderConfig.load", "SafeTensors.open", "CheckpointInfo.read",
        "Tokenizer.load", "SuggestSettings.read")) {
      samples.call(read, () -> new Object[] {types.file("policy")});
    }
    for (String read : List.of("DecoderConfig.read", "CheckpointTools.vocabSize")) {
      samples.call(read, () -> new Object[] {types.file("policy").resolve("config.json")});
    }
    for (String read : List.of("Longformer.load", "Longformer.open", "WordRelevance.load")) {
      samples.call(read, () -> new Object[] {types.file("reward-3")});
    }
    WeightFormat format = WeightFormat.FLOAT32;
    samples.call("LongformerConfig.read", () -> new Object[] {types.file("reward-3").resolve("config.json")})
        .call("AdapterConfig.read", () -> new Object[] {types.file("adapter").resolve(AdapterConfig.FILE_NAME)})
        .call("Lora.load", () -> new Object[] {types.file("adapter"), DecoderConfig.load(types.file("policy"))})
        .call("CheckpointTools.convert", () -> new Object[] {types.file("policy"), format, types.missing(), NO_PROGRESS})
        .call("CheckpointTools.merge",
            () -> new Object[] {types.file("policy"), types.file("adapter"), format, types.missing(), NO_PROGRESS})
        .call("CheckpointTools.writeRandom(Path,long,WeightFormat,Path,ProgressListener)",
            () -> new Object[] {types.file("policy").resolve("config.json"), 1L, format, types.missing(), NO_PROGRESS})
        .call("CompanionFiles.copyTokenizer", () -> new Object[] {types.file("policy"), Files.createDirectories(types.missing())})
        .call("CompanionFiles.copyGeneration", () -> new Object[] {types.file("policy"), Files.createDirectories(types.missing())})
        .call("Examples.read", () -> new Object[] {types.file("examples.jsonl")})
        .call("Examples.stream", () -> new Object[] {types.file("examples.jsonl")})
        .call("BpeTrainer.trainOnExamples", () -> new Object[] {types.file("examples.jsonl"), 300, types.missing()})
        .call("BpeTrainer.train", () -> new Object[] {List.of("red shoes", "red hats").iterator(), 300, types.missing()})
        .call("PairVerdict.read", () -> new Object[] {types.file("verdicts.jsonl")})
        .call("ScoredAnswer.read", () -> new Object[] {types.file("answers.jsonl")})
        .call("Relevance.read", () -> new Object[] {types.file("answers.jsonl")})
        .call("LabelledResponse.read", () -> new Object[] {types.file("labels.jsonl")})
        .call("Suggester.load", () -> new Object[] {types.file("policy"), null})
        .call("Checkpoints.sha256", () -> new Object[] {types.file("labels.jsonl")})
        .call("Agreement.of", () -> new Object[] {types.file("labels.jsonl"), types.file("labels.jsonl")});
  }

  private static Decoder policyAndReference() {
    return TrainingSamples.decoder();
  }

  private static PreferencePair pair() {
    return new PreferencePair(sequence(), new Sequence(sequence().prompt(), new int[] {9, EOS}));
  }

  private static final TokenRewarder REWARDER = responses -> {
    int tokens = responses.stream().mapToInt(response -> response.ids().length).sum();
    return new TokenRewarder.Rewards(new float[tokens], null, new int[tokens]);
  };

  private static <T> T changed(T config, String... overrides) {
    @SuppressWarnings("unchecked")
    T other = (T) ConfigReader.with((Record) config, List.of(overrides), "test");
    return other;
  }

  private static TppoConfig small() {
    return changed(CONFIG, "policy.rollout_size=2", "policy.batch_size=2", "policy.epochs=1", "policy.steps=2", "policy.critic_warmup=0",
        "sampling.max_new_tokens=3", "sft.batch_size=2", "reward.batch_size=2", "dpo.batch_size=2");
  }

  private void policy() {
    samples.type("EpochBatches", () -> new EpochBatches<>(List.of("a", "b"), String::length, 1, 1))
        .call("EpochBatches.new", () -> new Object[] {List.of("a", "b"), (ToIntFunction<String>) String::length, 1, 1L})
        .call("EpochBatches.of", () -> new Object[] {1L})
        .type("BatchGradient", () -> new BatchGradient<>(TrainingSamples.decoder(), Decoder::replica, Decoder::trainable, 0))
        .call("BatchGradient.new", () -> new Object[] {TrainingSamples.decoder(), (UnaryOperator<Decoder>) Decoder::replica,
            (Function<Decoder, Map<String, Tensor>>) Decoder::trainable, 1})
        .call("BatchGradient.add", () -> new Object[] {List.of("a", "b"),
            (BatchGradient.MicroBatch<Decoder, String, Integer>) (model, part, first) -> part.size(), (BinaryOperator<Integer>) Integer::sum})
        .call("BatchParts.of", () -> new Object[] {List.of("a", "b"), 2}).call("BatchParts.ofAtMost", () -> new Object[] {List.of("a", "b"), 1})
        .call("Permutation.bucketed", () -> new Object[] {new int[] {3, 1, 2}, 2, 2, 1L, 1L})
        .call("PolicyScorer.score", () -> new Object[] {TrainingSamples.decoder(), PAD, List.of(sequence()), 1.0, 2})
        .type("PreferencePair", TrainingCalls::pair)
        .call("DpoTrainer.new", () -> new Object[] {TrainingSamples.decoder(), TrainingSamples.decoder(), PAD, small().dpo(), 1.0,
            List.of(pair()), 1L})
        .type(DpoTrainer.class, () -> new DpoTrainer(TrainingSamples.decoder(), TrainingSamples.decoder(), PAD, small().dpo(), 1,
            List.of(pair()), 1))
        .call("SftTrainer.new", () -> new Object[] {TrainingSamples.decoder(), PAD, small().sft(), List.of(sequence()), 1L})
        .type(SftTrainer.class, () -> new SftTrainer(TrainingSamples.decoder(), PAD, small().sft(), List.of(sequence()), 1))
        .call("PpoTrainer.new", () -> new Object[] {policyAndReference(), TrainingSamples.decoder(), REWARDER, small().policy(),
            small().sampling(), List.of(new Prompt(new int[] {0, 5}, "a")), 3.0, EOS, PAD, 1L})
        .type(PpoTrainer.class, () -> new PpoTrainer(TrainingSamples.decoder(), TrainingSamples.decoder(), REWARDER, small().policy(),
            small().sampling(), List.of(new Prompt(new int[] {0, 5}, "a")), 3, EOS, PAD, 1))
        .type(SkippedSteps.class, () -> new SkippedSteps("sft", "lower it"))
        .call("Optimizers.options", () -> new Object[] {small().sft().optimizer()});
    for (String trainer : List.of("PpoTrainer", "SftTrainer", "DpoTrainer", "SkippedSteps", "RewardTrainer")) {
      samples.call(trainer + ".save", () -> new Object[] {Files.createDirectories(types.missing())});
    }
    saved("AdamW", AdamW.class, TrainingCalls::adamW, AdamW::save);
    saved("SkippedSteps", SkippedSteps.class, () -> new SkippedSteps("sft", "lower it"), SkippedSteps::save);
    saved("SftTrainer", SftTrainer.class, () -> new SftTrainer(TrainingSamples.decoder(), PAD, small().sft(), List.of(sequence()), 1),
        SftTrainer::save);
    saved("DpoTrainer", DpoTrainer.class, () -> new DpoTrainer(TrainingSamples.decoder(), TrainingSamples.decoder(), PAD, small().dpo(), 1,
        List.of(pair()), 1), DpoTrainer::save);
    saved("PpoTrainer", PpoTrainer.class, () -> new PpoTrainer(TrainingSamples.decoder(), TrainingSamples.decoder(), REWARDER,
        small().policy(), small().sampling(), List.of(new Prompt(new int[] {0, 5}, "a")), 3, EOS, PAD, 1), PpoTrainer::save);
  }

  private interface Saver<T> {
    void save(T from, Path to) throws IOException;
  }

  /** What is loaded has been saved by another of the kind. */
  private <T> void saved(String name, Class<T> type, Callable<T> value, Saver<T> saver) {
    samples.call(name + ".load", () -> {
      Path to = type == AdamW.class ? types.missing() : Files.createDirectories(types.missing());
      saver.save(value.call(), to);
      return new Object[] {to};
    });
  }

  private static RewardInput input() {
    return new RewardInput(new int[] {0, 5, 6, 7}, 2, SPANS);
  }

  private void reward() throws Exception {
    RewardConfig config = small().reward();
    Tokenizer tokenizer = samples.kept(Tokenizer.load(types.file("policy")));
    samples.type(RewardInput.class, TrainingCalls::input)
        .type("RewardSample", () -> new RewardSample(input(), new int[] {1, 2}, 1))
        .type("SentenceSample", () -> new SentenceSample(input(), true))
        .type("TokenSpans", () -> SPANS)
        .type("RewardEncoder", () -> new RewardEncoder(tokenizer, 32)).call("RewardEncoder.new", () -> new Object[] {tokenizer, 32})
        .call("RewardEncoder.of", () -> new Object[] {Longformer.open(types.file("reward-3")), 3, tokenizer, types.file("reward-3")})
        .type("TokenRewardModel", () -> new TokenRewardModel(Longformer.open(types.file("reward-3")), new RewardEncoder(tokenizer, 32),
            tokenizer, CONFIG.policy(), 2, 0.5))
        .call("TokenRewardModel.new", () -> new Object[] {Longformer.open(types.file("reward-3")), new RewardEncoder(tokenizer, 32), tokenizer,
            CONFIG.policy(), 2, 0.5})
        .type("SentenceRewardModel", () -> new SentenceRewardModel(Longformer.open(types.file("reward-1")),
            new RewardEncoder(tokenizer, 32), tokenizer, CONFIG.policy(), 2, 0.5))
        .call("SentenceRewardModel.new", () -> new Object[] {Longformer.open(types.file("reward-1")), new RewardEncoder(tokenizer, 32),
            tokenizer, CONFIG.policy(), 2, 0.5})
        .type("List<Response>", () -> List.of(new TokenRewarder.Response("red shoes", new int[] {5, 6, tokenizer.eosId()})))
        .type(WordRelevance.class, () -> WordRelevance.load(types.file("reward-3")))
        .type(TokenRewardTrainer.class, () -> new TokenRewardTrainer(TrainingSamples.longformer(VOCAB, 3), PAD, config,
            List.of(new RewardSample(input(), new int[] {1, 2}, 1)), 1))
        .call("TokenRewardTrainer.new", () -> new Object[] {TrainingSamples.longformer(VOCAB, 3), PAD, config,
            List.of(new RewardSample(input(), new int[] {1, 2}, 1)), 1L})
        .type("List<RewardSample>", () -> List.of(new RewardSample(input(), new int[] {1, 2}, 1)))
        .type(SentenceRewardTrainer.class, () -> new SentenceRewardTrainer(TrainingSamples.longformer(VOCAB, 1), PAD, config,
            List.of(new SentenceSample(input(), true)), 1))
        .call("SentenceRewardTrainer.new", () -> new Object[] {TrainingSamples.longformer(VOCAB, 1), PAD, config,
            List.of(new SentenceSample(input(), true)), 1L})
        .type("List<SentenceSample>", () -> List.of(new SentenceSample(input(), true)))
        .type("RewardTrainer", () -> new TokenRewardTrainer(TrainingSamples.longformer(VOCAB, 3), PAD, config,
            List.of(new RewardSample(input(), new int[] {1, 2}, 1)), 1))
        .call("RewardTrainer.measure", () -> new Object[] {List.of(new RewardSample(input(), new int[] {1, 2}, 1))});
    saved("RewardTrainer", TokenRewardTrainer.class, () -> new TokenRewardTrainer(TrainingSamples.longformer(VOCAB, 3), PAD, config,
        List.of(new RewardSample(input(), new int[] {1, 2}, 1)), 1), TokenRewardTrainer::save);
  }
}
