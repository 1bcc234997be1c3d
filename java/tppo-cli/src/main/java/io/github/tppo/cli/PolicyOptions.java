// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.cli;

import io.github.tppo.model.Workers;
import io.github.tppo.run.Backend;
import io.github.tppo.run.ConfigException;
import io.github.tppo.suggest.InputException;
import io.github.tppo.suggest.SuggestOptions;
import io.github.tppo.suggest.SuggestSettings;
import io.github.tppo.suggest.Suggester;
import java.io.IOException;
import java.nio.file.Path;
import java.util.function.Consumer;
import picocli.CommandLine.Option;

/** Which policy suggests, how it chooses tokens, and where it computes. */
final class PolicyOptions {
  /** The kernels take no more. */
  private static final int MOST_THREADS = 1024;

  @Option(names = "--model", paramLabel = "DIR", required = true,
      description = "A policy in Hugging Face form, such as runs/quickstart/tppo.")
  private Path model;

  @Option(names = "--reward-model", paramLabel = "DIR", description = "A token-level reward model in Hugging Face form (a Longformer"
      + " with three classes and its own tokenizer), such as runs/quickstart/reward-token; it rates the words of each query.")
  private Path rewardModel;

  @Option(names = "--temperature", paramLabel = "T", description = "Softmax temperature, 0 for the likeliest tokens"
      + " (default: the one the policy was trained at).")
  private Double temperature;

  @Option(names = "--top-k", paramLabel = "K", defaultValue = "0",
      description = "Choose among the K likeliest tokens, 0 for all (default: ${DEFAULT-VALUE}).")
  private int topK;

  @Option(names = "--top-p", paramLabel = "P", defaultValue = "1", description = "Choose among the likeliest tokens that together"
      + " reach this probability (default: ${DEFAULT-VALUE}, all).")
  private double topP;

  @Option(names = "--max-new-tokens", paramLabel = "N",
      description = "Most tokens of a response, the end token included (default: as the policy was trained).")
  private Integer maxNewTokens;

  @Option(names = "--threads", paramLabel = "N", defaultValue = "0",
      description = "Threads that compute, 0 for one each processor (default: ${DEFAULT-VALUE}). The answers do not depend on it.")
  private int threads;

  @Option(names = "--backend", paramLabel = "auto|cpu|cuda", defaultValue = "auto", description = "Where to compute.")
  private Backend backend;

  /** Sets the number of threads, and refuses a device that policies cannot use. */
  void prepare() {
    if (backend == Backend.CUDA) {
      throw new ConfigException("--backend cuda: policies run on the CPU in this version; give --backend cpu or auto");
    }
    if (threads < 0 || threads > MOST_THREADS) {
      throw new ConfigException("--threads " + threads + ": expected 1 to " + MOST_THREADS + ", or 0 for one each processor");
    }
    Workers.setThreads(threads);
    sampling(SuggestSettings.defaults(), options -> { }); // refuses what cannot be before anything is loaded
  }

  Path model() {
    return model;
  }

  Suggester load() throws IOException {
    return Suggester.load(model, rewardModel);
  }

  /** What was asked for; for the rest, how the policy was trained. */
  SuggestOptions sampling(Suggester suggester) {
    return sampling(suggester.settings(), suggester::check);
  }

  private SuggestOptions sampling(SuggestSettings settings, Consumer<SuggestOptions> check) {
    try {
      SuggestOptions options = new SuggestOptions(temperature == null ? settings.temperature() : temperature, topK, topP,
          maxNewTokens == null ? settings.maxNewTokens() : maxNewTokens);
      check.accept(options);
      return options;
    } catch (InputException e) {
      throw new ConfigException("--" + e.getMessage().replaceFirst("_(k|p|new)", "-$1").replaceFirst("_tokens", "-tokens"), e);
    }
  }
}
