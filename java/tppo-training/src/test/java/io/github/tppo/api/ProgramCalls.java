// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.api;

import static io.github.tppo.api.TrainingSamples.EOS;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.tppo.data.DataConfig;
import io.github.tppo.data.HistoryCleaner;
import io.github.tppo.eval.AnswerJudge;
import io.github.tppo.eval.PairwiseJudge;
import io.github.tppo.eval.Relevance;
import io.github.tppo.eval.ScoredAnswer;
import io.github.tppo.eval.UserScores;
import io.github.tppo.judge.GeneratedResponse;
import io.github.tppo.judge.InOrder;
import io.github.tppo.judge.Judge;
import io.github.tppo.judge.JudgeConfig;
import io.github.tppo.judge.JudgeException;
import io.github.tppo.judge.Judgement;
import io.github.tppo.judge.Labeller;
import io.github.tppo.judge.LexicalJudge;
import io.github.tppo.judge.Template;
import io.github.tppo.judge.WordScore;
import io.github.tppo.model.DecoderConfig;
import io.github.tppo.model.WeightFormat;
import io.github.tppo.pipeline.SearchPipeline;
import io.github.tppo.pipeline.TppoPipeline;
import io.github.tppo.policy.RolloutFiles;
import io.github.tppo.run.AtomicFiles;
import io.github.tppo.run.Backend;
import io.github.tppo.run.Checkpoints;
import io.github.tppo.run.ConfigReader;
import io.github.tppo.run.OutputFile;
import io.github.tppo.run.Pipeline;
import io.github.tppo.run.ProgressListener;
import io.github.tppo.run.Reporter;
import io.github.tppo.run.RunContext;
import io.github.tppo.run.RunFolder;
import io.github.tppo.run.RunState;
import io.github.tppo.run.Stage;
import io.github.tppo.run.StageRunner;
import io.github.tppo.run.TensorBoardWriter;
import io.github.tppo.run.TppoConfig;
import io.github.tppo.suggest.Ask;
import io.github.tppo.suggest.InputException;
import io.github.tppo.suggest.SuggestOptions;
import io.github.tppo.text.PromptFormat;
import io.github.tppo.text.TokenSpans;
import io.github.tppo.text.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;

/** Right arguments of the calls of judges, evaluation, runs and texts whose arguments depend on one another, and what is not called. */
final class ProgramCalls {
  private static final TppoConfig CONFIG = TppoConfig.defaults();
  private static final TokenSpans SPANS = new TokenSpans("ab", new int[] {0, 1}, new int[] {1, 2});
  private static final ProgressListener NO_PROGRESS = ProgressListener.NONE;
  private static final Runnable NO_STOP = () -> { };

  private final Samples samples;
  private final TrainingSamples types;

  private ProgramCalls(Samples samples, TrainingSamples types) {
    this.samples = samples;
    this.types = types;
  }

  static void register(Samples samples, TrainingSamples types) throws Exception {
    ProgramCalls calls = new ProgramCalls(samples, types);
    calls.judge();
    calls.eval();
    calls.run();
    calls.text();
    calls.leftOut();
  }

  private void judge() {
    Judge lexical = new LexicalJudge(JudgeConfig.defaults());
    Judgement judgement = new Judgement(List.of(new WordScore("red", 0, 3, 1)), 1);
    GeneratedResponse response = new GeneratedResponse(TrainingSamples.example(), 1, new int[] {0, 5}, new int[] {6, EOS});
    samples.type(Judgement.class, () -> judgement).type(GeneratedResponse.class, () -> response)
        .type("List<WordScore>", () -> judgement.words())
        .type(WordScore.class, () -> judgement.words().get(0))
        .type("Function<Judgement,String>", () -> (Function<Judgement, String>) found -> null)
        .call("Judge.judge(Template,Example,String,Function)", () -> new Object[] {Template.TOKEN, TrainingSamples.example(), "red shoes",
            (Function<Judgement, String>) found -> null})
        .call("InOrder.forEach", () -> new Object[] {List.of("a", "b").iterator(), 2, (InOrder.Task<String, String>) a -> a,
            (InOrder.Taker<String>) b -> { }, NO_STOP})
        .call("Labeller.new", () -> new Object[] {lexical, Tokenizer.load(types.file("policy")), JudgeConfig.defaults()})
        .type(Labeller.class, () -> new Labeller(lexical, Tokenizer.load(types.file("policy")), JudgeConfig.defaults()))
        .call("Labeller.label", () -> new Object[] {List.of(response).iterator(), Template.TOKEN, types.missing(), 1L, NO_PROGRESS, NO_STOP})
        .call("TokenClasses.map(int[],TokenSpans,TokenSpans)", () -> new Object[] {new int[] {1, 2}, SPANS, SPANS})
        .call("TokenClasses.map(double[],TokenSpans,TokenSpans)", () -> new Object[] {new double[] {1, 2}, SPANS, SPANS})
        .call("TokenClasses.of(int[],int[],List)", () -> new Object[] {new int[] {0, 1}, new int[] {1, 2}, judgement.words()})
        .type("Map<Template,Judgement>", () -> Map.of(Template.TOKEN, judgement)).type("Map<Template,String>", Map::of)
        .type("Map<Template,Long>", Map::of);
  }

