// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import java.util.HashMap;
import java.util.Map;
import org.bytedeco.pytorch.DoubleOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Longformer's attention for one batch: a token sees the real tokens at most w away and all global tokens, each once, in one
 * softmax; global tokens see everything.
 *
 * <p>The sequence is cut into pieces of w; the queries of a piece meet the keys of it and its two neighbours, 3w in all, and those of
 * the global tokens. Time and memory grow with T * (3w + globals). A sequence of at most 4w is computed in one piece,
 * which is no more work and saves the copies of keys.
 *
 * <p>Made once for a batch and used by all layers. Its masks belong to the scope in which it is made.
 */
@SuppressWarnings("try") // scopes are opened for what their closing frees
final class SlidingWindow {

  private static final int ONE_PIECE = 4;

  private final long batch;
  private final long time;
  private final boolean alwaysCut;
  /** 1 at real tokens, [B, T] of bool. */
  private final Tensor real;
  /** 1 at global tokens, [B, T] of bool; null when there is none. */
  private final Tensor global;
  /** Row b * T + t of each global token, filled up to G in every sequence; i64 [B * G]. */
  private Tensor globalRows;
  /** Bias 0 at global tokens, -inf where a sequence has fewer than G; [B, 1, 1, G]. */
  private Tensor globalBias;
  /** Which of the B * G places hold a token, and the row of each. */
  private Tensor placesUsed;
  private Tensor rowsUsed;
  private int globals;
  /** What is added to the scores of {@link #local}, by w. */
  private final Map<Integer, Tensor> biases = new HashMap<>();
  private final Tensor realBias;

  /**
   * Prepares the masks of a batch.
   *
   * @param attention 1 at real tokens, B * T values
   * @param globalMask 1 at tokens with global attention, or null
   * @param sides w of each layer
   * @param alwaysCut cut short sequences too, to test that it makes no difference
   */
  SlidingWindow(long[] attention, long[] globalMask, long batch, long time, int[] sides, boolean alwaysCut) {
    this.batch = batch;
    this.time = time;
    this.alwaysCut = alwaysCut;
    real = Tensors.of(attention, batch, time).ne(new Scalar(0));
    boolean[] isGlobal = new boolean[attention.length];
    int[] counts = new int[(int) batch];
    int total = 0;
    for (int row = 0; row < attention.length; row++) {
      isGlobal[row] = globalMask != null && globalMask[row] != 0 && attention[row] != 0;
      if (isGlobal[row]) {
        int count = ++counts[(int) (row / time)];
        globals = Math.max(globals, count);
        total++;
      }
    }
    global = globals == 0 ? null : placeGlobals(isGlobal, total);
    for (int side : sides) {
      if (!biases.containsKey(side)) {
        biases.put(side, biasFor(side));
      }
    }
    realBias = hasGlobals() ? DecoderMasks.toBias(real.unsqueeze(1).unsqueeze(1)) : null;
  }

  private Tensor biasFor(int side) {
    try (Scope scope = Scope.noGrad()) {
      return scope.keep(inOnePiece(side) ? wholeBias(side) : cutBias(side));
    }
  }

  private Tensor placeGlobals(boolean[] isGlobal, int total) {
    long[] flags = new long[isGlobal.length];
    long[] rows = new long[(int) (batch * globals)];
    float[] bias = new float[rows.length];
    long[] used = new long[total];
    long[] usedRows = new long[total];
    int n = 0;
    for (int b = 0; b < batch; b++) {
      int place = b * globals;
      for (int t = 0; t < time; t++) {
        int row = (int) (b * time + t);
        if (isGlobal[row]) {
          flags[row] = 1;
          used[n] = place;
          usedRows[n++] = row;
          rows[place++] = row;
        }
      }
      for (; place < (b + 1) * globals; place++) {
        rows[place] = b * time;
        bias[place] = Float.NEGATIVE_INFINITY;
      }
    }
    globalRows = Tensors.of(rows, rows.length);
    globalBias = Tensors.of(bias, batch, 1, 1, globals);
    placesUsed = Tensors.of(used, total);
    rowsUsed = Tensors.of(usedRows, total);
    return Tensors.of(flags, batch, time).ne(new Scalar(0));
  }

  /** Whether any token of the batch is global. */
  boolean hasGlobals() {
    return globals > 0;
  }

  /** Rows of global tokens out of x [B, T, H], as [B, G, H]; where a sequence has fewer, its first row fills up. */
  Tensor gatherGlobals(Tensor x) {
    return x.reshape(-1, x.size(2)).index_select(0, globalRows).view(batch, globals, x.size(2));
  }

  /** 1 at real tokens and 0 at padding, f32 [B, T, 1]. */
  Tensor realAsFloat() {
    return real.to(ScalarType.Float).unsqueeze(2);
  }

  /**
   * Attention of all tokens with the window's rule; rows of global tokens are to be replaced.
   *
   * @param query [B, T, h, d], as key and value
   * @param side w: how far a token sees on either side
   * @return [B, T, h * d]
   */
  Tensor local(Tensor query, Tensor key, Tensor value, int side) {
    long width = query.size(2) * query.size(3);
    Tensor bias = biases.get(side);
    if (inOnePiece(side)) {
      return attend(query, key, value, bias).reshape(batch, time, width);
    }
    long pieces = pieces(side);
    long rest = pieces * side - time;
    Tensor queries = padTime(query, 0, rest).reshape(batch * pieces, side, query.size(2), query.size(3));
    Tensor out = attend(queries, neighbours(key, side), neighbours(value, side), bias);
    return out.reshape(batch, pieces * side, width).narrow(1, 0, time);
  }

