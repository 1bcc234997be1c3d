// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

import io.github.tppo.kernels.internal.Tppo;

/** Turns the status of a native call into an exception. */
final class Status {

  private Status() {}

  /**
   * Returns when the call succeeded.
   *
   * @param status what the native call returned
   * @throws IllegalArgumentException an argument is wrong
   * @throws UnsupportedOperationException not offered by this build, device or element type
   * @throws CudaException the CUDA runtime reported an error
   * @throws OutOfMemoryError host or device memory is exhausted
   * @throws IllegalStateException a defect of the native library
   */
  static void check(int status) {
    if (status == Tppo.TPPO_OK) {
      return;
    }
    String message = Tppo.tppo_last_error().getString();
    switch (status) {
      case Tppo.TPPO_INVALID_ARGUMENT -> throw new IllegalArgumentException(message);
      case Tppo.TPPO_UNSUPPORTED -> throw new UnsupportedOperationException(message);
      case Tppo.TPPO_CUDA_ERROR -> throw new CudaException(message);
      case Tppo.TPPO_OUT_OF_MEMORY -> throw new OutOfMemoryError(message);
      default -> throw new IllegalStateException("native status " + status + ": " + message);
    }
  }
}
