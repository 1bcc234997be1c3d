// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Tensor;

/**
 * Cosines and sines of the rotary position embedding for positions 0, 1, ..., computed in double, kept in f32 and grown when a longer
 * sequence comes. With halves a, b of a head's vector the rotation is {@code (a cos - b sin, b cos + a sin)}; the sign of the
 * first half is kept in the sine table, so that a rotation is one shift by half a head and two products.
 */
@SuppressWarnings("try") // scopes are opened for what their closing frees
final class RotaryTable implements AutoCloseable {

  private final double[] frequencies;
  private final int headSize;
  /** Never changed, only replaced by a longer one, so that threads can read while another grows it. */
  private volatile Angles table;
  private final List<Angles> outgrown = new ArrayList<>();

  /** Factors for one batch, each [B, T, 1, d] or [1, T, 1, d]. */
  record Angles(Tensor cosines, Tensor sines) {

    /** Rotates the heads of x [B, T, heads, d]. */
    Tensor rotate(Tensor x) {
      long half = x.size(-1) / 2;
      Tensor swapped = x.roll(new long[] {half}, -1);
      return x.mul(cosines).add_(swapped.mul_(sines));
    }
  }

  RotaryTable(RopeScaling rope, int headSize) {
    this.frequencies = rope.frequencies(headSize);
    this.headSize = headSize;
  }

  /** Angles of the positions 0..T-1, the same for all sequences. */
  Angles upTo(long time) {
    Angles all = ensure(time);
    long[] shape = {1, time, 1, headSize};
    return new Angles(all.cosines.narrow(0, 0, time).view(shape), all.sines.narrow(0, 0, time).view(shape));
  }

  /**
   * Angles of given positions.
   *
   * @param positions i64 [B, T], all below {@code bound}
   */
  Angles at(Tensor positions, long bound) {
    Angles all = ensure(bound);
    long[] shape = {positions.size(0), positions.size(1), 1, headSize};
    Tensor flat = positions.reshape(-1);
    return new Angles(all.cosines.index_select(0, flat).view(shape), all.sines.index_select(0, flat).view(shape));
  }

  private Angles ensure(long bound) {
    Angles known = table;
    return known != null && bound <= known.cosines.size(0) ? known : grow(bound);
  }

  private synchronized Angles grow(long bound) {
    long length = table == null ? 0 : table.cosines.size(0);
    if (bound <= length) {
      return table;
    }
    int grown = Math.toIntExact(Math.max(bound, 2 * length));
    float[] cos = new float[Math.multiplyExact(grown, headSize)];
    float[] sin = new float[cos.length];
    int half = headSize / 2;
    for (int position = 0; position < grown; position++) {
      for (int n = 0; n < half; n++) {
        double angle = position * frequencies[n];
        int first = position * headSize + n;
        cos[first] = cos[first + half] = (float) Math.cos(angle);
        sin[first + half] = (float) Math.sin(angle);
        sin[first] = -sin[first + half];
      }
    }
    try (Scope scope = Scope.noGrad()) {
      if (table != null) {
        outgrown.add(table);
      }
      table = new Angles(Scope.own(Tensors.of(cos, grown, headSize)), Scope.own(Tensors.of(sin, grown, headSize)));
      return table;
    }
  }

  @Override
  public synchronized void close() {
    if (table != null) {
      outgrown.add(table);
    }
    for (Angles angles : outgrown) {
      angles.cosines.close();
      angles.sines.close();
    }
    outgrown.clear();
  }
}
