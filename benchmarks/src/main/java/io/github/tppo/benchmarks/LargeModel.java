// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.benchmarks;

import com.sun.nio.file.ExtendedOpenOption;
import io.github.tppo.kernels.KernelInfo;
import io.github.tppo.kernels.Kernels;
import io.github.tppo.model.Decoder;
import io.github.tppo.model.Generated;
import io.github.tppo.model.Generator;
import io.github.tppo.model.SamplingOptions;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Tensor;

/**
 * How fast a checkpoint that fills most of the memory opens and answers, one prompt at a time, beside what the machine can read: a new token
 * costs at least one reading of all weights. Prints one JSON object.
 *
 * <pre>
 * java -cp benchmarks/target/benchmarks.jar io.github.tppo.benchmarks.LargeModel MODEL [THREADS] [NEW_TOKENS]
 * </pre>
 *
 * <p>The first pass reads the mapped files: from the disk where the system has not kept them.
 */
public final class LargeModel {

  /** What is read of a file to learn the disk's speed. */
  private static final long DISK_SAMPLE = 2L << 30;
  private static final int BLOCK = 8 << 20;

  private LargeModel() {}

  /** Measures and prints. */
  public static void main(String[] args) throws IOException {
    Path model = Path.of(args[0]);
    int threads = args.length > 1 ? Integer.parseInt(args[1]) : Runtime.getRuntime().availableProcessors();
    int newTokens = args.length > 2 ? Integer.parseInt(args[2]) : 16;
    Kernels.setThreads(threads);
    double disk = diskBytesPerSecond(model);
    long start = System.nanoTime();
    try (Decoder decoder = Decoder.open(model)) {
      double opened = seconds(start);
      long bytes = decoder.parameters().values().stream().mapToLong(t -> t.numel() * t.element_size()).sum();
      Generator generator = new Generator(decoder, -1);
      int[] prompt = {3, 1, 4, 1, 5, 9, 2, 6};
      start = System.nanoTime();
      generate(generator, prompt, 1);
      double first = seconds(start);
      double[] reads = new double[3];
      double[] tokens = new double[3];
      for (int round = 0; round < tokens.length; round++) {
        reads[round] = readSeconds(decoder, threads);
        start = System.nanoTime();
        generate(generator, prompt, 1);
        double one = seconds(start);
        start = System.nanoTime();
        generate(generator, prompt, 1 + newTokens);
        tokens[round] = (seconds(start) - one) / newTokens;
      }
      double read = median(reads);
      double token = median(tokens);
      // the embedding is looked up, not read
      long embedding = decoder.parameters().get("model.embed_tokens.weight").numel() * decoder.parameters().get("model.embed_tokens.weight").element_size();
      long perToken = decoder.config().tiedEmbeddings() ? bytes : bytes - embedding;
      System.out.printf(Locale.ROOT, "{\"model\": \"%s\", \"isa\": \"%s\", \"threads\": %d, \"weights_bytes\": %d,"
          + " \"disk_gb_per_s\": %.2f, \"open_s\": %.3f, \"first_token_s\": %.2f, \"memory_read_gb_per_s\": %.1f,"
          + " \"s_per_token\": %.3f, \"tokens_per_s\": %.2f, \"weights_read_gb_per_s\": %.1f, \"of_memory_read\": %.2f,"
          + " \"peak_resident_bytes\": %d, \"peak_of_weights\": %.3f}%n",
          model.getFileName(), KernelInfo.query().cpuIsa(), threads, bytes, disk / 1e9, opened, first, bytes / read / 1e9, token, 1 / token,
          perToken / token / 1e9, perToken / token / (bytes / read), 1024 * ExtraMemory.kilobytes("VmHWM:"),
          1024.0 * ExtraMemory.kilobytes("VmHWM:") / bytes);
    }
  }

  private static void generate(Generator generator, int[] prompt, int newTokens) {
    List<Generated> one = generator.generate(List.of(prompt), new long[1], SamplingOptions.greedy(newTokens));
    if (one.get(0).ids().length != newTokens) {
      throw new IllegalStateException("expected " + newTokens + " tokens, got " + one.get(0).ids().length);
    }
  }

  /** Time to read all weights once where they are mapped, by plain loads on as many threads. */
  private static double readSeconds(Decoder decoder, int threads) {
    double seconds = 0;
    for (Tensor tensor : decoder.parameters().values()) {
      seconds += NativeLoops.loops_read(tensor.data_ptr().address(), tensor.numel() * tensor.element_size() / 4, threads);
    }
    return seconds;
  }

  /** Past the system's cache, from the beginning of the largest file. */
  private static double diskBytesPerSecond(Path model) throws IOException {
    Path largest;
    try (Stream<Path> files = Files.list(model)) {
      largest = files.max((a, b) -> Long.compare(a.toFile().length(), b.toFile().length())).orElseThrow();
    }
    try (FileChannel channel = FileChannel.open(largest, StandardOpenOption.READ, ExtendedOpenOption.DIRECT)) {
      ByteBuffer block = ByteBuffer.allocateDirect(2 * BLOCK).alignedSlice((int) Files.getFileStore(largest).getBlockSize());
      block.limit(BLOCK);
      long start = System.nanoTime();
      long done = 0;
      for (int n = 0; n >= 0 && done < DISK_SAMPLE; done += Math.max(0, n)) {
        n = channel.read(block.rewind());
      }
      return done / seconds(start);
    }
  }

  private static double seconds(long since) {
    return (System.nanoTime() - since) * 1e-9;
  }

  private static double median(double[] values) {
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    return sorted[sorted.length / 2];
  }
}
