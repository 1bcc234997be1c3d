// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;

/** What stands at padding, in the models' first layer. */
final class Padding {
  /** No embedding is larger. */
  private static final double LARGEST = 1e3;

  private Padding() {
  }

  /**
   * Zeros at padding where there is no number or one that no embedding has: attention gives padding the weight 0, which would not undo
   * NaN or an overflow there (INVARIANTS 1). Ordinary numbers stay, and with them the logits at padding, which are transformers'.
   *
   * @param x embeddings [B, T, H]
   * @param attentionMask [B, T], 0 at padding; null without padding
   */
  static Tensor tame(Tensor x, Tensor attentionMask) {
    if (attentionMask == null) {
      return x;
    }
    Tensor wild = x.abs().le(new Scalar(LARGEST)).logical_not(); // NaN too
    return x.masked_fill(attentionMask.eq(new Scalar(0)).unsqueeze(-1).logical_and(wild), new Scalar(0));
  }
}
