// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.benchmarks;

import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.annotation.Cast;
import org.bytedeco.javacpp.annotation.Platform;

/** Binding of {@code loops.h}: memory streams and plain C loops. Addresses are numbers; nothing is checked. */
@Platform(include = "loops.h")
final class NativeLoops {

  static {
    Loader.load();
  }

  private NativeLoops() {}

  static native Pointer loops_allocate(long bytes);

  static native void loops_free(Pointer memory);

  /** Returns seconds per repeat. */
  static native double loops_scale(@Cast("float*") long x, float factor, long count, int threads, int repeats);

  /** Returns seconds per repeat. */
  static native double loops_gae_stream(@Cast("const float*") long rewards, @Cast("const float*") long values,
      @Cast("const uint8_t*") long mask, @Cast("float*") long advantages, @Cast("float*") long returns,
      long count, int threads, int repeats);

  /** Returns seconds. */
  static native double loops_read(@Cast("const void*") long memory, long words, int threads);

  static native void loops_copy(@Cast("void*") long destination, @Cast("const void*") long source, long bytes,
      int threads);

  static native void loops_gae(@Cast("const float*") long rewards, @Cast("const float*") long values,
      @Cast("const uint8_t*") long mask, @Cast("float*") long advantages, @Cast("float*") long returns,
      long sequences, long length, float gamma, float lambda);

  static native double loops_policy_loss(@Cast("float*") long logits, @Cast("const int64_t*") long targets,
      @Cast("const float*") long oldLogprobs, @Cast("const float*") long advantages, long tokens, long vocab);
}
