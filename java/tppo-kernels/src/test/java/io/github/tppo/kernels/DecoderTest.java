// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.bytedeco.javacpp.FloatPointer;
import org.junit.jupiter.api.Test;

/** The Java side of the decoder: what it computes is tested against float64 in the native tests. */
class DecoderTest {

  static final int VOCAB = 37;
  private static final int HIDDEN = 16;
  private static final int INNER = 20;
  private static final int RANK = 3;
  private static final double[] FREQUENCIES = {1, 0.1, 0.01};
  static final DecoderShape SHAPE =
      new DecoderShape(HIDDEN, INNER, 2, 4, 2, 6, VOCAB, 1e-5, FREQUENCIES, new int[] {0, 5});

  private final Random random = new Random(3);

  private NativeArray weights(long length) {
    float[] values = new float[(int) length];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) (0.4 * random.nextGaussian());
    }
    return NativeArray.ofFloats(values);
  }

  private DecoderLayer layer() {
    return new DecoderLayer(weights(HIDDEN), projection(24, HIDDEN), projection(12, HIDDEN), projection(12, HIDDEN),
        projection(HIDDEN, 24), weights(HIDDEN), projection(INNER, HIDDEN), projection(INNER, HIDDEN),
        projection(HIDDEN, INNER));
  }

  private DecoderProjection projection(int out, int in) {
    return DecoderProjection.of(weights((long) out * in)).withBias(weights(out))
        .withLora(weights((long) RANK * in), weights((long) out * RANK), 0.5);
  }

  DecoderWeights model() {
    return new DecoderWeights(SHAPE, weights(VOCAB * HIDDEN), List.of(layer(), layer()), weights(HIDDEN),
        weights(VOCAB * HIDDEN));
  }

  /** Logits of the last position of each sequence, all in one call. */
  static float[] lastLogits(DecoderWeights model, DecoderCache cache, int[]... sequences) {
    DecoderRows rows = new DecoderRows(100);
    for (int slot = 0; slot < sequences.length; slot++) {
      for (int t = 0; t < sequences[slot].length; t++) {
        rows.add(sequences[slot][t], slot, t, t == sequences[slot].length - 1);
      }
    }
    NativeArray logits = NativeArray.allocate(DType.F32, (long) rows.outputs() * VOCAB);
    Kernels.decoderForward(model, cache, rows, logits, null);
    return logits.toFloats();
  }

  @Test
  void sequencesHaveTheSameBitsAloneAndTogether() {
    DecoderWeights model = model();
    int[] first = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    int[] second = {36, 0, 36};
    try (DecoderCache cache = new DecoderCache(SHAPE, 2, 9); DecoderCache other = new DecoderCache(SHAPE, 5, 30)) {
      float[] together = lastLogits(model, cache, first, second);
      assertArrayEquals(Arrays.copyOf(together, VOCAB), lastLogits(model, other, first));
      assertArrayEquals(Arrays.copyOfRange(together, VOCAB, 2 * VOCAB), lastLogits(model, other, second));
      assertTrue(together[0] != together[VOCAB]);
    }
  }

  @Test
  void aCopiedPromptIsGoneOnFrom() {
    DecoderWeights model = model();
    try (DecoderCache cache = new DecoderCache(SHAPE, 3, 8); DecoderCache other = new DecoderCache(SHAPE, 1, 8)) {
      lastLogits(model, cache, new int[] {4, 5, 6});
      cache.copySlot(0, 2, 3);
      DecoderRows rows = new DecoderRows(1);
      assertEquals(0, rows.add(9, 2, 3, true));
      NativeArray logits = NativeArray.allocate(DType.F32, VOCAB + 5);
      NativeArray hidden = NativeArray.allocate(DType.F32, HIDDEN);
      Kernels.decoderForward(model, cache, rows, logits, hidden);
      assertArrayEquals(lastLogits(model, other, new int[] {4, 5, 6, 9}), Arrays.copyOf(logits.toFloats(), VOCAB));
      assertTrue(hidden.toFloats()[0] != 0);
    }
  }

  @Test
  void weightsThatChangeAreReadAnew() {
    NativeArray embedding = weights(VOCAB * HIDDEN);
    DecoderWeights model =
        new DecoderWeights(SHAPE, embedding, List.of(layer(), layer()), weights(HIDDEN), embedding);
    try (DecoderCache cache = new DecoderCache(SHAPE, 1, 4)) {
      float[] before = lastLogits(model, cache, new int[] {1, 2});
      embedding.buffer().putFloat(4 * (2 * HIDDEN), 3f);
      float[] after = lastLogits(model, cache, new int[] {1, 2});
      assertTrue(before[0] != after[0]);
    }
  }

  private static void refused(String part, Runnable call) {
    String message = assertThrows(IllegalArgumentException.class, call::run).getMessage();
    assertTrue(message.contains(part), message);
  }

  @Test
  void weightsOfTheWrongSizeOrTypeAreRefused() {
    NativeArray table = weights(VOCAB * HIDDEN);
    List<DecoderLayer> layers = List.of(layer(), layer());
    NativeArray norm = weights(HIDDEN);
    refused("shape is null", () -> new DecoderWeights(null, table, layers, norm, table));
    refused("embedding is null", () -> new DecoderWeights(SHAPE, null, layers, norm, table));
    refused("embedding must have 592", () -> new DecoderWeights(SHAPE, weights(5), layers, norm, table));
    refused("embedding must be F32, BF16 or F16",
        () -> new DecoderWeights(SHAPE, NativeArray.allocate(DType.I32, VOCAB * HIDDEN), layers, norm, table));
    refused("decoderLayers must be 2", () -> new DecoderWeights(SHAPE, table, List.of(layer()), norm, table));
    refused("finalNorm must have 16", () -> new DecoderWeights(SHAPE, table, layers, weights(15), table));
    refused("outputWeight is null", () -> new DecoderWeights(SHAPE, table, layers, norm, null));
    refused("outputWeight must be F32", () -> new DecoderWeights(
        SHAPE, table, layers, norm, NativeArray.allocate(DType.BF16, VOCAB * HIDDEN)));
    List<DecoderProjection> wrong = new ArrayList<>();
    DecoderProjection good = projection(12, HIDDEN);
    wrong.add(DecoderProjection.of(weights(12 * HIDDEN - 1)));
    wrong.add(good.withBias(weights(11)));
    wrong.add(good.withLora(weights(RANK * HIDDEN + 1), weights(12 * RANK), 1));
    wrong.add(good.withLora(weights(RANK * HIDDEN), weights(12 * RANK + 12), 1));
    wrong.add(good.withLora(weights(0), weights(0), 1));
    List<String> parts = List.of("weight must have 192", "bias must have 12", "loraA must have 48", "loraB must have 36",
        "loraA must have 16");
    for (int i = 0; i < wrong.size(); i++) {
      DecoderLayer l = layer();
      DecoderLayer bad = new DecoderLayer(l.attentionNorm(), l.query(), wrong.get(i), l.value(), l.output(),
          l.mlpNorm(), l.gate(), l.up(), l.down());
      refused("layer 1 key " + parts.get(i),
          () -> new DecoderWeights(SHAPE, table, List.of(layer(), bad), norm, table));
    }
    refused("both or neither", () -> good.withLora(weights(3), null, 1));
    refused("loraScale", () -> good.withLora(weights(48), weights(36), Double.NaN));
  }

  @Test
  void shapesAreChecked() {
    int[] windows = {0, 0};
    refused("heads 3 is not a multiple of kvHeads 2",
        () -> new DecoderShape(16, 20, 2, 3, 2, 6, 37, 1e-5, FREQUENCIES, windows));
    refused("headSize must be even", () -> new DecoderShape(16, 20, 2, 4, 2, 5, 37, 1e-5, FREQUENCIES, windows));
    refused("ropeFrequencies", () -> new DecoderShape(16, 20, 2, 4, 2, 8, 37, 1e-5, FREQUENCIES, windows));
    refused("windows", () -> new DecoderShape(16, 20, 3, 4, 2, 6, 37, 1e-5, FREQUENCIES, windows));
    refused("window must not be negative",
        () -> new DecoderShape(16, 20, 2, 4, 2, 6, 37, 1e-5, FREQUENCIES, new int[] {0, -1}));
    refused("vocabSize", () -> new DecoderShape(16, 20, 2, 4, 2, 6, 0, 1e-5, FREQUENCIES, windows));
    refused("rmsNormEps", () -> new DecoderShape(16, 20, 2, 4, 2, 6, 37, Double.NaN, FREQUENCIES, windows));
    assertEquals(SHAPE, new DecoderShape(HIDDEN, INNER, 2, 4, 2, 6, VOCAB, 1e-5, FREQUENCIES.clone(), new int[] {0, 5}));
  }

  @Test
  void rowsThatAreOutOfOrderOrOfPlaceAreRefused() {
    DecoderWeights model = model();
    DecoderRows rows = new DecoderRows(3);
    rows.add(0, 1, 0, false);
    refused("slots must ascend", () -> rows.add(0, 0, 0, false));
    refused("positions must be consecutive", () -> rows.add(0, 1, 2, false));
    rows.add(0, 2, 7, true);
    rows.add(0, 2, 8, true);
    assertThrows(IllegalStateException.class, () -> rows.add(0, 2, 9, true));
    assertEquals(3, rows.size());
    assertEquals(2, rows.outputs());
    NativeArray logits = NativeArray.allocate(DType.F32, VOCAB);
    try (DecoderCache cache = new DecoderCache(SHAPE, 2, 8)) {
      refused("logits must have at least 74", () -> Kernels.decoderForward(model, cache, rows, logits, null));
      refused("hidden must have at least 32", () -> Kernels.decoderForward(model, cache, rows, null, logits.slice(0, 31)));
      refused("slots[1] is 2", () -> Kernels.decoderForward(model, cache, rows, null, null));
      one(rows, 0, 0, 8);
      refused("positions[0] is 8", () -> Kernels.decoderForward(model, cache, rows, logits, null));
      one(rows, VOCAB, 0, 0);
      refused("tokens[0] is 37", () -> Kernels.decoderForward(model, cache, rows, logits, null));
      one(rows, 0, -1, 0);
      refused("slots[0] is -1", () -> Kernels.decoderForward(model, cache, rows, logits, null));
      one(rows, 0, 0, 0);
      refused("logits must be F32", () -> Kernels.decoderForward(
          model, cache, rows, NativeArray.allocate(DType.BF16, VOCAB), null));
      NativeArray elsewhere = NativeArray.of(new FloatPointer(VOCAB), VOCAB, DType.F32, Device.cuda(0));
      refused("on cuda:0, but generation runs on the CPU",
          () -> Kernels.decoderForward(model, cache, rows, elsewhere, null));
      refused("null", () -> Kernels.decoderForward(null, cache, rows, logits, null));
      refused("null", () -> Kernels.decoderForward(model, null, rows, logits, null));
      refused("null", () -> Kernels.decoderForward(model, cache, null, logits, null));
      Kernels.decoderForward(model, cache, rows, logits, null);
    }
  }

  private static void one(DecoderRows rows, int token, int slot, int position) {
    rows.clear();
    rows.add(token, slot, position, true);
  }

  @Test
  void cachesAreCheckedAndClosedOnce() {
    DecoderWeights model = model();
    refused("slots", () -> new DecoderCache(SHAPE, 0, 8));
    refused("capacity", () -> new DecoderCache(SHAPE, 1, 0));
    refused("take 8.", () -> new DecoderCache(SHAPE, Integer.MAX_VALUE, Integer.MAX_VALUE));
    DecoderShape other = new DecoderShape(HIDDEN, INNER, 2, 4, 1, 6, VOCAB, 1e-5, FREQUENCIES, new int[] {0, 5});
    DecoderRows rows = new DecoderRows(1);
    try (DecoderCache cache = new DecoderCache(other, 1, 8)) {
      refused("the cache was made for", () -> Kernels.decoderForward(model, cache, rows, null, null));
    }
    DecoderCache cache = new DecoderCache(SHAPE, 2, 8);
    refused("from is 2", () -> cache.copySlot(2, 0, 1));
    refused("to is -1", () -> cache.copySlot(0, -1, 1));
    refused("positions is 9", () -> cache.copySlot(0, 1, 9));
    assertEquals(2 * 2 * 2 * 6 * 2 * 8 * 4, DecoderCache.bytes(SHAPE, 2, 8));
    cache.close();
    assertThrows(IllegalStateException.class, cache::close);
    assertThrows(IllegalStateException.class, () -> cache.copySlot(0, 1, 1));
    assertThrows(IllegalStateException.class, () -> Kernels.decoderForward(model, cache, rows, null, null));
  }
}
