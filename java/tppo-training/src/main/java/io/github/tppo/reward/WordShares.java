// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.reward;

import io.github.tppo.text.ResponseText;
import io.github.tppo.text.TokenSpans;

/** Shares a word's reward out over its tokens, so that a word of many tokens pays no more than a word of one. */
final class WordShares {
  private WordShares() {}

  /** Divides the reward of each token by the number of tokens that share its word. */
  static void apply(TokenSpans spans, double[] rewards) {
    for (ResponseText.Word word : ResponseText.words(spans.text())) {
      int count = 0;
      for (int t = 0; t < rewards.length; t++) {
        count += covers(spans, t, word) ? 1 : 0;
      }
      for (int t = 0; t < rewards.length; t++) {
        if (covers(spans, t, word)) {
          rewards[t] /= count;
        }
      }
    }
  }

  private static boolean covers(TokenSpans spans, int token, ResponseText.Word word) {
    return Math.max(spans.starts()[token], word.start()) < Math.min(spans.ends()[token], word.end());
  }
}
