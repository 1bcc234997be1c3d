// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.suggest;

import io.github.tppo.data.History;
import io.github.tppo.model.Decoder;
import io.github.tppo.model.Generated;
import io.github.tppo.model.Generator;
import io.github.tppo.model.SamplingOptions;
import io.github.tppo.run.ConfigException;
import io.github.tppo.text.ResponseText;
import io.github.tppo.text.TokenSpans;
import io.github.tppo.text.Tokenizer;
import java.io.IOException;
import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** Asks a trained policy for the next queries of histories. Not thread safe. */
public final class Suggester implements AutoCloseable {
  private final Tokenizer tokenizer;
  private final Decoder policy;
  private final SuggestSettings settings;

  private Suggester(Tokenizer tokenizer, Decoder policy, SuggestSettings settings) {
    this.tokenizer = tokenizer;
    this.policy = policy;
    this.settings = settings;
  }

  /**
   * Loads a policy in Hugging Face form, with its tokenizer and, if it is there, {@link SuggestSettings#FILE}.
   *
   * @throws ConfigException when the folder does not hold a policy
   */
  public static Suggester load(Path modelDir) throws IOException {
    for (String file : List.of("config.json", "tokenizer.json")) {
      if (!Files.isRegularFile(modelDir.resolve(file))) {
        throw new ConfigException("--model " + modelDir + ": has no " + file
            + "; expected the folder of a policy, such as runs/quickstart/tppo");
      }
    }
    SuggestSettings settings = SuggestSettings.read(modelDir);
    Tokenizer tokenizer = Tokenizer.load(modelDir);
    try {
      return new Suggester(tokenizer, Decoder.load(modelDir), settings);
    } catch (IOException | RuntimeException e) {
      tokenizer.close();
      throw e;
    }
  }

  /** How the policy was trained to be asked. */
  public SuggestSettings settings() {
    return settings;
  }

  /**
   * Reads histories from JSON: a history object, an example with one under {@code history}, or several of them.
   *
   * @param source what to call the input in messages
   * @throws IllegalArgumentException when something is not as expected; says which object and what
   */
  public static List<History> histories(Reader in, String source) throws IOException {
    return HistoryReader.read(in, source);
  }

  /**
   * One suggestion for each history.
   *
   * @param temperature 0 for the likeliest token at each step
   * @param seed the same seed gives the same suggestions, whatever else is asked with them
   */
  public List<Suggestion> suggest(List<History> histories, double temperature, long seed) {
    SamplingOptions options = new SamplingOptions(temperature, 0, 1, settings.maxNewTokens(), seed);
    List<int[]> prompts = histories.stream()
        .map(history -> settings.prompt().promptIds(tokenizer, history, settings.maxPromptTokens())).toList();
    // Every history has the same stream of random numbers: what is suggested does not depend on its place among others.
    long[] streams = new long[prompts.size()];
    return new Generator(policy, tokenizer.eosId()).generate(prompts, streams, options).stream().map(this::suggestion).toList();
  }

  private Suggestion suggestion(Generated generated) {
    TokenSpans spans = tokenizer.spans(generated.ids());
    double logprob = 0;
    for (float each : generated.logprobs()) {
      logprob += each;
    }
    List<String> queries = ResponseText.lines(spans.text()).stream().map(ResponseText.Line::query).filter(q -> !q.isEmpty()).toList();
    return new Suggestion(queries, spans.text(), logprob);
  }

  @Override
  public void close() {
    try (tokenizer) {
      policy.close();
    }
  }
}
