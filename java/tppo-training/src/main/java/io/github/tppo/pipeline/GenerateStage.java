// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.pipeline;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.tppo.data.Example;
import io.github.tppo.kernels.Kernels;
import io.github.tppo.model.Decoder;
import io.github.tppo.policy.Permutation;
import io.github.tppo.run.AtomicFiles;
import io.github.tppo.run.ProgressListener;
import io.github.tppo.run.RunContext;
import io.github.tppo.run.Stage;
import io.github.tppo.run.TppoConfig;
import io.github.tppo.text.ResponseText;
import io.github.tppo.text.TokenSpans;
import io.github.tppo.text.Tokenizer;
import it.unimi.dsi.fastutil.ints.IntArrayList;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Samples of the SFT policy, for the reward model's labels and for the suggested length: {@code generate/}. The suggested
 * length is computed here, once, and stays (SPEC 5).
 */
final class GenerateStage implements Stage<TppoConfig> {
  private static final int CHUNK_BATCHES = 8;

  @Override
  public String name() {
    return "generate";
  }

  @Override
  public List<String> needs() {
    return List.of("prepare", "sft");
  }

  @Override
  public List<String> configKeys() {
    return List.of("seed", "text", "sampling", "generate");
  }

  @Override
  public List<String> outputs() {
    return List.of("generate");
  }

  @Override
  public void run(RunContext<TppoConfig> context) throws IOException {
    Compute.prepare(context);
    TppoConfig config = context.config();
    long start = System.nanoTime();
    List<SampledResponse> responses = new ArrayList<>();
    IntArrayList queryLengths = new IntArrayList();
    try (Tokenizer tokenizer = Tokenizer.load(context.folder().model("sft"));
        Decoder policy = Decoder.open(context.folder().model("sft"))) {
      List<Task> tasks = new ArrayList<>();
      add(tasks, context, "train", config.generate().prompts());
      add(tasks, context, "valid", config.generate().validPrompts());
      ProgressListener progress = context.progress("sampling responses");
      int size = config.sampling().batchSize() * CHUNK_BATCHES; // batches of a chunk run side by side
      Answers answers = new Answers(policy, tokenizer, config);
      for (int from = 0; from < tasks.size(); from += size) {
        context.checkStop();
        List<Task> part = tasks.subList(from, Math.min(tasks.size(), from + size));
        long[] streams = part.stream().mapToLong(Task::stream).toArray();
        List<Answers.Answer> sampled = answers.sample(part.stream().map(Task::example).toList(), streams, Answers.GENERATE);
        for (int i = 0; i < part.size(); i++) {
          Task task = part.get(i);
          Answers.Answer answer = sampled.get(i);
          responses.add(new SampledResponse(task.split, task.index, task.example.user(), task.stream, answer.promptIds(),
              answer.ids(), answer.logprobs(), answer.spans().text()));
          addQueryLengths(answer.spans(), queryLengths);
        }
        progress.update(responses.size(), tasks.size(), "");
      }
    }
    if (queryLengths.isEmpty()) {
      throw new IllegalStateException("generate: the SFT policy wrote no query at all; train it longer (sft.epochs)");
    }
    double suggested = Kernels.suggestedLength(queryLengths.toIntArray(), config.data().targets());
    double seconds = (System.nanoTime() - start) * 1e-9;
    long tokens = responses.stream().mapToLong(r -> r.responseIds().length).sum();
    SampledResponse.write(file(context.folder().generate()), responses);
    ObjectMapper json = new ObjectMapper();
    ObjectNode stats = json.createObjectNode().put("responses", responses.size()).put("tokens", tokens).put("suggested_length", suggested);
    AtomicFiles.write(context.folder().generate().resolve("stats.json"), json.writerWithDefaultPrettyPrinter().writeValueAsString(stats));
    context.figure("suggested_length", suggested);
    context.figure("tokens_per_s", tokens / seconds);
    context.message(String.format(Locale.ROOT, "sampled %d responses, %.1f tokens each; suggested length %.1f",
        responses.size(), tokens / (double) responses.size(), suggested));
  }

  /** The file of the samples in the stage's folder. */
  static Path file(Path generate) {
    return generate.resolve("responses.jsonl");
  }

  /** The suggested length of a finished stage. */
  static double suggestedLength(Path generate) throws IOException {
    return new ObjectMapper().readTree(generate.resolve("stats.json").toFile()).get("suggested_length").asDouble();
  }

  private record Task(String split, int index, Example example, long stream) {}

  /** Prompts in a seeded order, so that a bound on their number takes a sample of all users. */
  private static void add(List<Task> tasks, RunContext<TppoConfig> context, String split, int most) throws IOException {
    List<Example> examples = PolicyModels.examples(context.folder(), split, 0);
    int[] order = Permutation.of(examples.size(), context.config().seed(), split.hashCode());
    int count = most == 0 ? order.length : Math.min(most, order.length);
    for (int i = 0; i < count; i++) {
      for (int s = 0; s < context.config().generate().samplesPerPrompt(); s++) {
        tasks.add(new Task(split, order[i], examples.get(order[i]), tasks.size()));
      }
    }
  }

  /** Tokens of each line that holds a query: number, words and the line break or end token that closes it. */
  private static void addQueryLengths(TokenSpans spans, IntArrayList lengths) {
    List<ResponseText.Line> lines = ResponseText.lines(spans.text());
    int token = 0;
    for (int l = 0; l < lines.size(); l++) {
      int count = 0;
      boolean last = l == lines.size() - 1;
      while (token < spans.length() && (last || spans.starts()[token] <= lines.get(l).end())) {
        count++;
        token++;
      }
      if (!lines.get(l).query().isEmpty()) {
        lengths.add(count);
      }
    }
  }
}
