// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.reward;

import io.github.tppo.model.Longformer;
import io.github.tppo.model.Scope;
import io.github.tppo.model.Tensors;
import io.github.tppo.text.ResponseText;
import io.github.tppo.text.TokenSpans;
import io.github.tppo.text.Tokenizer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/**
 * The trained reward model as a judge of words. Where {@link TokenRewardModel} gives rewards to the policy's tokens, this gives each
 * word of a response the probabilities of its classes.
 *
 * <p>Owns model and tokenizer until {@link #close}. Safe for use by several threads.
 */
@SuppressWarnings("try") // scopes are opened for what their closing frees
public final class WordRelevance implements AutoCloseable {
  /** Of a word: 0 counts neither way, 1 irrelevant, 2 relevant. */
  static final int CLASSES = 3;

  private final Longformer model;
  private final Tokenizer tokenizer;
  private final RewardEncoder encoder;

  private WordRelevance(Longformer model, Tokenizer tokenizer, RewardEncoder encoder) {
    this.model = model;
    this.tokenizer = tokenizer;
    this.encoder = encoder;
  }

  /**
   * Loads a Longformer for token classification in Hugging Face form, with its own tokenizer.
   *
   * @throws IOException when the folder does not hold one with three classes and a tokenizer that goes with it
   * @throws IllegalStateException when the tokenizer has no end token
   */
  public static WordRelevance load(Path dir) throws IOException {
    Tokenizer tokenizer = Tokenizer.load(Objects.requireNonNull(dir, "dir"));
    Longformer model = null;
    try {
      model = Longformer.open(dir);
      RewardEncoder encoder = RewardEncoder.of(model, CLASSES, tokenizer, dir);
      tokenizer.eosId();
      if (tokenizer.bosId() < 0) {
        throw new IOException(dir + ": the reward model's tokenizer has no begin token, which the model's global attention is on");
      }
      return new WordRelevance(model, tokenizer, encoder);
    } catch (IOException | RuntimeException e) {
      if (model != null) {
        model.close();
      }
      tokenizer.close();
      throw e;
    }
  }

  /**
   * A word with the probabilities of its classes.
   *
   * @param probabilities of class 0 (counts neither way), 1 (irrelevant) and 2 (relevant): the mean over the reward model's tokens that
   *     cover a character of the word; all on class 0 for a word that no token covers
   */
  public record Rated(ResponseText.Word word, double[] probabilities) {
    /** The likeliest class; of equals the lowest. */
    public int predicted() {
      int best = 0;
      for (int c = 1; c < CLASSES; c++) {
        best = probabilities[c] > probabilities[best] ? c : best;
      }
      return best;
    }
  }

  /**
   * Rates the words of a response, in their order. The result has the same bits whatever is rated beside it.
   *
   * @param prompt what the policy was shown, as text
   * @throws IllegalArgumentException when the response is longer than the model reads
   */
  public List<Rated> rate(String prompt, String response) {
    RewardInput input = encoder.encode(Objects.requireNonNull(prompt, "prompt"), Objects.requireNonNull(response, "response"));
    float[] probabilities;
    try (Scope scope = Scope.noGrad()) {
      probabilities = Tensors.toFloats(new RewardBatch(List.of(input)).logits(model, encoder.padId()).softmax(1));
    }
    List<Rated> rated = new ArrayList<>();
    for (ResponseText.Word word : ResponseText.words(response)) {
      rated.add(new Rated(word, mean(word, input.spans(), probabilities)));
    }
    return rated;
  }

  private static double[] mean(ResponseText.Word word, TokenSpans spans, float[] probabilities) {
    double[] mean = new double[CLASSES];
    int n = 0;
    for (int t = 0; t < spans.length(); t++) {
      if (Math.max(spans.starts()[t], word.start()) < Math.min(spans.ends()[t], word.end())) {
        n++;
        for (int c = 0; c < CLASSES; c++) {
          mean[c] += probabilities[CLASSES * t + c];
        }
      }
    }
    if (n == 0) {
      return new double[] {1, 0, 0};
    }
    for (int c = 0; c < CLASSES; c++) {
      mean[c] /= n;
    }
    return mean;
  }

  @Override
  public void close() {
    try (tokenizer) {
      model.close();
    }
  }
}
