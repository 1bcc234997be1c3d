// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.benchmarks;

import io.github.tppo.kernels.KernelInfo;
import io.github.tppo.kernels.Kernels;
import io.github.tppo.model.Decoder;
import io.github.tppo.model.DecoderConfig;
import io.github.tppo.model.Generator;
import io.github.tppo.model.SamplingOptions;
import io.github.tppo.model.Workers;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.DoubleStream;

/**
 * Tokens per second of generation with a checkpoint, beside transformers' {@code generate} if asked for; no JMH, since one generation takes
 * as long as one of its iterations. Prints one JSON object a line: for each measurement, then for each setting the medians and how many
 * times as fast we are; first of all, what a token costs where the model is next to nothing. End tokens do not end responses, so that both make the same number of tokens.
 *
 * <pre>
 * java -cp benchmarks/target/benchmarks.jar io.github.tppo.benchmarks.Generation MODEL [--peer PYTHON]
 *     [--batches 1,8,64] [--threads 1,2] [--new-tokens 48] [--temperature 0] [--rounds 3] [--seconds 3]
 * </pre>
 *
 * <p>Every round measures us and then, in a process of its own, {@code benchmarks/peers/transformers_generate.py} under the Python named.
 */
public final class Generation {

  private static final String PEER = "benchmarks/peers/transformers_generate.py";
  private static final Pattern SPEED = Pattern.compile("\"tokens_per_s\": ([0-9.]+)");

  private final Map<String, String> options = new LinkedHashMap<>();
  private final String model;

  private Generation(String[] args) {
    options.putAll(Map.of("--peer", "", "--batches", "1,8,64", "--threads", "1,2", "--new-tokens", "48", "--temperature", "0",
        "--rounds", "3", "--seconds", "3"));
    if (args.length % 2 == 0) {
      throw new IllegalArgumentException("expected MODEL and pairs of option and value; options are " + options.keySet());
    }
    model = args[0];
    for (int i = 1; i < args.length; i += 2) {
      if (options.replace(args[i], args[i + 1]) == null) {
        throw new IllegalArgumentException("unknown option " + args[i] + "; there are " + options.keySet());
      }
    }
  }

  /** One setting that is measured. */
  private record Setting(int batch, int threads, int prompts) {}

  /** Measures and prints. */
  public static void main(String[] args) throws IOException, InterruptedException {
    Generation generation = new Generation(args);
    try (Decoder decoder = Decoder.load(Path.of(generation.model));
        Decoder nothing = Decoder.create(DecoderConfig.mistral(50, 8, 8, 1, 2, 1, 256, 0, 0, 2, 1), 1)) {
      generation.measureOverhead(nothing);
      generation.measureAll(decoder);
    }
  }

  /** A model of next to nothing: what remains is the price of all that is not the model, binding and choice of tokens included. */
  private void measureOverhead(Decoder nothing) {
    for (int batch : ints("--batches")) {
      double speed = printed(ours(nothing, new Setting(batch, 1, 64)));
      System.out.printf(Locale.ROOT, "{\"overhead\": \"batch %d\", \"us_per_token\": %.2f}%n", batch, 1e6 / speed);
    }
  }

  private void measureAll(Decoder decoder) throws IOException, InterruptedException {
    List<String> summary = new ArrayList<>();
    for (int threads : ints("--threads")) {
      for (int batch : ints("--batches")) {
        // few where a batch is one sequence, which is slow
        Setting setting = new Setting(batch, threads, Math.max(16, Math.min(64, 8 * batch)));
        List<Double> ours = new ArrayList<>();
        List<Double> theirs = new ArrayList<>();
        for (int round = 0; round < ints("--rounds")[0]; round++) {
          ours.add(printed(ours(decoder, setting)));
          if (!options.get("--peer").isEmpty()) {
            theirs.add(printed(theirs(setting)));
          }
        }
        String line = String.format(Locale.ROOT, "{\"summary\": \"batch %d, threads %d\", \"tppo_tokens_per_s\": %.1f", batch,
            threads, median(ours));
        summary.add(line + (theirs.isEmpty() ? "" : String.format(Locale.ROOT,
            ", \"peer_tokens_per_s\": %.1f, \"times_as_fast\": %.2f", median(theirs), median(ours) / median(theirs))) + "}");
      }
    }
    summary.forEach(System.out::println);
  }

