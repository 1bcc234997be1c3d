// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.text;

import io.github.tppo.data.Example;
import io.github.tppo.data.Examples;
import it.unimi.dsi.fastutil.ints.IntOpenHashSet;
import it.unimi.dsi.fastutil.longs.Long2LongOpenHashMap;
import it.unimi.dsi.fastutil.longs.Long2ObjectOpenHashMap;
import it.unimi.dsi.fastutil.longs.LongOpenHashSet;
import it.unimi.dsi.fastutil.objects.Object2IntOpenHashMap;
import it.unimi.dsi.fastutil.objects.Object2LongOpenHashMap;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Objects;
import java.util.PriorityQueue;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.stream.Stream;

/**
 * Trains a byte-level BPE vocabulary (Sennrich et al. 2016; the byte alphabet and word pattern of GPT-2) and writes it as
 * a Hugging Face {@code tokenizer.json}. The special tokens are RoBERTa's: {@code <s>}=0, {@code <pad>}=1,
 * {@code </s>}=2, {@code <unk>}=3. The result depends on the multiset of words only, not on their order.
 */
public final class BpeTrainer {

  /** The smallest vocabulary: the special tokens and one token per byte. */
  public static final int MIN_VOCABULARY = TokenizerJson.SPECIAL_TOKENS.size() + 256;

  /** A pair seen less often than this is not merged: it would only memorise one text. */
  private static final long MIN_PAIR_COUNT = 2;

  private final List<String> symbols = new ArrayList<>();
  private final Object2IntOpenHashMap<String> ids = new Object2IntOpenHashMap<>();
  private final List<String[]> merges = new ArrayList<>();
  private final List<int[]> words = new ArrayList<>();
  private final List<Long> wordCounts = new ArrayList<>();
  private final Long2LongOpenHashMap pairCounts = new Long2LongOpenHashMap();
  private final Long2ObjectOpenHashMap<IntOpenHashSet> wordsOfPair = new Long2ObjectOpenHashMap<>();

  private BpeTrainer() {
  }

  /**
   * Trains on {@code texts} and writes {@code tokenizer.json} and {@code tokenizer_config.json} into {@code outDir}.
   * Texts should be what the tokenizer will see, such as {@link PromptFormat}'s prompts and responses.
   *
   * @param texts      the training texts, read once
   * @param vocabulary the number of tokens wanted, special tokens included; fewer are made when the texts run out of pairs
   * @param outDir     made when missing; existing files of these names are replaced
   * @return the number of tokens in the vocabulary
   * @throws IllegalArgumentException when {@code vocabulary} is below {@link #MIN_VOCABULARY}
   * @throws IOException              when a file cannot be written
   */
  public static int train(Iterator<String> texts, int vocabulary, Path outDir) throws IOException {
    Objects.requireNonNull(texts, "texts");
    Objects.requireNonNull(outDir, "outDir");
    if (vocabulary < MIN_VOCABULARY) {
      throw new IllegalArgumentException("vocabulary is " + vocabulary + "; byte-level BPE needs at least "
        + MIN_VOCABULARY + " (the special tokens and 256 bytes)");
    }
    BpeTrainer trainer = new BpeTrainer();
    trainer.readWords(texts);
    trainer.countPairs();
    trainer.merge(vocabulary);
    TokenizerJson.write(outDir, trainer.symbols, trainer.merges);
    return trainer.symbols.size();
  }

