// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Type of the arithmetic in a model's projections and of what its MLPs hold between them. Weights, their gradients, norms, the residual
 * stream, attention and the loss are float32 in either, so that {@link #BFLOAT16} is what others call mixed precision: half the memory of
 * most activations, and on processors with bfloat16 products less time.
 */
public enum Precision {
  FLOAT32(ScalarType.Float), BFLOAT16(ScalarType.BFloat16);

  private final ScalarType type;

  Precision(ScalarType type) {
    this.type = type;
  }

  /** x in this type; x itself where it has it already. Autograd takes gradients back through the conversion. */
  Tensor cast(Tensor x) {
    return cast(x, type);
  }

  static Tensor cast(Tensor x, ScalarType type) {
    return x.scalar_type().intern() == type ? x : x.to(type);
  }
}
