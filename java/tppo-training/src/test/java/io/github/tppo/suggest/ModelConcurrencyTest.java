// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.suggest;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import io.github.tppo.data.History;
import io.github.tppo.kernels.Kernels;
import io.github.tppo.model.AdamW;
import io.github.tppo.model.AdamWOptions;
import io.github.tppo.model.Autograd;
import io.github.tppo.model.Decoder;
import io.github.tppo.model.DecoderConfig;
import io.github.tppo.model.Generated;
import io.github.tppo.model.Generator;
import io.github.tppo.model.Longformer;
import io.github.tppo.model.LongformerConfig;
import io.github.tppo.model.SamplingOptions;
import io.github.tppo.model.Scope;
import io.github.tppo.model.Tensors;
import io.github.tppo.model.Workers;
import io.github.tppo.text.Encoding;
import io.github.tppo.text.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Models, tokenizer and suggester shared by several threads: the bits are those of one thread alone, and nobody waits for ever. */
@Timeout(180)
@SuppressWarnings("try") // scopes are opened for what their closing frees
class ModelConcurrencyTest {
  private static final int CALLERS = 4;
  private static final int REPEATS = Boolean.getBoolean("tppo.long") ? 40 : 2;
  /** Enough elements that libtorch splits its operations where it may. */
  private static final int BATCH = 24;
  private static final int TIME = 32;

  @TempDir
  static Path dir;
  private static Tokenizer tokenizer;
  private static Decoder decoder;
  private static Generator generator;
  private static Longformer longformer;
  private static Suggester suggester;

  @BeforeAll
  static void makeModels() throws IOException {
    Path reward = Files.createDirectories(dir.resolve("reward"));
    Tokenizer.copyShipped(dir);
    Tokenizer.copyShipped(reward);
    tokenizer = Tokenizer.load(dir);
    decoder = Decoder.create(DecoderConfig.mistral(tokenizer.vocabSize(), 64, 96, 2, 4, 2, 256, tokenizer.bosId(), tokenizer.padId(),
        tokenizer.eosId(), 1), 1);
    decoder.save(dir);
    generator = new Generator(decoder, tokenizer.eosId());
    longformer = Longformer.create(LongformerConfig.of(tokenizer.vocabSize(), 64, 96, 2, 4, 8, 256, 3, tokenizer.bosId(),
        tokenizer.eosId(), tokenizer.padId()), 1);
    longformer.save(reward);
    suggester = Suggester.load(dir, reward);
  }

  @AfterAll
  static void close() {
    suggester.close();
    longformer.close();
    decoder.close();
    tokenizer.close();
    Workers.setThreads(0);
  }

  private static int[] ids(int n) {
    return IntStream.range(0, n).map(i -> 5 + i * 37 % 1900).toArray();
  }

  /** What each shared object gives, and a training of this thread's own. */
  private static List<Object> everything() {
    List<Object> results = new ArrayList<>();
    try (Scope scope = Scope.noGrad()) {
      Tensor ids = Tensors.ids(ids(BATCH * TIME), BATCH, TIME);
      results.add(Tensors.toFloats(decoder.logits(decoder.hidden(ids, null))));
      results.add(Tensors.toFloats(longformer.logits(ids, Tensors.of(ones(), BATCH, TIME), null, null)));
    }
    for (Generated each : generator.generate(List.of(ids(5), ids(9), ids(9)), new long[] {1, 2, 3}, SamplingOptions.sample(1, 12, 7))) {
      results.add(each.ids());
      results.add(each.logprobs());
    }
    results.add(suggester.suggest(List.of(new Ask(History.of(List.of("pasta recipe", "pasta sauce"), List.of()), 3),
        new Ask(History.of(List.of("winter tyres"), List.of()), 4)), new SuggestOptions(0.8, 0, 1, 16)).toString());
    Encoding encoding = tokenizer.encode("Où est l'hôtel? 東京 \uD83D\uDE00 winter tyres", true);
    results.add(encoding.ids());
    results.add(tokenizer.decode(encoding.ids(), true));
    results.add(tokenizer.spans(encoding.ids()).starts());
    results.add(trained());
    return results;
  }

  private static long[] ones() {
    return IntStream.range(0, BATCH * TIME).mapToLong(i -> 1).toArray();
  }

  /** Two steps on a model that no other thread knows. */
  private static float[] trained() {
    try (Decoder own = Decoder.create(decoder.config(), 2); AdamW optimizer = new AdamW(own.parameters(), AdamWOptions.defaults())) {
      for (int step = 0; step < 2; step++) {
        try (Scope scope = Scope.withGrad()) {
          Autograd.backward(own.hidden(Tensors.ids(ids(4 * TIME), 4, TIME), null), Tensors.of(new float[4 * TIME * 64], 4, TIME, 64).add_(
              new Scalar(0.25)));
          optimizer.step(1e-3);
          optimizer.zeroGrad();
        }
      }
      return Tensors.toFloats(own.parameters().get("model.layers.0.self_attn.q_proj.weight"));
    }
  }

  private static void atOnce(int torchThreads, List<Object> alone, Callable<Void> beside) throws Exception {
    ExecutorService threads = Executors.newFixedThreadPool(CALLERS + 1);
    try {
      List<Callable<Void>> tasks = new ArrayList<>();
      for (int caller = 0; caller < CALLERS; caller++) {
        tasks.add(() -> {
          Tensors.setThreads(torchThreads);
          for (int repeat = 0; repeat < REPEATS; repeat++) {
            assertArrayEquals(alone.toArray(), everything().toArray());
          }
          return null;
        });
      }
      Future<Void> other = threads.submit(beside);
      for (Future<Void> each : threads.invokeAll(tasks)) {
        each.get();
      }
      other.cancel(true);
    } finally {
      threads.shutdownNow();
      Tensors.setThreads(1);
    }
  }

  @ParameterizedTest(name = "{0} in libtorch, {1} workers, {2} in the kernels")
  @CsvSource({"1, 1, 1", "1, 3, 3", "3, 2, 2"})
  void callersAtOnceGetTheBitsOfOneAlone(int torchThreads, int workers, int kernelThreads) throws Exception {
    Workers.setCount(workers);
    Kernels.setThreads(kernelThreads);
    Tensors.setThreads(torchThreads);
    atOnce(torchThreads, everything(), () -> null);
  }

  /** What is set while tasks run neither disturbs them nor is lost. */
  @Test
  void numbersOfThreadsMayChangeWhileModelsRun() throws Exception {
    Workers.setThreads(2);
    atOnce(1, everything(), () -> {
      for (int i = 0; !Thread.currentThread().isInterrupted(); i++) {
        Workers.setThreads(1 + i % 4);
        LockSupport.parkNanos(1_000_000);
      }
      return null;
    });
  }
}
