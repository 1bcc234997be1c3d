// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.reward;

import io.github.tppo.model.Longformer;
import io.github.tppo.model.Pass;
import io.github.tppo.model.Tensors;
import java.util.Arrays;
import java.util.List;
import org.bytedeco.pytorch.Tensor;

/** Inputs of the reward model, padded on the right; the scored tokens are packed, as everywhere. */
final class RewardBatch {
  private final List<RewardInput> inputs;
  private final int paddedLength;
  private final int[] cuSeqlens;

  RewardBatch(List<RewardInput> inputs) {
    this.inputs = inputs;
    this.paddedLength = inputs.stream().mapToInt(i -> i.ids().length).max().orElse(0);
    this.cuSeqlens = new int[inputs.size() + 1];
    for (int b = 0; b < inputs.size(); b++) {
      cuSeqlens[b + 1] = cuSeqlens[b] + inputs.get(b).scored();
    }
  }

  /** Start of each response in the packed arrays, and the end of the last. */
  int[] cuSeqlens() {
    return cuSeqlens;
  }

  /** Scored tokens. */
  int tokens() {
    return cuSeqlens[inputs.size()];
  }

  /** Logits of the scored tokens, packed: [tokens, labels]. */
  Tensor logits(Longformer model, int padId) {
    return logits(model, forward(model, padId, false));
  }

  /** The same from a pass of the model's trunk, to train it. */
  Tensor logits(Longformer model, Pass pass) {
    Tensor logits = model.classify(pass.hidden());
    long[] rows = new long[tokens()];
    for (int b = 0; b < inputs.size(); b++) {
      for (int i = 0; i < inputs.get(b).scored(); i++) {
        rows[cuSeqlens[b] + i] = (long) b * paddedLength + inputs.get(b).responseStart() + i;
      }
    }
    return logits.reshape(-1, logits.size(2)).index_select(0, Tensors.of(rows, rows.length));
  }

  /** Runs the trunk. The begin token has global attention. */
  Pass forward(Longformer model, int padId, boolean checkpointing) {
    int size = inputs.size();
    long[] ids = new long[size * paddedLength];
    long[] attention = new long[ids.length];
    long[] global = new long[ids.length];
    long[] types = new long[ids.length];
    Arrays.fill(ids, padId);
    for (int b = 0; b < size; b++) {
      RewardInput input = inputs.get(b);
      int first = b * paddedLength;
      for (int t = 0; t < input.ids().length; t++) {
        ids[first + t] = input.ids()[t];
      }
      Arrays.fill(attention, first, first + input.ids().length, 1);
      global[first] = 1;
      if (model.config().typeVocabSize() > 1) {
        Arrays.fill(types, first + input.responseStart(), first + input.ids().length, 1);
      }
    }
    return model.forward(Tensors.of(ids, size, paddedLength), Tensors.of(attention, size, paddedLength),
        Tensors.of(global, size, paddedLength), Tensors.of(types, size, paddedLength), checkpointing);
  }
}
