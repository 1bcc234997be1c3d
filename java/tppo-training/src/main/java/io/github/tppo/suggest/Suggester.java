// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.suggest;

import io.github.tppo.model.Decoder;
import io.github.tppo.model.Generated;
import io.github.tppo.model.Generator;
import io.github.tppo.model.Workers;
import io.github.tppo.reward.WordRelevance;
import io.github.tppo.run.ConfigException;
import io.github.tppo.text.ResponseText;
import io.github.tppo.text.TokenSpans;
import io.github.tppo.text.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;

/**
 * Asks a trained policy for the next queries of histories, and a reward model for the relevance of their words. Safe for use by several threads;
 * to be closed when none is in it.
 */
public final class Suggester implements AutoCloseable {
  /** All choices of tokens come from this key of random numbers; an ask's seed is its stream, so that one batch can have many. */
  private static final long KEY = 0;

  private final Tokenizer tokenizer;
  private final Decoder policy;
  private final Generator generator;
  private final SuggestSettings settings;
  private final WordRelevance relevance;

  private Suggester(Tokenizer tokenizer, Decoder policy, SuggestSettings settings, WordRelevance relevance) {
    this.tokenizer = tokenizer;
    this.policy = policy;
    this.settings = settings;
    this.relevance = relevance;
    Set<Integer> endIds = new HashSet<>(policy.config().eosIds());
    endIds.add(tokenizer.eosId());
    this.generator = new Generator(policy, endIds);
  }

  /**
   * Loads a policy in Hugging Face form, with its tokenizer and, if it is there, {@link SuggestSettings#FILE}.
   *
   * @param rewardModelDir a Longformer for token classification with its tokenizer, or null for none
   * @throws ConfigException when a folder does not hold a model
   */
  public static Suggester load(Path modelDir, Path rewardModelDir) throws IOException {
    Objects.requireNonNull(modelDir, "modelDir");
    requireModel("--model", modelDir, "a policy, such as runs/quickstart/tppo");
    if (rewardModelDir != null) {
      requireModel("--reward-model", rewardModelDir, "a reward model, such as runs/quickstart/reward-token");
    }
    SuggestSettings settings = SuggestSettings.read(modelDir);
    List<AutoCloseable> opened = new ArrayList<>();
    try {
      Tokenizer tokenizer = Tokenizer.load(modelDir);
      opened.add(tokenizer);
      Decoder policy = Decoder.open(modelDir);
      opened.add(policy);
      tokenizer.eosId();
      if (policy.config().vocabSize() < tokenizer.vocabSize()) {
        throw new IOException(modelDir + ": the policy knows " + policy.config().vocabSize() + " tokens, its tokenizer has "
            + tokenizer.vocabSize());
      }
      WordRelevance relevance = rewardModelDir == null ? null : WordRelevance.load(rewardModelDir);
      return new Suggester(tokenizer, policy, settings, relevance);
    } catch (IllegalStateException e) { // a tokenizer without an end token
      closeAll(opened, e);
      throw new IOException(e.getMessage(), e);
    } catch (IOException | RuntimeException e) {
      closeAll(opened, e);
      throw e;
    }
  }

  private static void closeAll(List<AutoCloseable> opened, Exception because) {
    for (AutoCloseable each : opened) {
      try {
        each.close();
      } catch (Exception e) {
        because.addSuppressed(e);
      }
    }
  }

  private static void requireModel(String option, Path dir, String what) {
    for (String file : List.of("config.json", "tokenizer.json")) {
      if (!Files.isRegularFile(dir.resolve(file))) {
        throw new ConfigException(option + " " + dir + ": has no " + file + "; expected the folder of " + what);
      }
    }
  }

  /** How the policy was trained to be asked. */
  public SuggestSettings settings() {
    return settings;
  }

