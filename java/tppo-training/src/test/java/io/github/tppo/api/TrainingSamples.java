// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.api;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.tppo.data.DataConfig;
import io.github.tppo.data.Example;
import io.github.tppo.data.Examples;
import io.github.tppo.data.History;
import io.github.tppo.eval.PairVerdict;
import io.github.tppo.eval.ScoredAnswer;
import io.github.tppo.judge.Judge;
import io.github.tppo.judge.JudgeConfig;
import io.github.tppo.judge.LabelledResponse;
import io.github.tppo.judge.LexicalJudge;
import io.github.tppo.judge.WordScore;
import io.github.tppo.model.AdamW;
import io.github.tppo.model.AdamWOptions;
import io.github.tppo.model.AdapterConfig;
import io.github.tppo.model.Decoder;
import io.github.tppo.model.DecoderConfig;
import io.github.tppo.model.Longformer;
import io.github.tppo.model.LongformerConfig;
import io.github.tppo.model.Lora;
import io.github.tppo.model.RopeScaling;
import io.github.tppo.model.SafeTensors;
import io.github.tppo.model.SamplingOptions;
import io.github.tppo.model.Tensors;
import io.github.tppo.model.WeightFormat;
import io.github.tppo.policy.Sequence;
import io.github.tppo.run.AtomicFiles;
import io.github.tppo.run.MetricsWriter;
import io.github.tppo.run.ProgressListener;
import io.github.tppo.run.Reporter;
import io.github.tppo.run.RunFolder;
import io.github.tppo.run.TppoConfig;
import io.github.tppo.suggest.HistoryReader;
import io.github.tppo.suggest.SuggestSettings;
import io.github.tppo.suggest.Suggester;
import io.github.tppo.text.PromptFormat;
import io.github.tppo.text.Tokenizer;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.DeviceOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Right values of the types of data, models, configuration and runs, with tiny models and files in a folder. */
final class TrainingSamples {
  static final int VOCAB = 40;
  static final int EOS = 2;
  static final int PAD = 1;

  private final Path folder;
  private final TppoConfig config = TppoConfig.defaults();
  private int paths;

  TrainingSamples(Path folder) {
    this.folder = folder;
  }

  /** A path at which there is nothing. */
  Path missing() {
    return folder.resolve("made-" + paths++);
  }

  Path file(String name) {
    return folder.resolve(name);
  }

  private Path empty() throws IOException {
    return Files.createDirectory(missing());
  }

  private List<?> paths() throws IOException {
    Path garbage = missing();
    byte[] bytes = new byte[300];
    new Random(1).nextBytes(bytes);
    Files.write(garbage, bytes);
    Path nothing = missing();
    Files.write(nothing, new byte[0]);
    return List.of(missing(), empty(), garbage, nothing, nothing.resolve("below"));
  }

  static Decoder decoder() {
    return Decoder.create(decoderConfig(), 1);
  }

  static DecoderConfig decoderConfig() {
    return DecoderConfig.mistral(VOCAB, 8, 12, 1, 2, 1, 64, 0, 0, EOS, PAD);
  }

  static Longformer longformer(int vocab, int labels) {
    return Longformer.create(LongformerConfig.of(vocab, 8, 12, 1, 2, 8, 64, labels, 0, EOS, PAD), 1);
  }

  static AdapterConfig adapterConfig() {
    return AdapterConfig.of(2, 4, false, List.of("q_proj"));
  }

  static Decoder adapted() {
    try (Decoder base = decoder()) {
      return base.adapted(Lora.create(adapterConfig(), base.config(), 1, 0));
    }
  }

  static Example example() {
    return new Example("u", History.of(List.of("red shoes", "blue shoes"), List.of("shop.example")), List.of("green shoes", "hats"));
  }

  static ScoredAnswer answer() {
    return new ScoredAnswer("u", example().history(), example().targets(), "1 red shoes\n", List.of("red shoes"),
        List.of(new ScoredAnswer.Token(0, 2, 0, 0.5)), List.of(new WordScore("red", 2, 5, 1)), 1, 0.5, 1.0, Map.of(), true, false, 3);
  }

  static LabelledResponse labelled() {
    return new LabelledResponse("u", new int[] {0, 5}, new int[] {6, 2}, "ab", List.of(new WordScore("ab", 0, 2, 1)), 1, new int[] {2, 0}, 0);
  }

  static SamplingOptions sampling() {
    return SamplingOptions.sample(1, 4, 7);
  }

  static Sequence sequence() {
    return new Sequence(new int[] {0, 5, 6}, new int[] {7, 8, EOS});
  }

  static Tensor ids(int batch, int time) {
    int[] ids = new int[batch * time];
    Arrays.setAll(ids, i -> 3 + i % 30);
    return Tensors.ids(ids, batch, time);
  }

