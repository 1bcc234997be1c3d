// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

/** A CUDA call failed, or no CUDA device can be used; the message says which call and why. */
public final class CudaException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  /**
   * Creates the exception.
   *
   * @param message what failed, as the native library reports it
   */
  public CudaException(String message) {
    super(message);
  }
}
