// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.suggest;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.tppo.data.History;
import io.github.tppo.model.Decoder;
import io.github.tppo.model.DecoderConfig;
import io.github.tppo.model.DefaultPolicy;
import io.github.tppo.model.Generated;
import io.github.tppo.model.Generator;
import io.github.tppo.model.Longformer;
import io.github.tppo.model.LongformerConfig;
import io.github.tppo.model.RopeScaling;
import io.github.tppo.model.SamplingOptions;
import io.github.tppo.run.ConfigException;
import io.github.tppo.text.PromptFormat;
import io.github.tppo.text.ResponseText;
import io.github.tppo.text.TokenSpans;
import io.github.tppo.text.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SuggesterTest {
  private static final History PASTA = History.of(List.of("pasta recipe", "pasta sauce"), List.of());
  private static final History TYRES = History.of(List.of("winter tyres"), List.of());

  @TempDir
  Path dir;

  private void saveTinyPolicy() throws IOException {
    Tokenizer.copyShipped(dir);
    try (Tokenizer tokenizer = Tokenizer.load(dir);
        Decoder policy = Decoder.create(new DecoderConfig(DecoderConfig.Type.MISTRAL, tokenizer.vocabSize(), 16, 32, 1, 2, 2, 8,
            128, 1e-5, RopeScaling.of(10_000), 0, 0, true, false, false, false, 0.02, tokenizer.bosId(), tokenizer.eosId(),
            tokenizer.padId()), 1)) {
      policy.save(dir);
    }
  }

  /** The bundled policy, which ends its responses and writes whole words. */
  private void saveBundledPolicy() throws IOException {
    Tokenizer.copyShipped(dir);
    try (Decoder policy = DefaultPolicy.load()) {
      policy.save(dir);
    }
  }

  private Path saveRewardModel(int maxTokens, int labels) throws IOException {
    Path reward = Files.createDirectories(dir.resolve("reward" + maxTokens));
    Tokenizer.copyShipped(reward);
    try (Tokenizer tokenizer = Tokenizer.load(reward);
        Longformer model = Longformer.create(LongformerConfig.of(tokenizer.vocabSize(), 16, 32, 1, 2, 8, maxTokens, labels,
            tokenizer.bosId(), tokenizer.eosId(), tokenizer.padId()), 1)) {
      model.save(reward);
    }
    return reward;
  }

  private static SuggestOptions options(double temperature) {
    return new SuggestOptions(temperature, 0, 1, 48);
  }

  @Test
  void sameHistoryAndSeedGiveTheSameSuggestionWhateverElseIsAsked() throws IOException {
    saveTinyPolicy();
    new SuggestSettings(PromptFormat.defaults(), 40, 1, 7).write(dir);
    try (Suggester suggester = Suggester.load(dir, null)) {
      assertEquals(new SuggestSettings(PromptFormat.defaults(), 40, 1, 7), suggester.settings());
      SuggestOptions options = SuggestOptions.of(suggester.settings());
      assertEquals(new SuggestOptions(1, 0, 1, 7), options);
      List<Suggestion> both = suggester.suggest(List.of(new Ask(TYRES, 9), new Ask(PASTA, 3), new Ask(PASTA, 4)), options);
      Suggestion alone = suggester.suggest(List.of(new Ask(PASTA, 3)), options).get(0);
      assertEquals(alone, both.get(1));
      assertNotEquals(alone.text(), both.get(2).text(), "another seed");
      assertTrue(alone.logprob() < 0);
      assertEquals(suggester.suggest(List.of(new Ask(PASTA, 3)), options(0)), suggester.suggest(List.of(new Ask(PASTA, 4)), options(0)),
          "greedy needs no seed");
      assertTrue(alone.queries().stream().noneMatch(String::isEmpty));
      assertEquals(List.of(), suggester.suggest(List.of(), options));
    }
  }

  /** Against a sum over the sampled tokens, each taken to the query in which its text lies. */
  @Test
  void logprobsOfQueriesAndOfTheRestAddUp() throws IOException {
    saveBundledPolicy();
    try (Suggester suggester = Suggester.load(dir, null);
        Decoder policy = Decoder.load(dir);
        Tokenizer tokenizer = Tokenizer.load(dir)) {
      long seed = 0;
      Suggestion got;
      do { // the bundled policy is not fine-tuned: not every response ends
        got = suggester.suggest(List.of(new Ask(PASTA, ++seed)), options(0.7)).get(0);
      } while (!got.finished() || got.queries().size() < 2);
      Generated expected = new Generator(policy, tokenizer.eosId()).generate(
          List.of(PromptFormat.defaults().promptIds(tokenizer, PASTA, 96)), new long[] {seed}, new SamplingOptions(0.7, 0, 1, 48, 0)).get(0);
      assertEquals(expected.ids().length, got.tokens());
      assertEquals(tokenizer.decode(expected.ids(), true), got.text());
      assertEquals(ResponseText.queries(got.text()), got.queries());
      TokenSpans spans = tokenizer.spans(expected.ids());
      double[] sums = new double[got.queries().size()];
      int[] counts = new int[sums.length];
      double rest = 0;
      for (int t = 0; t < spans.length(); t++) {
        // Tokens of this tokenizer keep to one line: they lie in the line that begins before them.
        int line = (int) got.text().substring(0, spans.starts()[t]).chars().filter(c -> c == '\n').count();
        String text = got.text().substring(spans.starts()[t], spans.ends()[t]);
        if (text.isBlank() || text.matches("\\d") && (spans.starts()[t] == 0 || got.text().charAt(spans.starts()[t] - 1) == '\n')) {
          rest += expected.logprobs()[t];
        } else {
          sums[line] += expected.logprobs()[t];
          counts[line]++;
        }
      }
      double total = rest;
      for (int q = 0; q < sums.length; q++) {
        assertEquals(got.queries().get(q), got.details().get(q).query());
        assertEquals(sums[q], got.details().get(q).logprob(), 1e-9);
        assertEquals(counts[q], got.details().get(q).tokens());
        assertNull(got.details().get(q).words());
        total += sums[q];
      }
      assertTrue(rest < 0, "numbers, line breaks and the end have a share");
      assertEquals(total, got.logprob(), 1e-9);
    }
  }

  @Test
  void lengthLimitTopKAndTopPHold() throws IOException {
    saveBundledPolicy();
    try (Suggester suggester = Suggester.load(dir, null)) {
      Suggestion cut = suggester.suggest(List.of(new Ask(PASTA, 1)), new SuggestOptions(0.7, 0, 1, 4)).get(0);
      assertEquals(4, cut.tokens());
      assertTrue(!cut.finished());
      List<Suggestion> greedy = suggester.suggest(List.of(new Ask(PASTA, 1)), options(0));
      assertEquals(greedy.get(0).text(), suggester.suggest(List.of(new Ask(PASTA, 8)), new SuggestOptions(1, 1, 1, 48)).get(0).text());
      assertEquals(greedy.get(0).text(), suggester.suggest(List.of(new Ask(PASTA, 8)), new SuggestOptions(1, 0, 1e-9, 48)).get(0).text());
    }
  }

  @Test
  void everyWordOfEveryQueryIsRatedTheSameAloneAndAmongOthers() throws IOException {
    saveBundledPolicy();
    try (Suggester suggester = Suggester.load(dir, saveRewardModel(160, 3))) {
      List<Suggestion> all = suggester.suggest(List.of(new Ask(PASTA, 1), new Ask(TYRES, 2), new Ask(PASTA, 3)), options(0.7));
      Set<Integer> classes = new TreeSet<>();
      for (Suggestion suggestion : all) {
        assertNull(suggestion.notScored());
        List<String> words = new ArrayList<>();
        for (SuggestedQuery query : suggestion.details()) {
          for (SuggestedQuery.Word word : query.words()) {
            words.add(word.word());
            List<Double> p = word.probabilities();
            assertEquals(1, p.stream().mapToDouble(d -> d).sum(), 1e-5);
            assertEquals(p.get(2), word.relevance());
            assertTrue(p.stream().allMatch(each -> p.get(word.predicted()) >= each), word.toString());
            classes.add(word.predicted());
          }
        }
        assertEquals(ResponseText.words(suggestion.text()).stream().map(ResponseText.Word::text).toList(), words);
      }
      assertTrue(classes.size() > 1, "a random model has several classes: " + classes);
      assertEquals(all.get(1).details().stream().map(SuggestedQuery::words).toList(),
          suggester.suggest(List.of(new Ask(TYRES, 2)), options(0.7)).get(0).details().stream().map(SuggestedQuery::words).toList());
    }
  }

  @Test
  void responseTooLongForTheRewardModelIsAnsweredAndSaysSo() throws IOException {
    saveBundledPolicy();
    try (Suggester suggester = Suggester.load(dir, saveRewardModel(16, 3))) {
      List<Suggestion> both = suggester.suggest(List.of(new Ask(PASTA, 1)), options(0.7));
      assertTrue(both.get(0).notScored().contains("does not fit the reward model's 16"), both.get(0).notScored());
      assertTrue(both.get(0).details().stream().allMatch(d -> d.words() == null));
      assertTrue(both.get(0).queries().size() > 1);
    }
  }

  @Test
  void responsesThatDoNotFitThePositionsOfThePolicyAreRefused() throws IOException {
    saveTinyPolicy(); // 128 positions
    new SuggestSettings(PromptFormat.defaults(), 40, 1, 7).write(dir);
    try (Suggester suggester = Suggester.load(dir, null)) {
      suggester.check(new SuggestOptions(1, 0, 1, 89));
      InputException e = assertThrows(InputException.class,
          () -> suggester.suggest(List.of(new Ask(PASTA, 1)), new SuggestOptions(1, 0, 1, 90)));
      assertEquals("max_new_tokens", e.param());
      assertTrue(e.getMessage().contains("expected at most 89: the policy has 128 positions, of which a prompt takes up to 40"), e.getMessage());
    }
  }

  @Test
  void optionsOutOfRangeAreNamed() {
    for (double t : new double[] {-1, 1e-3, 1000, Double.NaN, Double.POSITIVE_INFINITY}) {
      assertEquals("temperature", assertThrows(InputException.class, () -> new SuggestOptions(t, 0, 1, 1)).param());
    }
    assertEquals("top_k", assertThrows(InputException.class, () -> new SuggestOptions(1, -1, 1, 1)).param());
    assertEquals("top_p", assertThrows(InputException.class, () -> new SuggestOptions(1, 0, 0, 1)).param());
    assertEquals("max_new_tokens", assertThrows(InputException.class, () -> new SuggestOptions(1, 0, 1, 0)).param());
  }

  @Test
  void folderWithoutAModelIsNamed() throws IOException {
    assertTrue(assertThrows(ConfigException.class, () -> Suggester.load(dir, null)).getMessage().contains("--model " + dir + ": has no config.json"));
    saveTinyPolicy();
    assertTrue(assertThrows(ConfigException.class, () -> Suggester.load(dir, dir.resolve("no"))).getMessage()
        .contains("--reward-model " + dir.resolve("no") + ": has no config.json"));
    assertThrows(IOException.class, () -> Suggester.load(dir, dir), "a policy is no reward model");
    Path score = saveRewardModel(32, 1);
    assertTrue(assertThrows(IOException.class, () -> Suggester.load(dir, score)).getMessage().contains("has 1 labels, expected 3"));
    Files.writeString(dir.resolve(SuggestSettings.FILE), "{\"temprature\": 1}");
    assertTrue(assertThrows(ConfigException.class, () -> Suggester.load(dir, null)).getMessage().contains("did you mean temperature?"));
  }

  @Test
  void tokenizerThatDoesNotGoWithThePolicyIsRefused() throws IOException {
    saveTinyPolicy();
    Path config = dir.resolve("tokenizer_config.json");
    Files.writeString(config, Files.readString(config).replaceAll("\"eos_token\"\\s*:\\s*\"[^\"]*\"", "\"eos_token\": null"));
    String json = Files.readString(dir.resolve("tokenizer.json"));
    Files.writeString(dir.resolve("tokenizer.json"), json.replace("</s>", "<end>"));
    assertTrue(assertThrows(IOException.class, () -> Suggester.load(dir, null)).getMessage().contains("no end-of-sequence token"));
  }
}
