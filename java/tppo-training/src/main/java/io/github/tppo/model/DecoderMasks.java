// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Attention masks of one forward pass as scores to add, 0 or -inf; one for each window, made when first asked for. Query i sees key j
 * when j <= i, i - j < window, and j is a real token. Padding queries also see themselves, so that no row of the softmax is empty.
 */
@SuppressWarnings("try") // scopes are opened for what their closing frees
final class DecoderMasks {

  private final Tensor attentionMask;
  private final long time;
  private Tensor mask;
  private int maskWindow = -1;

  DecoderMasks(Tensor attentionMask, long time) {
    this.attentionMask = attentionMask;
    this.time = time;
  }

  /** The mask for a window in keys (0 = none), [B or 1, 1, T, T]; null where plain causal attention says the same. */
  Tensor forWindow(int window) {
    boolean windowed = window > 0 && window < time;
    if (attentionMask == null && !windowed) {
      return null;
    }
    int key = windowed ? window : 0;
    if (maskWindow != key) {
      mask = build(key);
      maskWindow = key;
    }
    return mask;
  }

  private Tensor build(int window) {
    try (Scope scope = Scope.noGrad()) {
      return scope.keep(toBias(allowed(window)));
    }
  }

  private Tensor allowed(int window) {
    Tensor index = torch.arange(new Scalar(time), new TensorOptions(ScalarType.Long));
    Tensor distance = index.unsqueeze(1).sub(index.unsqueeze(0));
    Tensor allowed = distance.ge(new Scalar(0));
    if (window > 0) {
      allowed = allowed.logical_and(distance.lt(new Scalar(window)));
    }
    allowed = allowed.unsqueeze(0).unsqueeze(0);
    if (attentionMask != null) {
      Tensor real = attentionMask.ne(new Scalar(0)).unsqueeze(1).unsqueeze(1);
      allowed = allowed.logical_and(real.logical_or(distance.eq(new Scalar(0))));
    }
    return allowed;
  }

  /** 0 where allowed, -inf elsewhere; a bool tensor of any shape to f32. */
  static Tensor toBias(Tensor allowed) {
    Tensor zeros = torch.zeros(Tensors.shape(allowed), new TensorOptions(ScalarType.Float));
    return zeros.masked_fill_(allowed.logical_not(), new Scalar(Double.NEGATIVE_INFINITY));
  }
}
