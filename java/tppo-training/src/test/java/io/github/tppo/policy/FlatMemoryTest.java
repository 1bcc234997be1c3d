// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.policy;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.tppo.ChildJvm;
import io.github.tppo.model.Decoder;
import io.github.tppo.model.Generator;
import io.github.tppo.model.Longformer;
import io.github.tppo.model.LongformerConfig;
import io.github.tppo.model.SamplingOptions;
import io.github.tppo.model.Workers;
import io.github.tppo.reward.RewardInput;
import io.github.tppo.reward.RewardSample;
import io.github.tppo.reward.TokenRewardTrainer;
import io.github.tppo.run.ConfigReader;
import io.github.tppo.run.TppoConfig;
import io.github.tppo.text.TokenSpans;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.LongConsumer;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.bytedeco.javacpp.Pointer;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Thousands of steps of each kind of training and of generation leave the memory of the process where it was after its warm-up
 * (INVARIANTS 18). Each kind has a process of its own, started as the launcher starts one, so that nothing else moves its memory.
 */
@Timeout(1200)
class FlatMemoryTest {
  private static final boolean LONG = Boolean.getBoolean("tppo.long");
  private static final int SAMPLES = 20;
  private static final double ALLOWED = 0.02;
  /** Threads whose scratch, two objects each that they keep, may be first needed after the warm-up. */
  private static final int WORKERS = 2;
  /** A heap that is all there from the beginning, and no compiler that takes megabytes at any time. */
  private static final List<String> QUIET_JAVA = List.of("-Xms64m", "-Xmx64m", "-XX:+AlwaysPreTouch", "-XX:+UseSerialGC",
      "-XX:TieredStopAtLevel=1");

  enum Work { SFT, REWARD_MODEL, TPPO, GENERATION }

  static Stream<Work> works() {
    return LONG ? Stream.of(Work.values()) : Stream.of(Work.TPPO);
  }

  /** Bytes that the process has taken and not given back, in memory or swapped out, and what JavaCPP counts, at one moment. */
  private record Sample(long taken, long count, long bytes) {}

  @ParameterizedTest
  @MethodSource("works")
  void memoryIsFlatAfterTheWarmUp(Work work) throws Exception {
    assumeTrue(Files.exists(Path.of("/proc/self/status")));
    int steps = LONG ? 5000 : 400;
    String output = ChildJvm.run(QUIET_JAVA, Steps.class, work.name(),
        String.valueOf(steps));
    List<Sample> samples = output.lines().filter(line -> line.startsWith("sample ")).map(line -> line.split(" "))
        .map(part -> new Sample(Long.parseLong(part[1]), Long.parseLong(part[2]), Long.parseLong(part[3]))).toList();
    assertEquals(SAMPLES, samples.size(), output);
    Sample begin = samples.get(0);
    for (Sample sample : samples) {
      assertTrue(sample.count() <= (1 + ALLOWED) * begin.count() + 2 * WORKERS && sample.bytes() <= (1 + ALLOWED) * begin.bytes() + (WORKERS << 16),
          () -> "JavaCPP's count grew\n" + output);
    }
    double first = mean(samples.subList(0, SAMPLES / 5));
    double last = mean(samples.subList(SAMPLES - SAMPLES / 5, SAMPLES));
    System.out.printf("memory: %s, %d steps: %.1f MB, then %.1f MB, %.2f %%%n", work, steps, first / 1e6, last / 1e6, 100 * (last / first - 1));
    assertTrue(last < (1 + ALLOWED) * first, () -> "memory grew by " + 100 * (last / first - 1) + " %\n" + output);
  }

  private static double mean(List<Sample> samples) {
    return samples.stream().mapToLong(Sample::taken).average().orElseThrow();
  }

  /** The process: {@code WORK STEPS}; a fifth as many steps again come first and are the warm-up. */
  static final class Steps {
    private static final int TPPO_STEPS_A_ROUND = 4;

    public static void main(String[] args) throws IOException {
      int steps = Integer.parseInt(args[1]);
      Workers.setThreads(WORKERS);
      switch (Work.valueOf(args[0])) {
        case SFT -> sft(steps);
        case REWARD_MODEL -> rewardModel(steps);
        case TPPO -> tppo(steps);
        case GENERATION -> generation(steps);
      }
    }

    private static void repeat(int steps, LongConsumer step) throws IOException {
      int warmUp = Math.max(100, steps / 5);
      for (int i = 0; i < warmUp; i++) {
        step.accept(i);
      }
      for (int i = 0; i < steps; i++) {
        step.accept(warmUp + i);
        if ((i + 1) % (steps / SAMPLES) == 0) {
          System.gc(); // direct buffers are the collector's to free
          System.out.println("sample " + (status("RssAnon") + status("VmSwap")) + " " + Pointer.totalCount() + " " + Pointer.totalBytes());
        }
      }
    }

    private static long status(String name) throws IOException {
      for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
        if (line.startsWith(name + ":")) {
          return Long.parseLong(line.replaceAll("[^0-9]", "")) * 1024;
        }
      }
      throw new IOException("/proc/self/status has no " + name);
    }

    private static TppoConfig config(String... sets) {
      List<String> all = new ArrayList<>(List.of("sft.batch_size=4", "sft.epochs=100000", "reward.batch_size=2", "reward.epochs=100000"));
      all.addAll(List.of(sets));
      return ConfigReader.read(TppoConfig.class, all);
    }

    private static void sft(int steps) throws IOException {
      List<Sequence> data = TinyPolicies.sequences(8, 3, 5, 2, 6, 1, 4, 4, 7, 2, 3);
      try (Decoder policy = TinyPolicies.create(1); SftTrainer trainer = new SftTrainer(policy, TinyPolicies.PAD, config().sft(), data, 1)) {
        repeat(steps, trainer::step);
      }
    }

    private static void rewardModel(int steps) throws IOException {
      LongformerConfig shape = new LongformerConfig(TinyPolicies.VOCAB, 32, 48, 2, 4, Collections.nCopies(2, 8), 64, 2, 1, 1e-5, 3, 0.02, 0,
          2, 1);
      SplittableRandom random = new SplittableRandom(1);
      List<RewardSample> data = IntStream.range(0, 6).mapToObj(i -> new RewardSample(new RewardInput(random.ints(8 + i, 3, TinyPolicies.VOCAB)
          .toArray(), 4, new TokenSpans("", new int[4 + i], new int[4 + i])), random.ints(4 + i, 0, 3).toArray(), i % 2)).toList();
      try (Longformer model = Longformer.create(shape, 1);
          TokenRewardTrainer trainer = new TokenRewardTrainer(model, 1, config().reward(), data, 1)) {
        repeat(steps, trainer::step);
      }
    }

    /** Rounds with their sampling, scoring, and two epochs of two mini-batches. */
    private static void tppo(int steps) throws IOException {
      PpoSetting setting = PpoSetting.of("policy.epochs=2", "policy.steps=100000");
      try (Decoder policy = TinyPolicies.create(1); Decoder reference = policy.copy();
          PpoTrainer trainer = setting.trainer(policy, reference, PpoSetting::manyRewards)) {
        repeat(steps / TPPO_STEPS_A_ROUND, trainer::round);
      }
    }

    private static void generation(int steps) throws IOException {
      List<int[]> prompts = PpoSetting.prompts().stream().map(Prompt::ids).toList();
      try (Decoder policy = TinyPolicies.create(1)) {
        Generator generator = new Generator(policy, TinyPolicies.EOS);
        repeat(steps, step -> generator.generate(prompts, new long[prompts.size()], SamplingOptions.sample(1, 10, step)));
      }
    }
  }
}
