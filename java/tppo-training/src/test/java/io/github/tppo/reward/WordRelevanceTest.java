// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.reward;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.tppo.model.Longformer;
import io.github.tppo.model.LongformerConfig;
import io.github.tppo.model.Scope;
import io.github.tppo.model.Tensors;
import io.github.tppo.text.ResponseText;
import io.github.tppo.text.TestTokenizers;
import io.github.tppo.text.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A random reward model whose tokenizer has a begin token, leading blanks in its tokens and single bytes. */
@SuppressWarnings("try") // scopes are opened for what their closing frees
class WordRelevanceTest {
  private static final String PROMPT = " cheap shoes\n=\n";
  private static final List<String> TEXTS = List.of("1 red shoes\n2 unbelievable 日本 🍕x\n3 été o'clock", "1 a", "2 x\n\n\n3 weather weather", "");

  @TempDir
  Path dir;
  private WordRelevance relevance;

  @BeforeEach
  void load() throws IOException {
    save(200);
    relevance = WordRelevance.load(dir);
  }

  @AfterEach
  void close() {
    relevance.close();
  }

  private void save(int maxTokens) throws IOException {
    try (Stream<Path> files = Files.list(Path.of("src/test/resources/tokenizers/sentencepiece"))) {
      for (Path file : files.toList()) {
        Files.write(dir.resolve(file.getFileName()), Files.readAllBytes(file));
      }
    }
    try (Tokenizer tokenizer = TestTokenizers.load("tokenizers/sentencepiece");
        Longformer model = Longformer.create(new LongformerConfig(tokenizer.vocabSize(), 32, 48, 2, 4, List.of(8, 8),
            maxTokens + tokenizer.padId() + 1, 2, tokenizer.padId(), 1e-5, 3, 0.5, tokenizer.bosId(), tokenizer.eosId(),
            tokenizer.eosId()), 5)) {
      model.save(dir);
    }
  }

  /** Each word against the mean, in its own order, of what the model says of the tokens that are met on its characters. */
  @Test
  void probabilitiesAreTheMeanOverTheModelsOwnTokens() throws IOException {
    int several = 0;
    try (Longformer model = Longformer.load(dir); Tokenizer tokenizer = Tokenizer.load(dir)) {
      RewardEncoder encoder = new RewardEncoder(tokenizer, model.config().maxTokens());
      for (String text : TEXTS) {
        RewardInput input = encoder.encode(PROMPT, text);
        double[] p;
        try (Scope scope = Scope.noGrad()) {
          p = Tensors.toDoubles(new RewardBatch(List.of(input)).logits(model, encoder.padId()).softmax(1));
        }
        List<ResponseText.Word> words = ResponseText.words(text);
        List<WordRelevance.Rated> rated = relevance.rate(PROMPT, text);
        assertEquals(words, rated.stream().map(WordRelevance.Rated::word).toList());
        for (int w = 0; w < words.size(); w++) {
          ResponseText.Word word = words.get(w);
          int[] tokens = IntStream.range(word.start(), word.end()).flatMap(c -> IntStream.range(0, input.scored())
              .filter(t -> input.spans().starts()[t] <= c && c < input.spans().ends()[t])).distinct().toArray();
          assertTrue(tokens.length > 0, word.text());
          several += tokens.length > 1 ? 1 : 0;
          double best = -1;
          for (int c = 0; c < 3; c++) {
            int of = c;
            double mean = IntStream.of(tokens).mapToDouble(t -> p[3 * t + of]).average().orElseThrow();
            assertEquals(mean, rated.get(w).probabilities()[c], 1e-5, word.text());
            best = Math.max(best, mean);
          }
          assertEquals(best, rated.get(w).probabilities()[rated.get(w).predicted()], 1e-5);
        }
      }
    }
    assertTrue(several > 3, "several words have more than one token");
  }

  @Test
  void ratingsHaveTheSameBitsFromSeveralThreads() {
    List<String> many = new ArrayList<>();
    for (int i = 0; i < 10; i++) {
      many.addAll(TEXTS);
    }
    List<List<WordRelevance.Rated>> together = many.parallelStream().map(text -> relevance.rate(PROMPT, text)).toList();
    for (int i = 0; i < many.size(); i++) {
      List<WordRelevance.Rated> alone = relevance.rate(PROMPT, many.get(i));
      for (int w = 0; w < alone.size(); w++) {
        assertArrayEquals(alone.get(w).probabilities(), together.get(i).get(w).probabilities());
      }
    }
  }

  @Test
  void longPromptIsCutAndLongResponseRefused() {
    assertEquals(2, relevance.rate(" word".repeat(1000), "1 red shoes").size());
    assertTrue(assertThrows(IllegalArgumentException.class, () -> relevance.rate(PROMPT, "word ".repeat(1000))).getMessage()
        .contains("does not fit the reward model's 200"));
  }

  @Test
  void wordIsOfTheLikeliestClassAndOfEqualsTheLowest() {
    ResponseText.Word word = new ResponseText.Word("a", 0, 1, 0);
    assertEquals(2, new WordRelevance.Rated(word, new double[] {0.2, 0.3, 0.5}).predicted());
    assertEquals(1, new WordRelevance.Rated(word, new double[] {0.2, 0.4, 0.4}).predicted());
    assertEquals(0, new WordRelevance.Rated(word, new double[] {1, 0, 0}).predicted());
  }

  @Test
  void tokenizerWithoutABeginTokenIsRefused() throws IOException {
    Path config = dir.resolve("tokenizer_config.json");
    Files.writeString(config, Files.readString(config).replaceAll("\"bos_token\"\\s*:\\s*(\"[^\"]*\"|\\{[^}]*\\})", "\"bos_token\": null"));
    String json = Files.readString(dir.resolve("tokenizer.json"));
    Files.writeString(dir.resolve("tokenizer.json"), json.replace("\"<s>\"", "\"<begin>\""));
    assertTrue(assertThrows(IOException.class, () -> WordRelevance.load(dir)).getMessage().contains("no begin token"));
  }
}
