// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.policy;

import io.github.tppo.kernels.NativeArray;
import io.github.tppo.kernels.OutputLayer;
import io.github.tppo.model.Autograd;
import io.github.tppo.model.Tensors;
import java.util.function.Function;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * From hidden states to token losses and back. The loss is a kernel that makes the logits itself, a chunk of tokens at a time, so
 * a [tokens, vocabulary] tensor never exists (INVARIANTS 19).
 */
final class LossHead {
  private LossHead() {}

  /**
   * Forward only.
   *
   * @param rows hidden states of the scored tokens, [tokens, H]
   * @param outputWeight [V, H]; the loss is computed in f32 whatever its type
   * @param kernel an operation of {@link io.github.tppo.kernels.Kernels} behind an output layer
   * @return what the kernel returns
   */
  static <S> S forward(Tensor rows, Tensor outputWeight, Function<OutputLayer, S> kernel) {
    return kernel.apply(layer(rows, outputWeight));
  }

  /**
   * Forward and backward: gradients are added to those of the trunk's parameters and of the output matrix, where
   * these are trained.
   *
   * @param rows hidden states of the scored tokens with their autograd history, [tokens, H]
   */
  static <S> S backward(Tensor rows, Tensor outputWeight, Function<OutputLayer, S> kernel) {
    Tensor rowsGradient = Tensors.empty(ScalarType.Float, rows.size(0), rows.size(1));
    // The kernel adds to the gradient where it lies; where the matrix is the embedding too, autograd then adds that share.
    NativeArray weightGradient = outputWeight.requires_grad() ? Tensors.view(Autograd.gradient(outputWeight)) : null;
    S result = kernel.apply(layer(rows, outputWeight).withGradients(Tensors.view(rowsGradient), weightGradient));
    Autograd.backward(rows, rowsGradient);
    return result;
  }

  private static OutputLayer layer(Tensor rows, Tensor outputWeight) {
    Tensor weight = outputWeight.detach().to(ScalarType.Float); // itself, but where a frozen base model is stored in less
    return OutputLayer.of(Tensors.view(rows), rows.size(1), Tensors.view(weight));
  }
}