  static Tensor ones(int batch, int time) {
    long[] ones = new long[batch * time];
    Arrays.fill(ones, 1);
    return Tensors.of(ones, batch, time);
  }

  static Tensor trainable() {
    return Tensors.of(new float[] {1, 2, 3, 4}, 2, 2).set_requires_grad(true);
  }

  /** Tensors of other types, shapes, places and contents than any method takes, among them no tensors at all. */
  private static List<?> tensors() {
    List<Tensor> wrong = new ArrayList<>(List.of(new Tensor(), ids(2, 3), ids(1, 1), ids(3, 1), ones(2, 3)));
    Tensor freed = ids(2, 3);
    freed.close();
    wrong.add(freed);
    for (ScalarType type : List.of(ScalarType.Float, ScalarType.Double, ScalarType.BFloat16, ScalarType.Half, ScalarType.Int, ScalarType.Byte,
        ScalarType.Bool, ScalarType.ComplexFloat)) {
      wrong.add(torch.zeros(new long[] {2, 3}, new TensorOptions(type)));
    }
    for (long[] shape : new long[][] {{}, {0}, {1}, {2, 2}, {0, 3}, {2, 0}, {2, 3, 8}, {1, 2, 3, 4}}) {
      wrong.add(torch.zeros(shape, new TensorOptions(ScalarType.Float)));
      wrong.add(torch.zeros(shape, new TensorOptions(ScalarType.Long)));
    }
    wrong.add(Tensors.of(new long[] {-1, 0, 1, Long.MAX_VALUE, Long.MIN_VALUE, VOCAB}, 2, 3));
    wrong.add(Tensors.of(new float[] {Float.NaN, Float.POSITIVE_INFINITY, 1e38f, 0}, 2, 2));
    wrong.add(torch.zeros(new long[] {3, 2}, new TensorOptions(ScalarType.Long)).t());
    wrong.add(torch.zeros(new long[] {2, 2}, new TensorOptions(ScalarType.Float)).t());
    wrong.add(torch.zeros(new long[] {2, 3}, new TensorOptions(ScalarType.Float)).to_sparse());
    TensorOptions nowhere = new TensorOptions(ScalarType.Float).device(new DeviceOptional(new Device("meta")));
    wrong.add(torch.zeros(new long[] {2, 3}, nowhere));
    wrong.add(torch.zeros(new long[] {2, 3}, nowhere).to(ScalarType.Long));
    return wrong;
  }

  /** Writes the models and files that calls read. */
  private void files() throws IOException {
    Tokenizer.copyShipped(file("policy"));
    try (Tokenizer tokenizer = Tokenizer.load(file("policy"));
        Decoder policy = Decoder.create(DecoderConfig.mistral(tokenizer.vocabSize(), 8, 12, 1, 2, 1, 128, 0, tokenizer.bosId(),
            tokenizer.eosId(), tokenizer.padId()), 1);
        Lora adapters = Lora.create(adapterConfig(), policy.config(), 1, 0)) {
      policy.save(file("policy"));
      new SuggestSettings(PromptFormat.defaults(), 40, 1, 8).write(file("policy"));
      adapters.save(file("adapter"));
      for (int labels : new int[] {1, 3}) {
        try (Longformer reward = longformer(tokenizer.vocabSize(), labels)) {
          reward.save(file("reward-" + labels));
          Tokenizer.copyShipped(file("reward-" + labels));
        }
      }
    }
    Examples.write(file("examples.jsonl"), List.of(example()));
    PairVerdict.write(file("verdicts.jsonl"), List.of(new PairVerdict("u", PairVerdict.Outcome.WIN, false, null)));
    ScoredAnswer.write(file("answers.jsonl"), List.of(answer()));
    AtomicFiles.write(file("labels.jsonl"), new ObjectMapper().writeValueAsString(labelled()) + "\n");
  }

  private <T extends Record> void sections(Samples samples, T section) throws ReflectiveOperationException {
    @SuppressWarnings("unchecked")
    Class<T> type = (Class<T>) section.getClass();
    samples.type(type, () -> section);
    for (Object part : Samples.components(section)) {
      if (part instanceof Record record) {
        sections(samples, record);
      }
    }
  }