  /** How many tokens a sequence has at most that are global. */
  int globals() {
    return globals;
  }

  /** What is added to the scores of global queries: 0 at real tokens, -inf at padding; [B, 1, 1, T]. */
  Tensor realBias() {
    return realBias;
  }

  /**
   * Replaces the rows of global tokens.
   *
   * @param out [B, T, H], from {@link #local}
   * @param rows what to put there, [B, G, H], in the order of {@link #gatherGlobals}
   */
  Tensor replaceGlobals(Tensor out, Tensor rows) {
    long width = out.size(2);
    Tensor used = rows.reshape(-1, width).index_select(0, placesUsed);
    return out.reshape(-1, width).index_copy(0, rowsUsed, used).view(batch, time, width);
  }

  /** Softmax attention; query [B, N, h, d], key and value [B, M, h, d], bias broadcast to [B, h, N, M]; result as query. */
  static Tensor attend(Tensor query, Tensor key, Tensor value, Tensor bias) {
    double scale = 1 / Math.sqrt(query.size(3));
    return torch.scaled_dot_product_attention(query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2),
        new TensorOptional(bias), 0.0, false, new DoubleOptional(scale), false).transpose(1, 2);
  }

  private boolean inOnePiece(int side) {
    return !alwaysCut && time <= (long) ONE_PIECE * side;
  }

  private long pieces(int side) {
    return (time + side - 1) / side;
  }

  /** The keys that each piece meets, [B, T, h, d] to [B * pieces, 3w + G, h, d]. */
  private Tensor neighbours(Tensor x, int side) {
    long pieces = pieces(side);
    long heads = x.size(2);
    long size = x.size(3);
    Tensor padded = padTime(x, side, pieces * side - time + side);
    TensorVector parts = new TensorVector();
    for (int shift = 0; shift < 3; shift++) {
      parts.push_back(padded.narrow(1, (long) shift * side, pieces * side).reshape(batch, pieces, side, heads, size));
    }
    if (hasGlobals()) {
      Tensor chosen = gatherGlobals(x.reshape(batch, time, heads * size)).view(batch, 1, globals, heads, size);
      parts.push_back(chosen.expand(batch, pieces, globals, heads, size));
    }
    return torch.cat(parts, 2).view(batch * pieces, 3L * side + globals, heads, size);
  }

  private static Tensor padTime(Tensor x, long before, long after) {
    return torch.constant_pad_nd(x, new long[] {0, 0, 0, 0, before, after}, new Scalar(0));
  }

  /** Bias of a sequence in one piece, [B, 1, T, T]. */
  private Tensor wholeBias(int side) {
    Tensor distance = distances(time, time, 0);
    Tensor allowed = distance.abs().le(new Scalar(side)).unsqueeze(0);
    if (hasGlobals()) {
      allowed = allowed.logical_or(global.unsqueeze(1));
    }
    Tensor padding = real.logical_not().unsqueeze(1);
    allowed = allowed.logical_and(real.unsqueeze(1)).logical_or(distance.eq(new Scalar(0)).unsqueeze(0).logical_and(padding));
    return DecoderMasks.toBias(allowed.unsqueeze(1));
  }

  /** Bias of the cut sequence, [B * pieces, 1, w, 3w + G]; padding sees itself, so that no softmax is empty. */
  private Tensor cutBias(int side) {
    long pieces = pieces(side);
    Tensor distance = distances(side, 3L * side, side);
    Tensor band = distance.abs().le(new Scalar(side));
    Tensor self = distance.eq(new Scalar(0));
    Tensor ordinary = hasGlobals() ? real.logical_and(global.logical_not()) : real;
    Tensor padding = real.logical_not();
    Tensor allowed = band.logical_and(keysOf(ordinary, side, false)).logical_or(self.logical_and(keysOf(padding, side, true)));
    Tensor bias = DecoderMasks.toBias(allowed.reshape(batch * pieces, 1, side, 3L * side));
    if (!hasGlobals()) {
      return bias;
    }
    Tensor columns = globalBias.unsqueeze(1).expand(batch, pieces, 1, side, globals).reshape(batch * pieces, 1, side, globals);
    return torch.cat(new TensorVector(bias, columns), 3);
  }

  /** A flag of the tokens as seen by each piece, [B, T] to [B, pieces, 1, 3w]. */
  private Tensor keysOf(Tensor flag, int side, boolean beyond) {
    long rest = pieces(side) * side - time;
    Tensor padded = torch.constant_pad_nd(flag.to(ScalarType.Float), new long[] {side, side + rest}, new Scalar(beyond ? 1 : 0));
    return padded.unfold(1, 3L * side, side).unsqueeze(2).ne(new Scalar(0));
  }

  /** Key index minus query index, [queries, keys], where key {@code offset} is query 0. */
  private static Tensor distances(long queries, long keys, long offset) {
    TensorOptions integers = new TensorOptions(ScalarType.Long);
    Tensor from = torch.arange(new Scalar(queries), integers).add(new Scalar(offset)).unsqueeze(1);
    return torch.arange(new Scalar(keys), integers).unsqueeze(0).sub(from);
  }
}
