// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.policy;

import io.github.tppo.model.Tensors;
import java.util.List;
import org.bytedeco.pytorch.Tensor;

/**
 * Sequences padded on the right to one length, with the list of the rows that predict scored tokens. Everything
 * that is per token is packed: scored token i of sequence b is entry {@code cuSeqlens[b] + i} of any per-token array.
 *
 * <p>The tensors belong to the {@code PointerScope} in which the batch was made.
 */
final class SequenceBatch {
  private final List<Sequence> sequences;
  private final int paddedLength;
  private final int[] cuSeqlens;
  private final long[] rows;
  private final long[] targets;

  private SequenceBatch(List<Sequence> sequences, int paddedLength, int[] cuSeqlens, long[] rows, long[] targets) {
    this.sequences = sequences;
    this.paddedLength = paddedLength;
    this.cuSeqlens = cuSeqlens;
    this.rows = rows;
    this.targets = targets;
  }

  /** A batch in which the tokens of the responses are scored. */
  static SequenceBatch ofResponses(List<Sequence> sequences) {
    return of(sequences, false);
  }

  /** A batch in which every token but the first is scored. */
  static SequenceBatch ofAllTokens(List<Sequence> sequences) {
    return of(sequences, true);
  }

  private static SequenceBatch of(List<Sequence> sequences, boolean all) {
    int longest = 0;
    int[] cuSeqlens = new int[sequences.size() + 1];
    for (int b = 0; b < sequences.size(); b++) {
      Sequence s = sequences.get(b);
      longest = Math.max(longest, s.length());
      cuSeqlens[b + 1] = cuSeqlens[b] + (all ? s.length() - 1 : s.response().length);
    }
    long[] rows = new long[cuSeqlens[sequences.size()]];
    long[] targets = new long[rows.length];
    for (int b = 0; b < sequences.size(); b++) {
      Sequence s = sequences.get(b);
      int first = all ? 1 : s.prompt().length;
      for (int i = cuSeqlens[b], t = first; i < cuSeqlens[b + 1]; i++, t++) {
        rows[i] = (long) b * longest + t - 1; // the row before a token predicts it
        targets[i] = s.token(t);
      }
    }
    return new SequenceBatch(sequences, longest, cuSeqlens, rows, targets);
  }

  int size() {
    return sequences.size();
  }

  /** Number of scored tokens. */
  int tokens() {
    return rows.length;
  }

  /** Start of each sequence in the packed arrays, and the end of the last: [size + 1]. */
  int[] cuSeqlens() {
    return cuSeqlens;
  }

  /** Token ids that the scored rows predict: [tokens]. */
  long[] targets() {
    return targets;
  }

  /** Ids, int64 [size, padded length]. */
  Tensor inputIds(int padId) {
    long[] ids = new long[size() * paddedLength];
    java.util.Arrays.fill(ids, padId);
    for (int b = 0; b < size(); b++) {
      Sequence s = sequences.get(b);
      for (int t = 0; t < s.length(); t++) {
        ids[b * paddedLength + t] = s.token(t);
      }
    }
    return Tensors.of(ids, size(), paddedLength);
  }

  /** 1 at tokens, 0 at padding, int64 [size, padded length]. */
  Tensor attentionMask() {
    long[] mask = new long[size() * paddedLength];
    for (int b = 0; b < size(); b++) {
      java.util.Arrays.fill(mask, b * paddedLength, b * paddedLength + sequences.get(b).length(), 1);
    }
    return Tensors.of(mask, size(), paddedLength);
  }

  /** The scored rows of hidden states: [size, padded length, H] becomes [tokens, H]. */
  Tensor scoredRows(Tensor hidden) {
    return hidden.reshape(-1, hidden.size(2)).index_select(0, Tensors.of(rows, rows.length));
  }
}