  private void eval() {
    UserScores scores = new UserScores(List.of("u", "v"), new double[] {1, 2});
    PairwiseJudge judge = (example, first, second) -> io.github.tppo.judge.Verdict.TIE;
    samples.type(UserScores.class, () -> scores).type(Relevance.class, () -> new Relevance(scores, scores))
        .type("List<UserScores>", () -> List.of(scores, scores)).type("List<Relevance>", () -> List.of(new Relevance(scores, scores)))
        .call("UserScores.of", () -> new Object[] {List.of("u", "v"), new double[] {1, 2}})
        .type(AnswerJudge.class, () -> new AnswerJudge(new LexicalJudge(JudgeConfig.defaults()), 1, 1))
        .call("AnswerJudge.judge(List,List,ProgressListener,Runnable)",
            () -> new Object[] {List.of(TrainingSamples.example()), List.of("red shoes"), NO_PROGRESS, NO_STOP})
        .call("PairVerdict.ask", () -> new Object[] {judge, 1, List.of(TrainingSamples.example()), List.of("a"), List.of("b"), NO_PROGRESS,
            NO_STOP})
        .call("Bootstrap.of", () -> new Object[] {3, (ToDoubleFunction<int[]>) drawn -> drawn.length, 10, 1L})
        .call("Bootstrap.mean(double[],int,long)", () -> new Object[] {new double[] {1, 2, 3}, 10, 1L})
        .call("Bootstrap.mean(double[][],int,long)", () -> new Object[] {new double[][] {{1, 2, 3}}, 10, 1L})
        .call("Estimate.of", () -> new Object[] {new double[][] {{1, 2, 3}, {2, 3, 4}}, 10, 1L})
        .call("RocAuc.binary", () -> new Object[] {new float[] {0.1f, 0.2f}, new boolean[] {true, false}})
        .call("RocAuc.weightedOneVsRest", () -> new Object[] {new float[] {0.1f, 0.9f, 0.8f, 0.2f}, new int[] {1, 0}, 2})
        .type("List<Disagreement>", List::of).type("List<FileStats>", List::of).type("Map<String,Quantiles>", Map::of)
        .type("List<Finding>", List::of).type("List<FileReport>", List::of).type("List<Quantity>", List::of)
        .type("List<Word>", List::of).type("List<SuggestedQuery>", List::of).type("List<Token>", List::of);
    ScoredAnswer answer = TrainingSamples.answer();
    samples.call("AnswerSummary.of", () -> new Object[] {List.of(answer)});
  }

  private static final class OneStage implements Stage<TppoConfig> {
    private RunContext<TppoConfig> context;

    @Override
    public String name() {
      return "one";
    }

    @Override
    public List<String> needs() {
      return List.of();
    }

    @Override
    public List<String> configKeys() {
      return List.of("seed");
    }

    @Override
    public List<String> outputs() {
      return List.of("one");
    }

    @Override
    public void run(RunContext<TppoConfig> given) {
      context = given;
    }
  }

  private StageRunner<TppoConfig> runner(OneStage stage) throws Exception {
    return new StageRunner<>(List.of(stage), CONFIG, RunFolder.open(types.missing()), Backend.CPU, Reporter.SILENT, () -> false);
  }

