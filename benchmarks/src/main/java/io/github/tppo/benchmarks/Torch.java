// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.benchmarks;

import io.github.tppo.kernels.DType;
import io.github.tppo.kernels.NativeArray;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Short forms of what the libtorch baselines need. */
final class Torch {

  private Torch() {}

  /** Views the memory of an array, which must outlive the tensor. */
  static Tensor view(NativeArray array, long... shape) {
    return torch.from_blob(new Address(array.address()), shape, new TensorOptions(type(array.dtype())));
  }

  /** Views the memory of an array as a tensor that collects a gradient. */
  static Tensor leaf(NativeArray array, long... shape) {
    return view(array, shape).requires_grad_(true);
  }

  static Tensor clamp(Tensor x, double low, double high) {
    return torch.clamp(x, new ScalarOptional(new Scalar(low)), new ScalarOptional(new Scalar(high)));
  }

  static Tensor times(Tensor x, double factor) {
    return x.mul(new Scalar(factor));
  }

  static Tensor plus(Tensor x, double term) {
    return x.add(new Scalar(term));
  }

  /** Copies the elements, whatever their type, into a Java array. */
  static float[] toFloats(Tensor tensor) {
    try (Tensor copy = tensor.detach().to(ScalarType.Float).contiguous()) {
      return NativeArray.of(copy.data_ptr(), copy.numel(), DType.F32).toFloats();
    }
  }

  /** Takes the gradient off a leaf, so that the next backward pass starts anew; returns its elements. */
  static float[] takeGradient(Tensor leaf) {
    float[] gradient = toFloats(leaf.grad());
    leaf.mutable_grad().reset();
    return gradient;
  }

  static ScalarType type(DType dtype) {
    return switch (dtype.name()) {
      case "F32" -> ScalarType.Float;
      case "F64" -> ScalarType.Double;
      case "BF16" -> ScalarType.BFloat16;
      case "F16" -> ScalarType.Half;
      case "I32" -> ScalarType.Int;
      case "I64" -> ScalarType.Long;
      case "U8" -> ScalarType.Byte;
      default -> throw new IllegalArgumentException("libtorch has no type for " + dtype);
    };
  }

  private static final class Address extends Pointer {
    Address(long address) {
      super((Pointer) null);
      this.address = address;
    }
  }
}