  /**
   * Refuses options that this policy cannot serve.
   *
   * @throws InputException when the longest prompt leaves no room for the longest response in the positions of the policy
   */
  public void check(SuggestOptions options) {
    int positions = policy.config().maxPositions();
    int most = positions - settings.maxPromptTokens() + 1; // the last token chosen needs no place
    if (options.maxNewTokens() > most) {
      throw new InputException("max_new_tokens", "found " + options.maxNewTokens() + ", expected at most " + Math.max(0, most)
          + ": the policy has " + positions + " positions, of which a prompt takes up to " + settings.maxPromptTokens());
    }
  }

  /**
   * One suggestion for each ask, in their order. None depends on what else is asked.
   *
   * @throws InputException as {@link #check}
   */
  public List<Suggestion> suggest(List<Ask> asks, SuggestOptions options) {
    check(options);
    List<int[]> prompts = new ArrayList<>();
    long[] streams = new long[asks.size()];
    for (int i = 0; i < streams.length; i++) {
      prompts.add(settings.prompt().promptIds(tokenizer, asks.get(i).history(), settings.maxPromptTokens()));
      streams[i] = asks.get(i).seed();
    }
    List<Generated> generated = generator.generate(prompts, streams, options.sampling(KEY));
    Suggestion[] suggestions = new Suggestion[streams.length];
    List<Runnable> tasks = new ArrayList<>();
    for (int i = 0; i < suggestions.length; i++) {
      int at = i;
      tasks.add(() -> suggestions[at] = suggestion(prompts.get(at), generated.get(at)));
    }
    Workers.run(tasks);
    return Arrays.asList(suggestions);
  }

  private Suggestion suggestion(int[] prompt, Generated generated) {
    TokenSpans spans = tokenizer.spans(generated.ids());
    List<WordRelevance.Rated> rated = null;
    String notScored = null;
    if (relevance != null) {
      try {
        rated = relevance.rate(tokenizer.decode(prompt, true), spans.text());
      } catch (IllegalArgumentException e) {
        notScored = e.getMessage();
      }
    }
    List<ResponseText.Line> lines = ResponseText.lines(spans.text());
    double[] logprobs = new double[lines.size()];
    int[] tokens = new int[lines.size()];
    double total = 0;
    for (int t = 0; t < spans.length(); t++) {
      int line = lineOf(t, spans, lines);
      if (line >= 0) {
        logprobs[line] += generated.logprobs()[t];
        tokens[line]++;
      }
      total += generated.logprobs()[t];
    }
    List<SuggestedQuery> details = new ArrayList<>();
    for (int l = 0; l < logprobs.length; l++) {
      if (!lines.get(l).query().isEmpty()) {
        details.add(new SuggestedQuery(lines.get(l).query(), logprobs[l], tokens[l], words(rated, l)));
      }
    }
    return new Suggestion(details.stream().map(SuggestedQuery::query).toList(), spans.text(), total, spans.length(),
        generated.finished(), details, notScored);
  }

  /** The first line of whose query the token covers a character, or -1. */
  private static int lineOf(int token, TokenSpans spans, List<ResponseText.Line> lines) {
    for (int l = 0; l < lines.size(); l++) {
      if (Math.max(lines.get(l).start(), spans.starts()[token]) < Math.min(lines.get(l).end(), spans.ends()[token])) {
        return l;
      }
    }
    return -1;
  }

  private static List<SuggestedQuery.Word> words(List<WordRelevance.Rated> rated, int line) {
    if (rated == null) {
      return null;
    }
    List<SuggestedQuery.Word> words = new ArrayList<>();
    for (WordRelevance.Rated each : rated) {
      if (each.word().line() == line) {
        double[] p = each.probabilities();
        words.add(new SuggestedQuery.Word(each.word().text(), p[2], each.predicted(), List.of(p[0], p[1], p[2])));
      }
    }
    return words;
  }

  @Override
  public void close() {
    try (tokenizer; policy; relevance) {
      // closed in the opposite order
    }
  }
}
