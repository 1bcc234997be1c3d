// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.pipeline;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.tppo.run.Backend;
import io.github.tppo.run.ConfigReader;
import io.github.tppo.run.Pipeline;
import io.github.tppo.run.ProgressListener;
import io.github.tppo.run.Reporter;
import io.github.tppo.run.RunException;
import io.github.tppo.run.RunFolder;
import io.github.tppo.run.StageRunner;
import io.github.tppo.run.TppoConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;
import org.junit.jupiter.api.function.Executable;

/** Whole runs on an invented log, with models so small that they learn little: what the tests of pipelines share. */
final class PipelineRuns {

  private PipelineRuns() {}

  static void writeLog(Path file) throws IOException {
    String[][] topics = {{"red shoes", "cheap shoes", "running shoes"}, {"pasta recipe", "easy pasta", "pasta sauce recipe"},
        {"weather paris", "paris hotel", "cheap paris flights"}};
    SplittableRandom random = new SplittableRandom(1);
    StringBuilder log = new StringBuilder("AnonID\tQuery\tQueryTime\tItemRank\tClickURL\n");
    for (int user = 100; user < 170; user++) {
      String[] topic = topics[random.nextInt(3)];
      for (int q = 0; q < 8; q++) {
        String query = topic[random.nextInt(3)] + (random.nextInt(2) == 0 ? "" : " " + (2000 + random.nextInt(6)));
        log.append(user).append('\t').append(query).append('\t').append(String.format("2006-03-%02d 10:00:00", q + 1));
        log.append(q % 3 == 0 ? "\t1\thttp://www.shop" + random.nextInt(5) + ".com\n" : "\t\t\n");
      }
    }
    Files.writeString(file, log);
  }

  /** Settings for the log in a folder, and what is set besides. */
  static TppoConfig config(Path dir, String... sets) {
    List<String> all = new ArrayList<>(List.of("threads=2", "data.files=[" + dir.resolve("log.tsv") + "]",
        "data.valid_fraction=0.2", "data.eval_fraction=0.2", "text.max_prompt_tokens=48", "sft.init=random",
        "sft.shape={hidden_size: 32, intermediate_size: 48, layers: 2, heads: 4, kv_heads: 2, rope_theta: 10000, max_positions: 256}",
        "sft.epochs=8", "sft.batch_size=8", "sft.eval_every=10", "sft.optimizer.learning_rate=0.01",
        "sampling.max_new_tokens=24", "sampling.batch_size=4", "generate.samples_per_prompt=2", "reward.init=matching",
        "reward.shape={hidden_size: 32, intermediate_size: 48, layers: 1, heads: 2, attention_window: 16, max_tokens: 160}",
        "reward.batch_size=8", "reward.eval_every=5", "policy.steps=5", "policy.rollout_size=8", "policy.batch_size=4",
        "policy.critic_warmup=1", "policy.eval_every=2", "policy.eval_examples=5", "policy.center_rewards=true",
        "policy.kl_target=2", "evaluation.bootstrap_resamples=200", "evaluation.samples_per_example=2"));
    all.addAll(List.of(sets));
    return ConfigReader.read(TppoConfig.class, all);
  }

  /** Runs all stages; asks to stop after {@code updates} updates of the task's progress, if a task is named. */
  static List<String> run(TppoConfig config, Path out, String stopIn, int updates) throws Exception {
    return run(TppoPipeline.create(), config, out, stopIn, updates);
  }

  /** The same for another pipeline. */
  static List<String> run(Pipeline<TppoConfig> pipeline, TppoConfig config, Path out, String stopIn, int updates) throws Exception {
    AtomicBoolean stop = new AtomicBoolean();
    List<String> messages = new ArrayList<>();
    Reporter reporter = new Reporter() {
      @Override
      public ProgressListener task(String name) {
        int[] count = {0};
        return (done, total, note) -> stop.compareAndSet(false, name.equals(stopIn) && ++count[0] == updates);
      }

      @Override
      public void message(String line) {
        messages.add(line);
      }
    };
    try (RunFolder folder = RunFolder.open(out)) {
      folder.begin(config, true);
      new StageRunner<>(pipeline.stages(config), config, folder, Backend.CPU, reporter, stop::get)
          .dumpRollouts(true).runAll();
    }
    return messages;
  }

  /** INVARIANTS 10: a bit of the SFT policy is turned over while a policy's training rests, then back. */
  static void refusesAnotherReference(Executable run, Path sft, String stage) throws IOException {
    Path file = sft.resolve("model.safetensors");
    byte[] bytes = Files.readAllBytes(file);
    bytes[bytes.length - 1] ^= 1;
    Files.write(file, bytes);
    String message = assertThrows(RunException.class, run).getMessage();
    assertTrue(message.startsWith(stage + ": the weights in sft/ are not those that training began with"), message);
    bytes[bytes.length - 1] ^= 1;
    Files.write(file, bytes);
  }

  static void copy(Path from, Path to) throws IOException {
    try (Stream<Path> files = Files.walk(from)) {
      for (Path file : files.toList()) {
        Path target = to.resolve(from.relativize(file).toString());
        if (Files.isDirectory(file)) {
          Files.createDirectories(target);
        } else {
          Files.copy(file, target);
        }
      }
    }
  }
}
