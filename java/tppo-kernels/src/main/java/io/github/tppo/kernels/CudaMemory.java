// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

import io.github.tppo.kernels.internal.Tppo;
import java.util.concurrent.atomic.AtomicBoolean;
import org.bytedeco.javacpp.Pointer;

/** Memory of a CUDA device, freed by {@link #close}. Closing twice is an error. */
public final class CudaMemory implements AutoCloseable {

  private final NativeArray array;
  private final Pointer pointer;
  private final AtomicBoolean closed = new AtomicBoolean();

  private CudaMemory(NativeArray array, Pointer pointer) {
    this.array = array;
    this.pointer = pointer;
  }

  /**
   * Allocates memory; its contents are undefined.
   *
   * @param device a CUDA device
   * @param dtype element type
   * @param length elements
   * @throws CudaException no such device, or the allocation failed
   * @throws OutOfMemoryError the device's memory is exhausted
   */
  public static CudaMemory allocate(Device device, DType dtype, long length) {
    Checks.require(device != null && device.isCuda(), "device must be a CUDA device, is " + device);
    Checks.require(dtype != null, "dtype is null");
    Checks.require(length >= 0, "length is negative: " + length);
    NativeLibrary.load();
    // At least one byte: the API does not promise an address for none.
    long bytes = Math.max(1, Checks.product(length, dtype.bytes()));
    Pointer address = new Pointer();
    Status.check(Tppo.tppo_cuda_alloc(device.index(), bytes, address));
    CudaMemory memory = new CudaMemory(NativeArray.of(address, length, dtype, device), address);
    LeakReport.opened(memory, "CUDA memory", bytes);
    return memory;
  }

  /** Copies an array of the CPU to a new one on {@code device}. */
  public static CudaMemory copyOf(NativeArray source, Device device) {
    Checks.require(source != null, "source is null");
    CudaMemory memory = allocate(device, source.dtype(), source.length());
    memory.upload(source);
    return memory;
  }

  /** Returns the view to pass to kernels; not to be used after {@link #close}. */
  public NativeArray array() {
    Checks.require(!closed.get(), "memory is closed");
    return array;
  }

  /** Copies an array of the CPU, of the same type and length, to the device. */
  public void upload(NativeArray source) {
    checkHost(source);
    Status.check(Tppo.tppo_cuda_upload(
        array.device().index(), array().pointer(), source.pointer(), bytes(), null));
  }

  /** Copies to an array of the CPU of the same type and length, after waiting for the default stream. */
  public void download(NativeArray destination) {
    checkHost(destination);
    Status.check(Tppo.tppo_cuda_download(
        array.device().index(), destination.pointer(), array().pointer(), bytes(), null));
  }

  @Override
  public void close() {
    if (!closed.compareAndSet(false, true)) {
      throw new IllegalStateException("memory is closed already");
    }
    LeakReport.closed(this);
    Status.check(Tppo.tppo_cuda_free(array.device().index(), pointer));
    pointer.setNull(); // views taken before are known as freed
  }

  private long bytes() {
    return array.length() * array.dtype().bytes();
  }

  private void checkHost(NativeArray host) {
    Checks.require(host != null, "array is null");
    Checks.require(!host.device().isCuda(), "array is on " + host.device() + ", must be on the CPU");
    Checks.require(host.dtype() == array.dtype() && host.length() == array.length(),
        "array is " + host + ", must match " + array);
  }
}