  private int[] ints(String option) {
    return Arrays.stream(options.get(option).split(",")).mapToInt(Integer::parseInt).toArray();
  }

  private static double median(List<Double> values) {
    double[] sorted = values.stream().mapToDouble(v -> v).sorted().toArray();
    return sorted[sorted.length / 2];
  }

  /** Prints a measurement and returns its speed. */
  private static double printed(String line) {
    System.out.println(line);
    Matcher speed = SPEED.matcher(line);
    if (!speed.find()) {
      throw new IllegalStateException("no tokens_per_s in: " + line);
    }
    return Double.parseDouble(speed.group(1));
  }

  private String ours(Decoder decoder, Setting setting) {
    Workers.setCount(setting.threads);
    Kernels.setThreads(setting.threads);
    int newTokens = ints("--new-tokens")[0];
    double temperature = Double.parseDouble(options.get("--temperature"));
    SamplingOptions sampling = new SamplingOptions(temperature, 0, 1, newTokens, 1);
    List<int[]> prompts = new ArrayList<>();
    for (int i = 0; i < setting.prompts; i++) {
      prompts.add(prompt(i, decoder.config().vocabSize()));
    }
    Generator generator = new Generator(decoder, -1).withBatchSize(setting.batch);
    double seconds = Double.parseDouble(options.get("--seconds"));
    times(generator, prompts, sampling, seconds / 2); // the compiler's time
    Generator.Counts before = generator.counts();
    double[] times = times(generator, prompts, sampling, seconds);
    Generator.Counts counts = generator.counts().since(before);
    KernelInfo kernels = KernelInfo.query();
    return String.format(Locale.ROOT, "{\"engine\": \"tppo %s, %s\", \"batch\": %d, \"threads\": %d, \"prompts\": %d, \"new_tokens\": %d,"
        + " \"temperature\": %s, \"dtype\": \"float32\", \"rounds\": %d, \"tokens_per_s\": %.1f, \"java_us_per_token\": %.3f,"
        + " \"java_share\": %.4f}",
        kernels.version(), kernels.cpuIsa(), setting.batch, setting.threads, setting.prompts, newTokens, options.get("--temperature"),
        times.length, (double) setting.prompts * newTokens / times[times.length / 2],
        1e-3 * (counts.nanos() - counts.nativeNanos()) / counts.newTokens(), 1 - (double) counts.nativeNanos() / counts.nanos());
  }

  /** Seconds of each generation, sorted. */
  private static double[] times(Generator generator, List<int[]> prompts, SamplingOptions sampling, double seconds) {
    long[] streams = new long[prompts.size()];
    Arrays.setAll(streams, i -> i);
    DoubleStream.Builder times = DoubleStream.builder();
    long end = System.nanoTime() + (long) (seconds * 1e9);
    do {
      long start = System.nanoTime();
      generator.generate(prompts, streams, sampling);
      times.add((System.nanoTime() - start) * 1e-9);
    } while (System.nanoTime() < end);
    return times.build().sorted().toArray();
  }

  private String theirs(Setting setting) throws IOException, InterruptedException {
    Process process = new ProcessBuilder(options.get("--peer"), Path.of(PEER).toAbsolutePath().toString(),
        Path.of(model).toAbsolutePath().toString(), "--batch", "" + setting.batch, "--threads", "" + setting.threads,
        "--prompts", "" + setting.prompts, "--new-tokens", options.get("--new-tokens"), "--temperature",
        options.get("--temperature"), "--seconds", options.get("--seconds")).redirectError(ProcessBuilder.Redirect.INHERIT).start();
    String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
    if (process.waitFor() != 0) {
      throw new IllegalStateException(PEER + " failed; it needs torch and transformers");
    }
    return out.substring(out.lastIndexOf('\n') + 1);
  }

  /** Ids without meaning, 20 to 90 of them; the same as in the peer. */
  private static int[] prompt(int i, int vocabulary) {
    int[] ids = new int[20 + i * 37 % 71];
    Arrays.setAll(ids, j -> 3 + (int) ((i * 7919L + j * 104729L + (long) j * j * 31) % (vocabulary - 3)));
    return ids;
  }
}
