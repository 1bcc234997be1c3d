// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

@SuppressWarnings("try") // scopes are opened for what their closing frees
class GeneratorTest {

    private static final int EOS = 2;
    private static final int PAD = 1;
    private static final int N = 37;

    private final List<int[]> prompts = new ArrayList<>();
    private final long[] streams = new long[N];

    GeneratorTest() {
        Random random = new Random(3);
        for (int i = 0; i < N; i++) {
            int[] prompt = random.ints(1 + random.nextInt(12), 3, 50).toArray();
            prompts.add(prompt);
            streams[i] = 1000 + i;
        }
    }

    @AfterEach
    void allWorkers() {
        Workers.setCount(Runtime.getRuntime().availableProcessors());
    }

    /** Weights far from zero, so that distributions are not flat. */
    private static Decoder model(int window) {
        DecoderConfig config = DecoderConfig.mistral(50, 16, 24, 2, 4, 2, 64, window, 0, EOS, PAD);
        Decoder decoder = Decoder.create(config, 11);
        try (Scope scope = Scope.noGrad()) {
            decoder.parameters().values().stream().filter(p -> p.dim() > 1).forEach(p -> p.mul_(new Scalar(15)));
        }
        return decoder;
    }

    @Test
    void samplesDoNotDependOnBatchOrderOrThreads() {
        SamplingOptions options = new SamplingOptions(0.8, 0, 1, 20, 5);
        try (Decoder decoder = model(6)) {
            Workers.setCount(1);
            List<Generated> reference = new Generator(decoder, EOS, PAD, 64).generate(prompts, streams, options);
            assertTrue(reference.stream().anyMatch(Generated::finished), "some end early");
            assertTrue(reference.stream().anyMatch(g -> !g.finished() && g.ids().length == 20), "some run to the limit");
            for (int workers : new int[] {1, 3}) {
                for (int batch : new int[] {1, 7}) {
                    Workers.setCount(workers);
                    assertSame(reference, new Generator(decoder, EOS, PAD, batch).generate(prompts, streams, options));
                }
            }
            List<int[]> reversed = new ArrayList<>(prompts);
            Collections.reverse(reversed);
            long[] reversedStreams = new long[N];
            Arrays.setAll(reversedStreams, i -> streams[N - 1 - i]);
            List<Generated> back = new ArrayList<>(new Generator(decoder, EOS, PAD, 9).generate(reversed, reversedStreams, options));
            Collections.reverse(back);
            assertSame(reference, back);
        }
    }

    private static void assertSame(List<Generated> expected, List<Generated> found) {
        for (int i = 0; i < expected.size(); i++) {
            assertArrayEquals(expected.get(i).ids(), found.get(i).ids(), "response " + i);
            assertArrayEquals(expected.get(i).logprobs(), found.get(i).logprobs(), 1e-4f);
            assertEquals(expected.get(i).finished(), found.get(i).finished());
        }
    }

    @Test
    void aSeedGivesTheSameSamplesAndAnotherSeedOthers() {
        try (Decoder decoder = model(0)) {
            Generator generator = new Generator(decoder, EOS, PAD);
            List<Generated> first = generator.generate(prompts, streams, SamplingOptions.sample(1, 12, 1));
            assertSame(first, generator.generate(prompts, streams, SamplingOptions.sample(1, 12, 1)));
            List<Generated> other = generator.generate(prompts, streams, SamplingOptions.sample(1, 12, 2));
            assertFalse(Arrays.equals(first.get(0).ids(), other.get(0).ids()) && Arrays.equals(first.get(1).ids(), other.get(1).ids()));
        }
    }