  /**
   * Trains on the queries of prepared examples, in the form that {@link PromptFormat} shows them. The shipped tokenizer is
   * this on {@code train.jsonl} of the quickstart's log with one cut per user and otherwise default settings, 2048 tokens.
   *
   * @param examples   a file of prepared examples
   * @param vocabulary the number of tokens wanted
   * @param outDir     where the tokenizer's files go
   * @return the number of tokens in the vocabulary
   * @throws IOException when a file cannot be read or written
   */
  public static int trainOnExamples(Path examples, int vocabulary, Path outDir) throws IOException {
    Objects.requireNonNull(examples, "examples");
    Objects.requireNonNull(outDir, "outDir");
    try (Stream<Example> stream = Examples.stream(examples)) {
      return train(stream.flatMap(e -> PromptFormat.queryLines(e).stream()).iterator(), vocabulary, outDir);
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
  }

  private void readWords(Iterator<String> texts) {
    Object2LongOpenHashMap<String> counts = new Object2LongOpenHashMap<>();
    while (texts.hasNext()) {
      Matcher m = ByteLevel.WORDS.matcher(texts.next());
      while (m.find()) {
        counts.addTo(m.group(), 1);
      }
    }
    TokenizerJson.SPECIAL_TOKENS.forEach(this::addSymbol);
    TreeSet<Character> alphabet = new TreeSet<>();
    for (int b = 0; b < 256; b++) {
      alphabet.add(ByteLevel.charOf(b));
    }
    int[] idOfChar = new int[512];
    for (char c : alphabet) {
      idOfChar[c] = symbols.size();
      addSymbol(String.valueOf(c));
    }
    // Sorted, so that hash order never reaches the result.
    List<String> sorted = new ArrayList<>(counts.keySet());
    sorted.sort(null);
    for (String word : sorted) {
      words.add(ByteLevel.encode(word).chars().map(c -> idOfChar[c]).toArray());
      wordCounts.add(counts.getLong(word));
    }
  }

  private void countPairs() {
    for (int w = 0; w < words.size(); w++) {
      int[] word = words.get(w);
      for (int i = 0; i + 1 < word.length; i++) {
        add(pair(word[i], word[i + 1]), wordCounts.get(w), w);
      }
    }
  }

  private void merge(int vocabulary) {
    PriorityQueue<Candidate> queue = new PriorityQueue<>();
    pairCounts.long2LongEntrySet().forEach(e -> queue.add(new Candidate(e.getLongKey(), e.getLongValue())));
    while (symbols.size() < vocabulary && !queue.isEmpty()) {
      Candidate best = queue.poll();
      long count = pairCounts.get(best.pair);
      if (count != best.count) {
        // The entry is older than the count: put it back where it belongs now.
        if (count >= MIN_PAIR_COUNT) {
          queue.add(new Candidate(best.pair, count));
        }
        continue;
      }
      if (count < MIN_PAIR_COUNT) {
        break;
      }
      for (long touched : apply(best.pair)) {
        queue.add(new Candidate(touched, pairCounts.get(touched)));
      }
    }
  }

  /** Replaces the pair in all words by a new symbol; returns the new pairs, those that hold the new symbol. */
  private long[] apply(long pair) {
    int left = (int) (pair >>> 32);
    int right = (int) pair;
    // Two ways of merging can spell the same symbol; it then keeps its one id.
    String spelt = symbols.get(left) + symbols.get(right);
    int merged = ids.getOrDefault(spelt, symbols.size());
    if (merged == symbols.size()) {
      addSymbol(spelt);
    }
    merges.add(new String[] {symbols.get(left), symbols.get(right)});
    IntOpenHashSet holders = wordsOfPair.remove(pair);
    LongOpenHashSet newPairs = new LongOpenHashSet();
    for (int w : holders) {
      int[] word = words.get(w);
      long count = wordCounts.get(w);
      for (int i = 0; i + 1 < word.length; i++) {
        pairCounts.addTo(pair(word[i], word[i + 1]), -count);
      }
      int[] out = new int[word.length];
      int n = 0;
      for (int i = 0; i < word.length; i++) {
        boolean hit = i + 1 < word.length && word[i] == left && word[i + 1] == right;
        out[n++] = hit ? merged : word[i];
        i += hit ? 1 : 0;
      }
      int[] shorter = Arrays.copyOf(out, n);
      words.set(w, shorter);
      for (int i = 0; i + 1 < n; i++) {
        long p = pair(shorter[i], shorter[i + 1]);
        add(p, count, w);
        if (shorter[i] == merged || shorter[i + 1] == merged) {
          newPairs.add(p);
        }
      }
    }
    pairCounts.remove(pair);
    return newPairs.toLongArray();
  }

  private void addSymbol(String symbol) {
    ids.put(symbol, symbols.size());
    symbols.add(symbol);
  }

  private void add(long pair, long count, int word) {
    pairCounts.addTo(pair, count);
    wordsOfPair.computeIfAbsent(pair, p -> new IntOpenHashSet()).add(word);
  }

  private static long pair(int left, int right) {
    return ((long) left << 32) | right;
  }

  /** A pair with the count it had when queued; the most frequent first, then the pair of the older symbols. */
  private record Candidate(long pair, long count) implements Comparable<Candidate> {
    @Override
    public int compareTo(Candidate other) {
      int byCount = Long.compare(other.count, count);
      return byCount != 0 ? byCount : Long.compare(pair, other.pair);
    }
  }
}
