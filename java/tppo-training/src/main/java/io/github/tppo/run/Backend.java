// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.run;

/** Where to compute: {@code AUTO} takes a CUDA device when one is there and the native library can use it. */
public enum Backend {
  AUTO, CPU, CUDA
}
