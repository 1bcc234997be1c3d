// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

import io.github.tppo.kernels.internal.Tppo;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.DoublePointer;
import org.bytedeco.javacpp.Pointer;

/** Memory that a call needs besides its arrays: the statistics and the workspace, on the device of the call. */
abstract class Scratch {

  /** More than any operation writes. */
  private static final int MAX_STATS = 64;

  static Scratch of(Device device) {
    return device.isCuda() ? new OnDevice(device) : OnCpu.PER_THREAD.get();
  }

  abstract DoublePointer stats();

  /** Stores a number in the place of the statistics, for an operation that has none. */
  abstract DoublePointer scalar(double value);

  abstract Pointer workspace(long bytes);

  /** Waits for the call and fetches its statistics. */
  abstract void finish(int statsCount);

  /** Frees what is not kept for the next call. */
  abstract void release();

  abstract double[] values();

  /** Kept by each thread and grown as needed, since fresh pages cost more than most calls. */
  private static final class OnCpu extends Scratch {

    static final ThreadLocal<OnCpu> PER_THREAD = ThreadLocal.withInitial(OnCpu::new);

    private final DoublePointer stats = detached(new DoublePointer(MAX_STATS));
    private BytePointer workspace = detached(new BytePointer(0));
    private double[] values = {};

    @Override
    DoublePointer stats() {
      return stats;
    }

    @Override
    DoublePointer scalar(double value) {
      return stats.put(0, value);
    }

    @Override
    Pointer workspace(long bytes) {
      if (bytes > workspace.capacity()) {
        workspace.deallocate();
        workspace = detached(new BytePointer(bytes));
      }
      return bytes == 0 ? null : workspace;
    }

    @Override
    void finish(int statsCount) {
      values = new double[statsCount];
      stats.get(values);
    }

    @Override
    void release() {}

    @Override
    double[] values() {
      return values;
    }

    /** Takes a pointer out of the scope that the caller may have open: this memory outlives it. */
    private static <P extends Pointer> P detached(P pointer) {
      pointer.retainReference();
      return pointer;
    }
  }

  /** Allocated for one call. */
  private static final class OnDevice extends Scratch {

    private final Device device;
    private final CudaMemory stats;
    private CudaMemory workspace;
    private double[] values = {};

    OnDevice(Device device) {
      this.device = device;
      this.stats = CudaMemory.allocate(device, DType.F64, MAX_STATS);
    }

    @Override
    DoublePointer stats() {
      return new DoublePointer(stats.array().pointer());
    }

    @Override
    DoublePointer scalar(double value) {
      NativeArray host = NativeArray.allocate(DType.F64, MAX_STATS);
      host.buffer().putDouble(0, value);
      stats.upload(host);
      return stats();
    }

    @Override
    Pointer workspace(long bytes) {
      if (bytes == 0) {
        return null;
      }
      workspace = CudaMemory.allocate(device, DType.U8, bytes);
      return workspace.array().pointer();
    }

    @Override
    void finish(int statsCount) {
      values = new double[statsCount];
      if (statsCount == 0) {
        Status.check(Tppo.tppo_cuda_synchronize(device.index(), null));
      } else {
        NativeArray host = NativeArray.allocate(DType.F64, MAX_STATS);
        stats.download(host);
        host.buffer().asDoubleBuffer().get(values);
      }
    }

    @Override
    void release() {
      stats.close();
      if (workspace != null) {
        workspace.close();
      }
    }

    @Override
    double[] values() {
      return values;
    }
  }
}