    /** The cache changes nothing: log-probs equal those of one pass over prompt and response, at the sampling temperature. */
    @Test
    void logProbsAreThoseOfTheSamplingTemperatureWithoutCache() {
        double temperature = 0.7;
        for (int window : new int[] {0, 5}) {
            try (Decoder decoder = model(window)) {
                List<Generated> all = new Generator(decoder, EOS, PAD, 8)
                        .generate(prompts, streams, new SamplingOptions(temperature, 10, 0.9, 15, 3));
                for (int i = 0; i < N; i++) {
                    int[] prompt = prompts.get(i);
                    int[] ids = Arrays.copyOf(prompt, prompt.length + all.get(i).ids().length);
                    System.arraycopy(all.get(i).ids(), 0, ids, prompt.length, all.get(i).ids().length);
                    try (Scope scope = Scope.noGrad()) {
                        Tensor hidden = decoder.hidden(Tensors.ids(ids, 1, ids.length), null);
                        Tensor logits = torch.linear(hidden, decoder.outputWeight()).div(new Scalar(temperature));
                        float[] logprobs = Tensors.toFloats(logits.log_softmax(-1));
                        for (int t = prompt.length; t < ids.length; t++) {
                            assertEquals(logprobs[(t - 1) * 50 + ids[t]], all.get(i).logprobs()[t - prompt.length], 1e-4);
                        }
                    }
                }
            }
        }
    }

    @Test
    void topKAndTopPKeepTheMostProbable() {
        float[] p = {0.05f, 0.4f, 0.1f, 0.3f, 0.15f};
        assertEquals(List.of(1, 3), seen(new SamplingOptions(1, 2, 1, 1, 0), p));
        assertEquals(List.of(1, 3), seen(new SamplingOptions(1, 0, 0.65, 1, 0), p));
        assertEquals(List.of(1, 3, 4), seen(new SamplingOptions(1, 0, 0.8, 1, 0), p));
        assertEquals(List.of(1), seen(new SamplingOptions(1, 0, 0.01, 1, 0), p));
        assertEquals(List.of(0, 1, 2, 3, 4), seen(new SamplingOptions(1, 0, 1, 1, 0), p));
        assertEquals(List.of(1), seen(SamplingOptions.greedy(1), p));
        assertEquals(List.of(0), seen(SamplingOptions.greedy(1), new float[] {0.5f, 0.5f}));
    }

    private static List<Integer> seen(SamplingOptions options, float[] p) {
        TokenSampler sampler = new TokenSampler(options, p.length);
        return LongStream.range(0, 400).mapToObj(stream -> sampler.choose(p, 0, stream, 0)).distinct().sorted().toList();
    }

    @Test
    void sampledSharesFollowTheDistribution() {
        float[] p = {0.5f, 0, 0.2f, 0.3f};
        int n = 40_000;
        for (SamplingOptions options : List.of(SamplingOptions.sample(1, 1, 9), new SamplingOptions(1, 3, 1, 1, 9))) {
            TokenSampler sampler = new TokenSampler(options, p.length);
            int[] counts = new int[p.length];
            for (int i = 0; i < n; i++) {
                counts[sampler.choose(p, 0, 77, i)]++;
            }
            for (int id = 0; id < p.length; id++) {
                // five standard deviations of a binomial share
                assertEquals(p[id], counts[id] / (double) n, 5 * Math.sqrt(p[id] * (1 - p[id]) / n) + 1e-9);
            }
        }
    }

    /** Known answers of Random123 1.14, the reference implementation. */
    @Test
    void philoxEqualsItsReferenceImplementation() {
        int[] words = new int[4];
        Philox.words(0, 0, 0, words);
        assertArrayEquals(new int[] {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}, words);
        Philox.words(-1, -1, -1, words);
        assertArrayEquals(new int[] {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}, words);
        Philox.words(0x299f31d0a4093822L, 0x85a308d3243f6a88L, 0x0370734413198a2eL, words);
        assertArrayEquals(new int[] {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}, words);
    }

    @Test
    void wrongPromptsAndWeightsThatAreNotFiniteAreNamed() {
        try (Decoder decoder = model(0)) {
            Generator generator = new Generator(decoder, EOS, PAD);
            SamplingOptions greedy = SamplingOptions.greedy(3);
            assertThrows(IllegalArgumentException.class, () -> generator.generate(List.of(new int[0]), new long[1], greedy));
            assertThrows(IllegalArgumentException.class, () -> generator.generate(List.of(new int[] {50}), new long[1], greedy));
            assertThrows(IllegalArgumentException.class, () -> generator.generate(List.of(new int[] {5}), new long[2], greedy));
            try (Scope scope = Scope.noGrad()) {
                decoder.parameters().get("model.norm.weight").mul_(new Scalar(Double.NaN));
            }
            assertThrows(ArithmeticException.class, () -> generator.generate(List.of(new int[] {5}), new long[1], greedy));
        }
    }
}
