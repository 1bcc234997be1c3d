// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import static io.github.tppo.model.GenerationModels.EOS;
import static io.github.tppo.model.GenerationModels.VOCAB;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.tppo.kernels.Kernels;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

@SuppressWarnings("try") // scopes are opened for what their closing frees
class GeneratorTest {

  private static final int N = 37;

  private final List<int[]> prompts = new ArrayList<>();
  private final long[] streams = new long[N];

  GeneratorTest() {
    Random random = new Random(3);
    for (int i = 0; i < N; i++) {
      // some are equal, some begin alike
      int[] prompt = random.ints(1 + random.nextInt(12), 3, VOCAB).toArray();
      prompts.add(i % 5 == 4 ? prompts.get(i - 2) : i % 5 == 3 ? joined(prompts.get(i - 1), prompt) : prompt);
      streams[i] = 1000 + i;
    }
  }

  private static int[] joined(int[] first, int[] second) {
    int[] both = Arrays.copyOf(first, first.length + second.length);
    System.arraycopy(second, 0, both, first.length, second.length);
    return both;
  }

  @AfterEach
  void allThreads() {
    Kernels.setThreads(0);
  }

  static List<DecoderConfig> kinds() {
    return GenerationModels.kinds();
  }

  /** The same bits, log-probs included. */
  @ParameterizedTest
  @MethodSource("kinds")
  void responsesDoNotDependOnBatchOrderThreadsOrCuts(DecoderConfig config) {
    SamplingOptions options = new SamplingOptions(0.8, 0, 1, 20, 5);
    try (Decoder decoder = GenerationModels.create(config)) {
      Kernels.setThreads(1);
      List<Generated> reference = new Generator(decoder, EOS).withBatchSize(64).generate(prompts, streams, options);
      assertTrue(reference.stream().anyMatch(Generated::finished), "some end early");
      assertTrue(reference.stream().anyMatch(g -> !g.finished() && g.ids().length == 20), "some run to the limit");
      for (int threads : new int[] {1, 2, 5}) {
        Kernels.setThreads(threads);
        for (int batch : new int[] {1, 3, 64}) {
          for (int rows : new int[] {batch, batch + 3, 512}) {
            Generator generator = new Generator(decoder, EOS).withBatchSize(batch).withRows(rows);
            assertSame(reference, generator.generate(prompts, streams, options));
          }
        }
        assertSame(reference, shuffled(new Generator(decoder, EOS).withBatchSize(3), options, threads));
      }
    }
  }

  /** Responses to the prompts in another order, put back into theirs. */
  private List<Generated> shuffled(Generator generator, SamplingOptions options, long seed) {
    List<Integer> order = new ArrayList<>();
    for (int i = 0; i < N; i++) {
      order.add(i);
    }
    Collections.shuffle(order, new Random(seed));
    List<Generated> found = generator.generate(order.stream().map(prompts::get).toList(),
        order.stream().mapToLong(i -> streams[i]).toArray(), options);
    Generated[] back = new Generated[N];
    for (int i = 0; i < N; i++) {
      back[order.get(i)] = found.get(i);
    }
    return Arrays.asList(back);
  }

  private static void assertSame(List<Generated> expected, List<Generated> found) {
    assertEquals(expected.size(), found.size());
    for (int i = 0; i < expected.size(); i++) {
      assertArrayEquals(expected.get(i).ids(), found.get(i).ids(), "response " + i);
      assertArrayEquals(expected.get(i).logprobs(), found.get(i).logprobs(), "response " + i);
      assertEquals(expected.get(i).finished(), found.get(i).finished());
    }
  }

