// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

/**
 * Where an array lies and a kernel runs.
 *
 * @param type main memory or a CUDA device
 * @param index CUDA ordinal; 0 for the CPU
 */
public record Device(Type type, int index) {

  /** The two backends. */
  public enum Type {
    /** Main memory; kernels run on the calling thread and the worker threads. */
    CPU,
    /** Memory of a CUDA device; kernels run on the stream given by the caller. */
    CUDA
  }

  /** Main memory. */
  public static final Device CPU = new Device(Type.CPU, 0);

  public Device {
    if (type == null) {
      throw new IllegalArgumentException("device type is null");
    }
    if (index < 0 || (type == Type.CPU && index != 0)) {
      throw new IllegalArgumentException("device index " + index + " is not valid for " + type);
    }
  }

  /**
   * Names a CUDA device.
   *
   * @param index ordinal as {@code nvidia-smi} and libtorch count, at least 0
   */
  public static Device cuda(int index) {
    return new Device(Type.CUDA, index);
  }

  /** Returns true when this is a CUDA device. */
  public boolean isCuda() {
    return type == Type.CUDA;
  }

  @Override
  public String toString() {
    return type == Type.CPU ? "cpu" : "cuda:" + index;
  }
}