  private void run() {
    AtomicFiles.FolderWriter writer = folder -> { };
    samples.type("Stage", OneStage::new).call("Stage.config", () -> new Object[] {CONFIG}).call("Stage.check", () -> new Object[] {CONFIG})
        .type("StageRunner", () -> runner(new OneStage())).call("StageRunner.runCommand", () -> new Object[] {"one"})
        .call("StageRunner.new", () -> new Object[] {List.of(new OneStage()), CONFIG, RunFolder.open(types.missing()), Backend.CPU,
            Reporter.SILENT, (java.util.function.BooleanSupplier) () -> false})
        .type("RunContext", () -> {
          OneStage stage = new OneStage();
          runner(stage).runAll();
          return stage.context;
        })
        .type(RunState.class, () -> RunFolder.open(types.missing()).state())
        .call("RunFolder.begin", () -> new Object[] {CONFIG, false})
        .type("Pipeline", () -> Pipeline.of(TppoConfig.class, List.of(new OneStage())))
        .type("TppoPipeline", TppoPipeline::create).type("SearchPipeline", SearchPipeline::create)
        .call("Pipeline.of", () -> new Object[] {TppoConfig.class, List.of(new OneStage())})
        .call("Pipeline.runs", () -> new Object[] {CONFIG})
        .call("Pipeline.combine", () -> new Object[] {CONFIG, RunFolder.open(types.missing()), List.of()})
        .call("TppoPipeline.stages", () -> new Object[] {CONFIG}).call("TppoPipeline.runs", () -> new Object[] {CONFIG})
        .call("AtomicFiles.write(Path,StreamWriter)", () -> new Object[] {types.missing(), (AtomicFiles.StreamWriter) out -> out.write(1)})
        .call("AtomicFiles.writeFolder", () -> new Object[] {types.missing(), writer})
        .type(Checkpoints.class, () -> new Checkpoints(types.missing(), 1)).call("Checkpoints.save", () -> new Object[] {1L, writer})
        .call("ConfigReader.read(Class,List)", () -> new Object[] {TppoConfig.class, List.of("seed=3")})
        .call("ConfigReader.read(Class,String,String,Path,List)",
            () -> new Object[] {TppoConfig.class, "seed: 3", "text", types.missing(), List.of("seed=3")})
        .call("ConfigReader.read(Class,Path,List)", () -> {
          Path file = types.missing();
          Files.writeString(file, "seed: 3\n");
          return new Object[] {TppoConfig.class, file, List.of("seed=3")};
        })
        .call("ConfigReader.defaults", () -> new Object[] {TppoConfig.class})
        .call("ConfigReader.with", () -> new Object[] {CONFIG, List.of("seed=3"), "test"})
        .call("ConfigWriter.json", () -> new Object[] {CONFIG}).call("ConfigTemplate.yaml", () -> new Object[] {CONFIG})
        .call("OptimizerConfig.rate", () -> new Object[] {1L, 10L})
        .call("MetricsWriter.write", () -> new Object[] {1L, Map.of("loss", 1.0)})
        .type(OutputFile.class, () -> OutputFile.create(types.missing())).type(IOException.class, () -> new IOException("wrong"))
        .type("JudgeException", () -> new JudgeException("wrong"))
        .type(TensorBoardWriter.class, () -> new TensorBoardWriter(types.missing(), 0))
        .call("TensorBoardWriter.new", () -> new Object[] {types.missing(), 0.0})
        .call("TensorBoardWriter.write", () -> new Object[] {1L, 1.0, Map.of("loss", 1.0)})
        .call("Check.list", () -> new Object[] {"key", List.of("a")})
        .type("InputException", () -> new InputException("key", "wrong"))
        .type("HistoryCleaner", () -> new HistoryCleaner(DataConfig.defaults(), x -> { }))
        .call("Check.range", () -> new Object[] {"key", 1.0, 0.0, 2.0}).call("TppoConfig.withSeed", () -> new Object[] {1L, CONFIG.experiment()});
  }

  private void text() throws Exception {
    ObjectMapper json = new ObjectMapper();
    samples.call("Tokenizer.decode", () -> new Object[] {new int[] {5, 6}, true})
        .call("Tokenizer.spans", () -> new Object[] {new int[] {5, 6}})
        .type("Encoding", () -> new io.github.tppo.text.Encoding(new int[] {3}, new int[] {0}, new int[] {1}))
        .call("PromptFormat.promptIds", () -> new Object[] {Tokenizer.load(types.file("policy")), TrainingSamples.example().history(), 40})
        .call("PromptFormat.responseIds", () -> new Object[] {Tokenizer.load(types.file("policy")), List.of("a")})
        .type(PromptFormat.class, PromptFormat::defaults)
        .call("Histories.of", () -> new Object[] {json.readTree("{\"search\": [\"a\"]}"), "", true})
        .call("Histories.type", () -> new Object[] {json.readTree("{}")})
        .call("Histories.refuseOthers", () -> new Object[] {json.readTree("{\"a\": 1}"), "", List.of("a")})
        .call("Histories.fault", () -> new Object[] {new JsonProcessingException("wrong") { }})
        .call("Suggester.suggest", () -> new Object[] {List.of(new Ask(TrainingSamples.example().history(), 1)),
            new SuggestOptions(1, 0, 1, 4)})
        .call("SuggestOptions.new", () -> new Object[] {1.0, 0, 1.0, 4});
  }

  private void leftOut() {
    samples.without("needs a space to search; SearchPipelineTest", "SearchPipeline.stages")
        .without("asks a server; ChatFailuresTest and ChatJudgeTest", "ChatJudge.*")
        .without("reads a whole run; ReportWriterTest, SeedResultsTest, AgreementCommandTest", "ReportWriter.write", "TppoPipeline.combine",
            "AnnotationSheet.write")
        .without("reads reference vectors; the tests of their names", "KernelVectors.verify", "LongformerVectors.verify",
            "ModelVectors.verify", "TokenizerVectors.verify")
        .without("IndexOutOfBoundsException is what an OutputStream throws", "OutputFile.write(byte[],int,int)")
        .without("reads logs; PrepareHostileInputTest, LogFuzzTest", "Prepare.run")
        .without("writes a model as large as it is told to", "CheckpointTools.writeRandom(DecoderConfig,long,WeightFormat,Path,ProgressListener)")
        .without("an array of the length asked for", "Permutation.of", "Permutation.batches");
    samples.type(Set.class, Set::of).type(RolloutFiles.class, () -> new RolloutFiles(types.missing()));
  }
}