  /** What a token's log-prob is does not depend on whether the tokens before it were given or generated. */
  @ParameterizedTest
  @MethodSource("kinds")
  void aResponseGoesOnFromItsOwnBeginningWithTheSameBits(DecoderConfig config) {
    try (Decoder decoder = GenerationModels.create(config)) {
      Generator generator = new Generator(decoder, -1).withBatchSize(4);
      Generated whole = generator.generate(prompts.subList(0, 1), new long[1], SamplingOptions.greedy(24)).get(0);
      for (int cut : new int[] {1, 2, 7, 23}) {
        int[] longer = joined(prompts.get(0), Arrays.copyOf(whole.ids(), cut));
        Generated rest = generator.generate(List.of(longer), new long[1], SamplingOptions.greedy(24 - cut)).get(0);
        assertArrayEquals(Arrays.copyOfRange(whole.ids(), cut, 24), rest.ids());
        assertArrayEquals(Arrays.copyOfRange(whole.logprobs(), cut, 24), rest.logprobs());
      }
    }
  }

  /** Log-probs equal those of libtorch's pass over prompt and response, at the sampling temperature. */
  @ParameterizedTest
  @MethodSource("kinds")
  void logProbsAreThoseOfTheWholeSequenceAtTheSamplingTemperature(DecoderConfig config) {
    double temperature = 0.7;
    try (Decoder decoder = GenerationModels.create(config)) {
      List<Generated> all = new Generator(decoder, EOS).withBatchSize(8)
          .generate(prompts, streams, new SamplingOptions(temperature, 10, 0.9, 15, 3));
      for (int i = 0; i < N; i++) {
        float[] logits = logits(decoder, prompts.get(i), all.get(i).ids());
        for (int t = 0; t < all.get(i).ids().length; t++) {
          assertEquals(logprob(logits, t, temperature, all.get(i).ids()[t]), all.get(i).logprobs()[t], 1e-4);
        }
      }
    }
  }