  Samples create() throws Exception {
    files();
    Samples samples = new Samples();
    sections(samples, config);
    List<?> tensors = tensors();
    tensors.forEach(tensor -> ((Tensor) tensor).retainReference());
    samples.hostile(Path.class, this::paths).hostile(Tensor.class, () -> tensors);
    plain(samples);
    samples.type(Path.class, this::missing).type(Tensor.class, TrainingSamples::trainable)
        .type(Decoder.class, TrainingSamples::decoder).type(Longformer.class, () -> longformer(VOCAB, 3))
        .type(DecoderConfig.class, TrainingSamples::decoderConfig).type(LongformerConfig.class, () -> longformer(VOCAB, 3).config())
        .type(RopeScaling.class, () -> RopeScaling.of(10_000))
        .type(AdapterConfig.class, TrainingSamples::adapterConfig)
        .type(Lora.class, () -> Lora.create(adapterConfig(), decoderConfig(), 1, 0))
        .type(AdamWOptions.class, AdamWOptions::defaults).type(AdamW.class, () -> new AdamW(Map.of("w", trainable()), AdamWOptions.defaults()))
        .type(SamplingOptions.class, TrainingSamples::sampling).type(WeightFormat.class, () -> WeightFormat.FLOAT32)
        .type(SafeTensors.class, () -> SafeTensors.open(file("policy"))).type(Sequence.class, TrainingSamples::sequence)
        .type(io.github.tppo.kernels.Device.class, () -> io.github.tppo.kernels.Device.CPU)
        .type(Example.class, TrainingSamples::example).type(History.class, () -> example().history())
        .type(ScoredAnswer.class, TrainingSamples::answer).type(LabelledResponse.class, TrainingSamples::labelled)
        .type(Judge.class, () -> new LexicalJudge(JudgeConfig.defaults())).type(LexicalJudge.class, () -> new LexicalJudge(JudgeConfig.defaults()))
        .type(SuggestSettings.class, SuggestSettings::defaults).type(RunFolder.class, () -> RunFolder.open(missing()))
        .type(MetricsWriter.class, () -> MetricsWriter.open(missing())).type(Reporter.class, () -> Reporter.SILENT)
        .type(HistoryReader.class, () -> HistoryReader.values(json(), "stdin"))
        .shared(Tokenizer.class, () -> Tokenizer.load(file("policy")))
        .shared(Suggester.class, () -> Suggester.load(file("policy"), file("reward-3")));
    return samples;
  }

  static ByteArrayInputStream json() {
    return new ByteArrayInputStream("{\"search\": [\"red shoes\"]}\n".getBytes(StandardCharsets.UTF_8));
  }

  /** Values of the class library. */
  private void plain(Samples samples) {
    samples.type("int", () -> 1).type("long", () -> 1L).type("double", () -> 0.5).type("float", () -> 0.5f).type("boolean", () -> true)
        .type("Integer", () -> 1).type("Double", () -> 0.5).type("String", () -> "red shoes").type("Object", () -> "a")
        .type("int[]", () -> new int[] {3, 4}).type("long[]", () -> new long[] {2, 2}).type("float[]", () -> new float[] {1, 2, 3, 4})
        .type("double[]", () -> new double[] {1, 2, 3, 4}).type("byte[]", () -> new byte[] {1, 0, 1, 0})
        .type("boolean[]", () -> new boolean[] {true, false}).type("double[][]", () -> new double[][] {{1, 2, 3}, {2, 3, 4}})
        .type("List<String>", () -> List.of("a", "b")).type("List<Path>", () -> List.of(file("examples.jsonl")))
        .type("List<Double>", () -> List.of(0.5, 1.0, 2.0)).type("List<Integer>", () -> List.of(1)).type("List<Long>", () -> List.of(1L))
        .type("Set<String>", () -> Set.of("u")).type("Set<Integer>", () -> Set.of(EOS)).type("Collection<String>", () -> List.of("a", "b"))
        .type("Map<String,Long>", () -> Map.of("a", 1L)).type("Map<String,Double>", () -> Map.of("loss", 1.0))
        .type("Map<String,Integer>", Map::of).type("Map<String,Object>", Map::of)
        .type("Map<String,Tensor>", () -> Map.of("w", trainable())).type("Map<String,String>", () -> Map.of("format", "pt"))
        .type("Iterable<Tensor>", () -> List.of(trainable())).type("Iterable<Example>", () -> List.of(example()))
        .type("Iterator<String>", () -> list("a", "b")).type(Runnable.class, () -> () -> { })
        .type(ProgressListener.class, () -> ProgressListener.NONE).type("Consumer<String>", () -> (java.util.function.Consumer<String>) x -> { })
        .type("List<?extendsRunnable>", () -> List.<Runnable>of(() -> { }, () -> { }))
        .type("List<Example>", () -> List.of(example())).type("List<ScoredAnswer>", () -> List.of(answer()))
        .type("List<PairVerdict>", () -> PairVerdict.read(file("verdicts.jsonl")))
        .type("List<Sequence>", () -> List.of(sequence(), sequence())).type("InputStream", TrainingSamples::json)
        .type(ScalarType.class, () -> ScalarType.Float).type(DataConfig.class, DataConfig::defaults);
  }

  private static Iterator<String> list(String... values) {
    return Arrays.asList(values).iterator();
  }
}
