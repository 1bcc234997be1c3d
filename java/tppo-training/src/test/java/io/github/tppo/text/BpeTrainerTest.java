// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.text;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.tppo.data.Example;
import io.github.tppo.data.Examples;
import io.github.tppo.data.History;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BpeTrainerTest {

  @TempDir
  Path dir;

  @Test
  void mergesTheMostFrequentPairFirstAndTheOlderOnTies() throws IOException {
    // "low" x 5, "lower" x 2: l-o and o-w are met 7 times each; "l" is the older symbol of the two lefts.
    List<String> texts = new ArrayList<>(Collections.nCopies(5, "low"));
    texts.addAll(Collections.nCopies(2, "lower"));
    BpeTrainer.train(texts.iterator(), BpeTrainer.MIN_VOCABULARY + 3, dir);
    try (Tokenizer tokenizer = Tokenizer.load(dir)) {
      int first = BpeTrainer.MIN_VOCABULARY;
      assertEquals("lo", tokenizer.token(first));
      assertEquals("low", tokenizer.token(first + 1));
      assertEquals("er", tokenizer.token(first + 2));
      assertArrayEquals(new int[] {first + 1, first + 2}, tokenizer.encode("lower", false).ids());
    }
  }

  @Test
  void agreesWithCountingAllPairsAnewAtEveryMerge() throws IOException {
    Random random = new Random(7);
    List<String> texts = new ArrayList<>();
    for (int i = 0; i < 300; i++) {
      StringBuilder text = new StringBuilder();
      for (int n = random.nextInt(12); n >= 0; n--) {
        text.append("abb  cé".charAt(random.nextInt(7)));
      }
      texts.add(text.toString());
    }
    int vocabulary = BpeTrainer.MIN_VOCABULARY + 60;
    BpeTrainer.train(texts.iterator(), vocabulary, dir);
    List<String> expected = SlowBpe.train(texts, vocabulary);
    try (Tokenizer tokenizer = Tokenizer.load(dir)) {
      for (int id = BpeTrainer.MIN_VOCABULARY; id < tokenizer.vocabSize(); id++) {
        assertEquals(expected.get(id), tokenizer.token(id), "id " + id);
      }
      assertEquals(expected.size(), tokenizer.vocabSize());
    }
  }

  @Test
  void doesNotDependOnTheOrderOfTexts() throws IOException {
    List<String> texts = new ArrayList<>(List.of("red shoes", "red shirts", "blue shoes", "shoe shop", "red hat"));
    BpeTrainer.train(texts.iterator(), 300, dir.resolve("a"));
    Collections.reverse(texts);
    BpeTrainer.train(texts.iterator(), 300, dir.resolve("b"));
    for (String file : List.of("tokenizer.json", "tokenizer_config.json")) {
      assertArrayEquals(Files.readAllBytes(dir.resolve("a").resolve(file)),
        Files.readAllBytes(dir.resolve("b").resolve(file)), file);
    }
  }

  @Test
  void specialTokensHaveRobertasIds() throws IOException {
    assertEquals(BpeTrainer.MIN_VOCABULARY, BpeTrainer.train(Collections.emptyIterator(), 1000, dir));
    try (Tokenizer tokenizer = Tokenizer.load(dir.resolve("tokenizer.json"))) {
      assertEquals(0, tokenizer.bosId());
      assertEquals(1, tokenizer.padId());
      assertEquals(2, tokenizer.eosId());
      assertEquals("<unk>", tokenizer.token(3));
      int[] ids = tokenizer.encode("a", true).ids();
      assertEquals(0, ids[0]);
      assertEquals(2, ids[2]);
    }
  }

  @Test
  void trainsOnTheQueriesOfExamples() throws IOException {
    Path examples = dir.resolve("train.jsonl");
    Examples.write(examples, List.of(new Example("u", new History(List.of("zq zq", "zq"), null, null, null), List.of("zq"))));
    BpeTrainer.trainOnExamples(examples, 1000, dir);
    try (Tokenizer tokenizer = Tokenizer.load(dir)) {
      // Every query follows a blank, so its first word is merged with one.
      assertEquals(1, tokenizer.encode(" zq", false).length());
      assertEquals(2, tokenizer.encode(" zq\n", false).length());
    }
  }

  @Test
  void theShippedTokenizerHasItsSizeAndCanBeCopied() throws IOException {
    Tokenizer.copyShipped(dir.resolve("copy"));
    try (Tokenizer tokenizer = Tokenizer.load(dir.resolve("copy"))) {
      assertEquals(2048, tokenizer.vocabSize());
      assertEquals(5, tokenizer.encode("1 recipes\n2 hotels", false).length());
    }
  }

  @Test
  void refusesAVocabularyBelowTheBytes() {
    assertThrows(IllegalArgumentException.class, () -> BpeTrainer.train(Collections.emptyIterator(), 259, dir));
  }
}