  @Test
  void aResponseEndsAtTheFirstOfItsEndTokens() {
    try (Decoder decoder = GenerationModels.create(GenerationModels.kinds().get(0))) {
      SamplingOptions options = new SamplingOptions(1, 0, 1, 15, 3);
      List<Generated> free = new Generator(decoder, -1).generate(prompts, streams, options);
      Set<Integer> ends = Set.of(free.get(0).ids()[2], free.get(1).ids()[5], free.get(2).ids()[9]);
      List<Generated> ended = new Generator(decoder, ends).generate(prompts, streams, options);
      int stopped = 0;
      for (int i = 0; i < N; i++) {
        int length = 0;
        while (length < 15 && !ends.contains(free.get(i).ids()[length])) {
          length++;
        }
        assertEquals(length < 15, ended.get(i).finished());
        assertArrayEquals(Arrays.copyOf(free.get(i).ids(), Math.min(15, length + 1)), ended.get(i).ids());
        stopped += length < 15 ? 1 : 0;
      }
      assertTrue(stopped >= 3);
    }
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void greedyTakesTheLargestLogitOfTheWholeSequence(DecoderConfig config) {
    try (Decoder decoder = GenerationModels.create(config)) {
      List<Generated> all = new Generator(decoder, EOS).withBatchSize(8).generate(prompts, streams, SamplingOptions.greedy(15));
      for (int i = 0; i < N; i++) {
        int[] ids = all.get(i).ids();
        float[] logits = logits(decoder, prompts.get(i), ids);
        for (int t = 0; t < ids.length; t++) {
          float largest = Float.NEGATIVE_INFINITY;
          for (int id = 0; id < VOCAB; id++) {
            largest = Math.max(largest, logits[t * VOCAB + id]);
          }
          assertEquals(largest, logits[t * VOCAB + ids[t]], 1e-4);
          assertEquals(logprob(logits, t, 1, ids[t]), all.get(i).logprobs()[t], 1e-4);
        }
      }
    }
  }

  /** Logits [n, V] at which the n tokens of a response were chosen. */
  private static float[] logits(Decoder decoder, int[] prompt, int[] response) {
    int[] ids = joined(prompt, response);
    try (Scope scope = Scope.noGrad()) {
      Tensor hidden = decoder.hidden(Tensors.ids(ids, 1, ids.length), null).select(0, 0);
      return Tensors.toFloats(torch.linear(hidden.narrow(0, prompt.length - 1, response.length), decoder.outputWeight()));
    }
  }

  private static double logprob(float[] logits, int row, double temperature, int id) {
    double total = 0;
    for (int v = 0; v < VOCAB; v++) {
      total += Math.exp((logits[row * VOCAB + v] - logits[row * VOCAB + id]) / temperature);
    }
    return -Math.log(total);
  }

  @Test
  void aSeedGivesTheSameSamplesAndAnotherSeedOthers() {
    try (Decoder decoder = GenerationModels.windowed(0)) {
      Generator generator = new Generator(decoder, EOS);
      List<Generated> first = generator.generate(prompts, streams, SamplingOptions.sample(1, 12, 1));
      assertSame(first, generator.generate(prompts, streams, SamplingOptions.sample(1, 12, 1)));
      List<Generated> other = generator.generate(prompts, streams, SamplingOptions.sample(1, 12, 2));
      assertFalse(Arrays.equals(first.get(0).ids(), other.get(0).ids()) && Arrays.equals(first.get(1).ids(), other.get(1).ids()));
    }
  }

  /** Equal prompts differ by their streams alone. */
  @Test
  void equalPromptsHaveChoicesOfTheirOwn() {
    int[] prompt = {5, 6, 7, 8, 9};
    List<int[]> equal = Collections.nCopies(40, prompt);
    long[] own = new long[40];
    Arrays.setAll(own, i -> i);
    try (Decoder decoder = GenerationModels.windowed(4)) {
      SamplingOptions options = SamplingOptions.sample(1, 6, 1);
      List<Generated> together = new Generator(decoder, EOS).withBatchSize(7).generate(equal, own, options);
      assertTrue(together.stream().map(g -> Arrays.toString(g.ids())).distinct().count() > 20);
      for (int i = 0; i < own.length; i++) {
        assertSame(new Generator(decoder, EOS).withBatchSize(1).generate(List.of(prompt), new long[] {i}, options),
            together.subList(i, i + 1));
      }
      List<Generated> same = new Generator(decoder, EOS).withBatchSize(7).generate(equal, new long[40], options);
      assertSame(Collections.nCopies(40, together.get(0)), same);
    }
  }

  /** No padding, no row of a response that has ended, no last token; beginnings that are there already are copied. */
  @Test
  void eachTokenRunsOnce() {
    try (Decoder decoder = GenerationModels.windowed(0)) {
      for (int batch : new int[] {1, 3, 64}) {
        List<int[]> different = new ArrayList<>();
        List<int[]> equal = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
          int[] prompt = new int[1 + i * 7 % 20];
          Arrays.fill(prompt, 3 + i);
          different.add(prompt);
          equal.add(new int[] {5, 6, 7, 8, 9});
        }
        int tokens = different.stream().mapToInt(prompt -> prompt.length).sum();
        long[] own = Arrays.copyOf(streams, 20);
        for (int rows : new int[] {batch, 512}) {
          assertRows(tokens, new Generator(decoder, EOS).withBatchSize(batch).withRows(rows), different, own);
          assertRows(5 + 19, new Generator(decoder, EOS).withBatchSize(batch).withRows(rows), equal, own);
        }
      }
    }
  }

  private static void assertRows(int promptRows, Generator generator, List<int[]> prompts, long[] streams) {
    int responseTokens = 0;
    for (Generated response : generator.generate(prompts, streams, SamplingOptions.sample(1, 12, 3))) {
      responseTokens += response.ids().length;
    }
    assertEquals(responseTokens, generator.counts().newTokens());
    assertEquals(promptRows + responseTokens - prompts.size(), generator.counts().rows());
    assertTrue(generator.counts().nativeNanos() > 0 && generator.counts().nativeNanos() <= generator.counts().nanos());
  }

