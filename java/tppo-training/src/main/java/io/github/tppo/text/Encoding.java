// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.text;

import java.util.function.IntPredicate;
import java.util.stream.IntStream;

/**
 * A text as token ids. Token {@code i} stands for the UTF-16 code units {@code [starts[i], ends[i])} of the text that was
 * encoded, as the tokenizer itself reports it; a token that the tokenizer put in (begin, end) has {@code [0, 0)}.
 *
 * @param ids    token ids
 * @param starts first code unit of each token
 * @param ends   one past the last code unit of each token
 */
public record Encoding(int[] ids, int[] starts, int[] ends) {

  /** Where the tokens lie in {@code text}, the text that was encoded. */
  public TokenSpans spansIn(String text) {
    return new TokenSpans(text, starts, ends);
  }

  /** The tokens whose ids pass. */
  Encoding where(IntPredicate passes) {
    int[] kept = IntStream.range(0, ids.length).filter(i -> passes.test(ids[i])).toArray();
    return kept.length == ids.length ? this
      : new Encoding(pick(ids, kept), pick(starts, kept), pick(ends, kept));
  }

  private static int[] pick(int[] from, int[] indices) {
    return IntStream.of(indices).map(i -> from[i]).toArray();
  }

  /** The number of tokens. */
  public int length() {
    return ids.length;
  }
}
