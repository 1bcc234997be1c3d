// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.consumer;

import io.github.tppo.kernels.DType;
import io.github.tppo.kernels.GaeOptions;
import io.github.tppo.kernels.KernelInfo;
import io.github.tppo.kernels.Kernels;
import io.github.tppo.kernels.NativeArray;
import io.github.tppo.kernels.TokenLayout;

/** Calls a kernel as a user would and prints what came out, one fact a line. */
public final class Consumer {

  private Consumer() {}

  /**
   * Prints the advantages of two responses and what the native library is.
   *
   * @param args none
   */
  public static void main(String[] args) {
    TokenLayout layout = TokenLayout.padded(2, 3).withMask(NativeArray.ofMask(true, true, true, true, true, false));
    NativeArray rewards = NativeArray.ofFloats(0, 1, 2, 0, 1, Float.NaN);
    NativeArray values = NativeArray.ofFloats(0.5f, 0.5f, 1, 0.2f, 0.4f, Float.NaN);
    NativeArray advantages = NativeArray.allocate(DType.F32, 6);
    NativeArray returns = NativeArray.allocate(DType.F32, 6);
    Kernels.gae(layout, rewards, values, GaeOptions.defaults().withLambda(0.95), advantages, returns);
    KernelInfo info = KernelInfo.query();
    System.out.println("variant=" + info.variant());
    System.out.println("file=" + info.file());
    System.out.println("devices=" + info.cudaDevices().size());
    System.out.println("reason=" + info.cudaUnavailableReason());
    System.out.print("advantages=");
    for (float advantage : advantages.toFloats()) {
      System.out.print(advantage + " ");
    }
    System.out.println();
  }
}
