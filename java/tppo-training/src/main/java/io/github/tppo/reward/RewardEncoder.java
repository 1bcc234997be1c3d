// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.reward;

import io.github.tppo.model.Longformer;
import io.github.tppo.model.LongformerConfig;
import io.github.tppo.text.Encoding;
import io.github.tppo.text.TokenSpans;
import io.github.tppo.text.Tokenizer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Objects;

/**
 * Turns texts into the reward model's ids. Its tokenizer may differ from the policy's: the policy's tokens are found
 * again by their characters in the text, never by their ids (INVARIANTS 14).
 */
public final class RewardEncoder {
  private final Tokenizer tokenizer;
  private final int maxTokens;

  /** @param maxTokens longest input; the oldest tokens of the prompt are dropped */
  public RewardEncoder(Tokenizer tokenizer, int maxTokens) {
    this.tokenizer = tokenizer;
    this.maxTokens = maxTokens;
  }

  /**
   * The encoder of a reward model and its tokenizer that were read from a folder.
   *
   * @param labels that the model should have: 3 classes of a token, or 1 score
   * @throws IOException when it has others, or the tokenizer has tokens that the model does not know
   */
  public static RewardEncoder of(Longformer model, int labels, Tokenizer tokenizer, Path dir) throws IOException {
    LongformerConfig config = model.config();
    if (config.labels() != labels) {
      throw new IOException(dir + ": the reward model has " + config.labels() + " labels, expected " + labels);
    }
    if (config.vocabSize() < tokenizer.vocabSize()) {
      throw new IOException(dir + ": the reward model knows " + config.vocabSize() + " tokens, its tokenizer has "
          + tokenizer.vocabSize());
    }
    return new RewardEncoder(tokenizer, config.maxTokens());
  }

  /**
   * Encodes one prompt with one response. Special tokens that are spelt out in either are text here too: only this
   * method begins and ends a sequence.
   */
  public RewardInput encode(String prompt, String response) {
    Objects.requireNonNull(prompt, "prompt");
    Objects.requireNonNull(response, "response");
    Encoding promptTokens = tokenizer.encodeUntrusted(prompt);
    Encoding responseTokens = tokenizer.encodeUntrusted(response);
    int scored = responseTokens.length() + 1;
    int begin = tokenizer.bosId() >= 0 ? 1 : 0;
    int room = maxTokens - begin - scored;
    if (room < 0) {
      throw new IllegalArgumentException("a response of " + scored + " tokens does not fit the reward model's "
          + maxTokens + "; raise reward.shape.max_tokens or lower sampling.max_new_tokens");
    }
    int kept = Math.min(room, promptTokens.length());
    int[] ids = new int[begin + kept + scored];
    if (begin > 0) {
      ids[0] = tokenizer.bosId();
    }
    System.arraycopy(promptTokens.ids(), promptTokens.length() - kept, ids, begin, kept);
    System.arraycopy(responseTokens.ids(), 0, ids, begin + kept, responseTokens.length());
    ids[ids.length - 1] = tokenizer.eosId();
    int[] starts = Arrays.copyOf(responseTokens.starts(), scored);
    int[] ends = Arrays.copyOf(responseTokens.ends(), scored);
    starts[scored - 1] = response.length();
    ends[scored - 1] = response.length();
    return new RewardInput(ids, begin + kept, new TokenSpans(response, starts, ends));
  }

  /** Id of padding. */
  public int padId() {
    return tokenizer.padId();
  }
}