  /** What does not fit is written later: here two at a time, then one, which takes as many calls as tokens. */
  @Test
  void theCacheHasABound() {
    try (Decoder decoder = GenerationModels.windowed(0)) {
      List<int[]> four = List.of(new int[] {3}, new int[] {4}, new int[] {5}, new int[] {6});
      long position = 2 * 2 * 2 * 4 * Float.BYTES; // layers, keys and values, heads, their size
      Generator all = new Generator(decoder, -1);
      List<Generated> expected = all.generate(four, new long[4], SamplingOptions.greedy(8));
      assertEquals(8, all.counts().calls());
      for (int fitting : new int[] {2, 1, 0}) {
        Generator bounded = new Generator(decoder, -1).withCache(fitting * 8 * position + position);
        assertSame(expected, bounded.generate(four, new long[4], SamplingOptions.greedy(8)));
        assertEquals(fitting == 2 ? 16 : 32, bounded.counts().calls());
      }
    }
  }

  /** The weights are read where they lie: a step of the optimiser between two calls is seen by the second. */
  @Test
  void changedWeightsAreSeenByTheNextCall() {
    try (Decoder decoder = GenerationModels.windowed(0)) {
      Generator generator = new Generator(decoder, EOS);
      List<Generated> before = generator.generate(prompts, streams, SamplingOptions.greedy(12));
      try (Scope scope = Scope.noGrad()) {
        decoder.parameters().values().forEach(p -> p.mul_(new Scalar(0.9)));
      }
      List<Generated> after = generator.generate(prompts, streams, SamplingOptions.greedy(12));
      assertFalse(Arrays.equals(before.get(0).logprobs(), after.get(0).logprobs()));
      try (Decoder copy = decoder.copy()) {
        assertSame(new Generator(copy, EOS).generate(prompts, streams, SamplingOptions.greedy(12)), after);
      }
    }
  }

  @Test
  void noPromptsGiveNoResponses() {
    try (Decoder decoder = GenerationModels.windowed(0)) {
      assertEquals(List.of(), new Generator(decoder, EOS).generate(List.of(), new long[0], SamplingOptions.greedy(3)));
    }
  }

  @Test
  void aResponseThatDoesNotFitThePositionsIsRefused() {
    try (Decoder decoder = GenerationModels.windowed(0)) { // 64 positions
      Generator generator = new Generator(decoder, -1);
      int[] prompt = new int[60];
      Arrays.fill(prompt, 3);
      List<int[]> prompts = List.of(new int[] {3}, prompt);
      assertEquals(5, generator.generate(prompts, new long[2], SamplingOptions.greedy(5)).get(1).ids().length);
      IllegalArgumentException e = assertThrows(IllegalArgumentException.class,
          () -> generator.generate(prompts, new long[2], SamplingOptions.greedy(6)));
      assertTrue(e.getMessage().contains("prompt 1 of 60 tokens and a response of up to 6 need more than the model's 64 positions"),
          e.getMessage());
      assertThrows(IllegalArgumentException.class,
          () -> generator.generate(prompts, new long[2], SamplingOptions.greedy(Integer.MAX_VALUE)));
    }
  }

  @Test
  void wrongPromptsAndWeightsThatAreNotFiniteAreNamed() {
    try (Decoder decoder = GenerationModels.windowed(0)) {
      Generator generator = new Generator(decoder, EOS);
      SamplingOptions greedy = SamplingOptions.greedy(3);
      assertThrows(IllegalArgumentException.class, () -> generator.generate(List.of(new int[0]), new long[1], greedy));
      assertThrows(IllegalArgumentException.class, () -> generator.generate(List.of(new int[] {50}), new long[1], greedy));
      assertThrows(IllegalArgumentException.class, () -> generator.generate(List.of(new int[] {5}), new long[2], greedy));
      try (Scope scope = Scope.noGrad()) {
        decoder.parameters().get("model.norm.weight").mul_(new Scalar(Double.NaN));
      }
      for (SamplingOptions options : List.of(greedy, SamplingOptions.sample(1, 3, 1), new SamplingOptions(1, 5, 0.9, 3, 1))) {
        assertTrue(assertThrows(ArithmeticException.class,
            () -> generator.generate(List.of(new int[] {5}), new long[1], options)).getMessage().contains("prompt 0"));
      }
    }
  }
}
