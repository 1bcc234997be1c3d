// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

/**
 * How the N tokens of a call are divided into B sequences, and which of them count.
 *
 * <p>Masked tokens are never used: NaN or any bit pattern in their slots changes no bit of any result, and every
 * output is 0 there. The operations on logits take a list of rows in place of a mask: slots of tokens that are not in
 * the list are then neither read nor written.
 *
 * @param tokens N, masked and padding tokens included
 * @param sequences B
 * @param mask {@link DType#U8} [N], 1 where the token counts; null means that every token counts
 * @param cuSeqlens {@link DType#I32} [B + 1], sequence b owns tokens {@code cuSeqlens[b] .. cuSeqlens[b + 1] - 1};
 *     null for a padded [B, N / B] array, which has at most 2^20 sequences if they have no tokens
 * @param rows {@link DType#I32}, the tokens that count in ascending order; null when the mask says it
 */
public record TokenLayout(long tokens, long sequences, NativeArray mask, NativeArray cuSeqlens, NativeArray rows) {

  /** Each sequence is work, and here there is no array whose length would bound their number. */
  private static final long MOST_EMPTY = 1 << 20;

  public TokenLayout {
    Checks.require(tokens >= 0, "tokens must not be negative, is " + tokens);
    Checks.require(sequences >= 0, "sequences must not be negative, is " + sequences);
    if (cuSeqlens == null) {
      Checks.require(sequences == 0 ? tokens == 0 : tokens % sequences == 0,
          tokens + " tokens cannot be a padded array of " + sequences + " sequences");
      Checks.require(tokens > 0 || sequences <= MOST_EMPTY,
          sequences + " sequences without a token are more than " + MOST_EMPTY);
    } else {
      Checks.require(cuSeqlens.length() - 1 == sequences,
          "cuSeqlens must hold one bound more than the " + sequences + " sequences, is " + cuSeqlens);
    }
    Checks.require(mask == null || rows == null, "give either a mask or rows, not both");
    if (rows != null) {
      Checks.require(rows.length() <= tokens, rows.length() + " rows are more than the " + tokens + " tokens");
    }
  }

  /**
   * Tokens without sequence bounds: one sequence.
   *
   * @param tokens N
   */
  public static TokenLayout flat(long tokens) {
    return new TokenLayout(tokens, 1, null, null, null);
  }

  /**
   * A padded, row-major [B, T] array.
   *
   * @param sequences B
   * @param length T
   */
  public static TokenLayout padded(long sequences, long length) {
    Checks.require(sequences >= 0, "sequences must not be negative, is " + sequences);
    Checks.require(length >= 0, "length must not be negative, is " + length);
    long tokens = Checks.product(sequences, length);
    Checks.require(tokens < Long.MAX_VALUE, sequences + " sequences of length " + length + " are more tokens than a number can hold");
    return new TokenLayout(tokens, sequences, null, null, null);
  }

  /**
   * Sequences of any length, one after another.
   *
   * @param tokens N
   * @param cuSeqlens {@link DType#I32} [B + 1], from 0 to N
   */
  public static TokenLayout packed(long tokens, NativeArray cuSeqlens) {
    Checks.require(cuSeqlens != null, "cuSeqlens is null");
    Checks.require(cuSeqlens.length() >= 1, "cuSeqlens is empty; it holds one bound more than there are sequences");
    return new TokenLayout(tokens, cuSeqlens.length() - 1, null, cuSeqlens, null);
  }

  /** Returns a copy with the mask replaced; null means that every token counts. */
  public TokenLayout withMask(NativeArray value) {
    return new TokenLayout(tokens, sequences, value, cuSeqlens, rows);
  }

  /**
   * Returns a copy with the rows replaced; null means that the mask says which tokens count. For
   * {@link Kernels#tokenLogProbs}, {@link Kernels#policyLoss} and {@link Kernels#nllLoss}.
   */
  public TokenLayout withRows(NativeArray value) {
    return new TokenLayout(tokens, sequences, mask, cuSeqlens, value);
  }
}
