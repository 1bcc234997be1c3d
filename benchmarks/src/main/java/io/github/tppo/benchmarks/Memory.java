// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.benchmarks;

import io.github.tppo.kernels.DType;
import io.github.tppo.kernels.NativeArray;
import org.bytedeco.javacpp.Pointer;

/** Zeroed native memory on huge pages, of any size, freed by the garbage collector. */
final class Memory extends Pointer {

  private Memory(long bytes) {
    super(NativeLoops.loops_allocate(bytes));
    if (isNull()) {
      throw new OutOfMemoryError("no " + bytes + " bytes of native memory");
    }
    deallocator(new Free(this));
  }

  static NativeArray allocate(DType dtype, long length) {
    return NativeArray.of(new Memory(length * dtype.bytes()), length, dtype);
  }

  /** Copies native memory; both arrays have as many bytes. */
  static void copy(NativeArray from, NativeArray to, int threads) {
    NativeLoops.loops_copy(to.address(), from.address(), from.length() * from.dtype().bytes(), threads);
  }

  private static final class Free extends Pointer implements Deallocator {
    Free(Pointer memory) {
      super(memory);
    }

    @Override
    public void deallocate() {
      NativeLoops.loops_free(this);
      setNull();
    }
  }
}
