// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

/** Argument checks of this package. */
final class Checks {

    private Checks() {}

    static void require(boolean condition, String message) {
        if (!condition) {
            throw new IllegalArgumentException(message);
        }
    }
}
