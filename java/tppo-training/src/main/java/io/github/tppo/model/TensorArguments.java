// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import java.util.Arrays;
import java.util.Map;
import java.util.Objects;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Checks of the tensors that callers bring, so that what is wrong with one is said here and not found out by libtorch. */
@SuppressWarnings("try") // scopes are opened for what their closing frees
final class TensorArguments {

  private TensorArguments() {
  }

  /**
   * Requires a tensor with memory: not null, freed, undefined, sparse, or of a device that stores nothing.
   *
   * @throws IllegalStateException when it has been freed
   */
  static Tensor require(String name, Tensor tensor) {
    Objects.requireNonNull(tensor, name);
    if (tensor.isNull()) {
      throw new IllegalStateException(name + " is a tensor that has been freed");
    }
    if (!tensor.defined()) {
      throw new IllegalArgumentException(name + " is an undefined tensor");
    }
    if (!(tensor.is_cpu() || tensor.is_cuda()) || tensor.layout().intern() != torch.Layout.Strided) {
      try (Scope scope = Scope.open()) {
        throw new IllegalArgumentException(name + " must be a dense tensor on the CPU or a CUDA device, is "
            + tensor.layout().intern() + " on " + tensor.device().str().getString());
      }
    }
    return tensor;
  }

  /** {@link #require} for all, by their names in the map. */
  static void requireAll(String name, Map<String, Tensor> tensors) {
    Objects.requireNonNull(tensors, name);
    tensors.forEach((key, tensor) -> require(name + " \"" + Objects.requireNonNull(key, () -> "a name of " + name) + "\"", tensor));
  }

  /** Requires i64 ids of [B, T], not empty, each below {@code limit}. */
  static void requireIds(String name, Tensor ids, long limit) {
    require(name, ids);
    if (ids.dim() != 2 || ids.numel() == 0 || ids.scalar_type().intern() != ScalarType.Long) {
      throw new IllegalArgumentException(name + " must be i64 [B, T] and not empty, are " + text(ids));
    }
    for (long id : Tensors.toLongs(ids)) {
      if (id < 0 || id >= limit) {
        throw new IllegalArgumentException(name + " hold " + id + ", outside the vocabulary of " + limit);
      }
    }
  }

  /** Requires an i64 tensor of the shape of the ids; null is allowed. */
  static void requireLike(String name, Tensor tensor, Tensor ids) {
    if (tensor == null) {
      return;
    }
    require(name, tensor);
    if (tensor.scalar_type().intern() != ScalarType.Long || !Arrays.equals(Tensors.shape(tensor), Tensors.shape(ids))) {
      throw new IllegalArgumentException(name + " must be i64 " + Arrays.toString(Tensors.shape(ids)) + " like inputIds, is "
          + text(tensor));
    }
  }

  /** Requires floats [..., size]. */
  static void requireRows(String name, Tensor tensor, long size) {
    require(name, tensor);
    if (!tensor.is_floating_point() || tensor.dim() < 1 || tensor.size(-1) != size) {
      throw new IllegalArgumentException(name + " must be floats [..., " + size + "], is " + text(tensor));
    }
  }

  static String text(Tensor tensor) {
    return tensor.scalar_type().intern() + " " + Arrays.toString(Tensors.shape(tensor));
  }
}
