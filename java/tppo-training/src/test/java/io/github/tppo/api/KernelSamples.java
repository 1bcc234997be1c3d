// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.api;

import io.github.tppo.kernels.AdamWOptions;
import io.github.tppo.kernels.BalanceMaskOptions;
import io.github.tppo.kernels.DType;
import io.github.tppo.kernels.DecoderCache;
import io.github.tppo.kernels.DecoderLayer;
import io.github.tppo.kernels.DecoderProjection;
import io.github.tppo.kernels.DecoderRows;
import io.github.tppo.kernels.DecoderShape;
import io.github.tppo.kernels.DecoderWeights;
import io.github.tppo.kernels.Device;
import io.github.tppo.kernels.DpoLossOptions;
import io.github.tppo.kernels.DpoLossOutputs;
import io.github.tppo.kernels.GaeOptions;
import io.github.tppo.kernels.Logits;
import io.github.tppo.kernels.NativeArray;
import io.github.tppo.kernels.NllLossOptions;
import io.github.tppo.kernels.NllLossOutputs;
import io.github.tppo.kernels.OutputLayer;
import io.github.tppo.kernels.PolicyLossOptions;
import io.github.tppo.kernels.PolicyLossOutputs;
import io.github.tppo.kernels.RewardModelLossOptions;
import io.github.tppo.kernels.RewardModelLossOutputs;
import io.github.tppo.kernels.SampleTokensOptions;
import io.github.tppo.kernels.ShapeRewardsInputs;
import io.github.tppo.kernels.ShapeRewardsOptions;
import io.github.tppo.kernels.ShapeRewardsOutputs;
import io.github.tppo.kernels.TokenAdvantagesOptions;
import io.github.tppo.kernels.TokenAdvantagesOutputs;
import io.github.tppo.kernels.TokenLayout;
import io.github.tppo.kernels.TokenLogProbsOptions;
import io.github.tppo.kernels.TokenLogProbsOutputs;
import io.github.tppo.kernels.ValueLossOptions;
import io.github.tppo.kernels.ValueLossOutputs;
import io.github.tppo.kernels.WhitenOptions;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.Pointer;

/** Right arguments of the kernels: six tokens in two sequences, a vocabulary of four. */
final class KernelSamples {
  private static final DecoderShape SHAPE = new DecoderShape(4, 6, 1, 2, 1, 2, 5, 1e-5, new double[] {1}, new int[] {0});

  private KernelSamples() {}

  private static NativeArray floats(long length) {
    return NativeArray.allocate(DType.F32, length);
  }

  private static NativeArray ints(long length) {
    return NativeArray.allocate(DType.I32, length);
  }

  private static NativeArray longs(long length) {
    return NativeArray.allocate(DType.I64, length);
  }

  private static NativeArray bytes(long length) {
    return NativeArray.allocate(DType.U8, length);
  }

  private static TokenLayout layout() {
    return new TokenLayout(6, 2, NativeArray.ofMask(true, false, true, true, true, false), NativeArray.ofInts(0, 3, 6), null);
  }

  /** Memory of the element type that is freed while the view is there. */
  private static NativeArray freed(DType dtype, long length) {
    BytePointer memory = new BytePointer(length * dtype.bytes());
    NativeArray view = NativeArray.of(memory, length, dtype);
    memory.deallocate();
    return view;
  }

  private static DecoderProjection projection(long out, long in) {
    return new DecoderProjection(floats(out * in), floats(out), floats(in), floats(out), 1);
  }

  private static DecoderLayer layer() {
    return new DecoderLayer(floats(4), projection(4, 4), projection(2, 4), projection(2, 4), projection(4, 4), floats(4),
        projection(6, 4), projection(6, 4), projection(4, 6));
  }

  private static DecoderRows rows() {
    DecoderRows rows = new DecoderRows(3);
    rows.add(1, 0, 0, true);
    return rows;
  }

  private static ByteBuffer buffer() {
    return ByteBuffer.allocateDirect(32).order(ByteOrder.nativeOrder());
  }

  /** Arrays of the right length in every type and state, and of other lengths in the right one. */
  private static List<?> arrays() {
    List<NativeArray> wrong = new ArrayList<>();
    for (DType dtype : DType.values()) {
      for (long length : new long[] {0, 1, 2, 3, 6, 7, 24}) {
        wrong.add(NativeArray.allocate(dtype, length));
      }
      wrong.add(freed(dtype, 6));
      wrong.add(freed(dtype, 24));
      BytePointer elsewhere = new BytePointer(24L * dtype.bytes());
      wrong.add(NativeArray.of(elsewhere, 6, dtype, Device.cuda(0)));
    }
    wrong.add(NativeArray.ofInts(0, -1, 6));
    wrong.add(NativeArray.ofInts(0, 7, 6));
    wrong.add(NativeArray.ofInts(Integer.MIN_VALUE, 3, Integer.MAX_VALUE));
    wrong.add(NativeArray.ofInts(-1, 3, Integer.MAX_VALUE, Integer.MIN_VALUE, 0, 1));
    wrong.add(NativeArray.ofLongs(-1, 3, Long.MAX_VALUE, Long.MIN_VALUE, 0, 1));
    wrong.add(NativeArray.ofBytes((byte) 2, (byte) -1, (byte) 0, (byte) 1, (byte) 127, (byte) -128));
    wrong.add(NativeArray.ofFloats(Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY, 1e38f, -1e38f, 1e-45f));
    return wrong;
  }

  private static List<?> layouts() {
    return List.of(TokenLayout.flat(0), TokenLayout.flat(6), TokenLayout.padded(0, 5), TokenLayout.padded(3, 0), TokenLayout.padded(1 << 20, 0),
        new TokenLayout(Long.MAX_VALUE, 1, null, null, null), new TokenLayout(Long.MAX_VALUE, Long.MAX_VALUE, null, null, null),
        TokenLayout.packed(6, NativeArray.ofInts(0)), TokenLayout.packed(6, NativeArray.ofInts(0, 4, 2, 6)),
        TokenLayout.packed(0, NativeArray.ofInts(0, 0)), TokenLayout.packed(6, NativeArray.ofInts(0, Integer.MAX_VALUE)),
        TokenLayout.flat(6).withRows(NativeArray.ofInts()), TokenLayout.flat(6).withRows(NativeArray.ofInts(1, 4)),
        TokenLayout.flat(6).withRows(NativeArray.ofInts(4, 1)), TokenLayout.flat(6).withRows(NativeArray.ofInts(-1)),
        TokenLayout.flat(6).withRows(NativeArray.ofInts(6)), layout().withMask(null));
  }

  static Samples create() {
    Samples samples = new Samples();
    List<?> arrays = arrays();
    samples.hostile(NativeArray.class, () -> arrays).hostile(TokenLayout.class, KernelSamples::layouts);
    samples.hostile(Pointer.class, () -> List.of(new Pointer(), new BytePointer(), new FloatPointer(2), new BytePointer(3).position(1)));
    samples.type(NativeArray.class, () -> floats(6)).type(TokenLayout.class, KernelSamples::layout)
        .type(DecoderShape.class, () -> SHAPE).type(DecoderLayer.class, KernelSamples::layer)
        .type(DecoderProjection.class, () -> projection(4, 4)).type(DecoderRows.class, KernelSamples::rows)
        .type(DecoderCache.class, () -> new DecoderCache(SHAPE, 2, 3)).type(Device.class, () -> Device.CPU).type("Object", () -> "a")
        .type(Logits.class, () -> Logits.of(floats(24), 4))
        .type(OutputLayer.class, () -> OutputLayer.of(floats(18), 3, floats(12)).withGradients(floats(18), floats(12)))
        .type(DecoderWeights.class, () -> new DecoderWeights(SHAPE, floats(20), List.of(layer()), floats(4), floats(20)));
    options(samples);
    outputs(samples);
    samples.type("int", () -> 1).type("long", () -> 1L).type("double", () -> 0.5).type("boolean", () -> true).type("String", () -> "auto")
        .type("float[]", () -> new float[] {1, 2}).type("int[]", () -> new int[] {3, 4}).type("long[]", () -> new long[] {5})
        .type("byte[]", () -> new byte[] {1}).type("boolean[]", () -> new boolean[] {true}).type("double[]", () -> new double[] {1})
        .type("List<String>", () -> List.of("a")).type("List<CudaDevice>", List::of).type("List<NativeArray>", () -> List.of(floats(6), floats(3)))
        .type(ByteBuffer.class, KernelSamples::buffer).type("FloatBuffer", () -> buffer().asFloatBuffer())
        .type("IntBuffer", () -> buffer().asIntBuffer()).type("LongBuffer", () -> buffer().asLongBuffer())
        .type("DoubleBuffer", () -> buffer().asDoubleBuffer()).type(Pointer.class, () -> new BytePointer(64));
    operations(samples);
    samples.without("needs a CUDA device", "CudaMemory.*")
        .throwing(IndexOutOfBoundsException.class, "NativeArray.slice").throwing(OutOfMemoryError.class, "DecoderCache.new");
    return samples;
  }

  private static void options(Samples samples) {
    samples.type(AdamWOptions.class, AdamWOptions::defaults).type(BalanceMaskOptions.class, BalanceMaskOptions::defaults)
        .type(DpoLossOptions.class, DpoLossOptions::defaults).type(GaeOptions.class, GaeOptions::defaults)
        .type(NllLossOptions.class, NllLossOptions::defaults).type(PolicyLossOptions.class, PolicyLossOptions::defaults)
        .type(RewardModelLossOptions.class, RewardModelLossOptions::defaults)
        .type(SampleTokensOptions.class, SampleTokensOptions::defaults)
        .type(ShapeRewardsOptions.class, ShapeRewardsOptions::defaults)
        .type(TokenAdvantagesOptions.class, TokenAdvantagesOptions::defaults)
        .type(TokenLogProbsOptions.class, TokenLogProbsOptions::defaults).type(ValueLossOptions.class, ValueLossOptions::defaults)
        .type(WhitenOptions.class, WhitenOptions::defaults)
        .call("PolicyLossOptions.withDualClip", () -> new Object[] {3.0});
  }

  private static PolicyLossOutputs policyOutputs() {
    return new PolicyLossOutputs(floats(6), floats(6), floats(6), floats(6), floats(6), floats(6), null);
  }

  private static DpoLossOutputs dpoOutputs() {
    return new DpoLossOutputs(floats(6), floats(6), floats(6), floats(6), floats(6), floats(6));
  }

  private static ShapeRewardsInputs inputs() {
    return new ShapeRewardsInputs(ints(6), null, ints(6), floats(6), floats(6), floats(2));
  }

  private static void outputs(Samples samples) {
    samples.type(DpoLossOutputs.class, KernelSamples::dpoOutputs)
        .type(NllLossOutputs.class, () -> new NllLossOutputs(floats(6), floats(6), floats(24)))
        .type(PolicyLossOutputs.class, KernelSamples::policyOutputs)
        .type(RewardModelLossOutputs.class,
            () -> new RewardModelLossOutputs(floats(18), floats(6), floats(6), ints(6), floats(2), floats(2)))
        .type(ShapeRewardsInputs.class, KernelSamples::inputs)
        .type(ShapeRewardsOutputs.class, () -> new ShapeRewardsOutputs(floats(6), floats(6), floats(6), floats(6)))
        .type(TokenAdvantagesOutputs.class, () -> TokenAdvantagesOutputs.of(floats(6), floats(6)))
        .type(TokenLogProbsOutputs.class, () -> new TokenLogProbsOutputs(floats(6), floats(6)))
        .type(ValueLossOutputs.class, () -> new ValueLossOutputs(floats(6), floats(6)));
  }

  private static void operations(Samples samples) {
    samples.call("Kernels.scale", () -> new Object[] {floats(6), 0.5})
        .call("Kernels.decoderForward", () -> {
          DecoderWeights weights = new DecoderWeights(SHAPE, floats(20), List.of(layer()), floats(4), floats(20));
          return new Object[] {weights, new DecoderCache(SHAPE, 2, 3), rows(), floats(5), floats(4)};
        })
        .call("Kernels.sampleTokens", () -> new Object[] {floats(24), 6L, 4L, SampleTokensOptions.defaults(),
            NativeArray.allocate(DType.F64, 6), ints(6), floats(6)})
        .call("Kernels.tokenLogProbs", () -> new Object[] {layout(), Logits.of(floats(24), 4), longs(6),
            TokenLogProbsOptions.defaults(), new TokenLogProbsOutputs(floats(6), floats(6))})
        .call("Kernels.policyLoss", () -> new Object[] {layout(), Logits.of(floats(24), 4), longs(6), floats(6), floats(6), floats(6),
            PolicyLossOptions.defaults(), policyOutputs().withGradLogits(floats(24))})
        .call("Kernels.nllLoss", () -> new Object[] {layout(), Logits.of(floats(24), 4), longs(6), floats(6), NllLossOptions.defaults(),
            new NllLossOutputs(floats(6), floats(6), floats(24))})
        .call("Kernels.tokenAdvantages", () -> new Object[] {layout(), inputs(), floats(6), TokenAdvantagesOptions.defaults(),
            TokenAdvantagesOutputs.of(floats(6), floats(6))})
        .call("Kernels.gae", () -> new Object[] {layout(), floats(6), floats(6), GaeOptions.defaults(), floats(6), floats(6)})
        .call("Kernels.whiten", () -> new Object[] {floats(6), bytes(6), WhitenOptions.defaults(), floats(6)})
        .call("Kernels.rewardModelLoss", () -> new Object[] {layout(), floats(18), ints(6), floats(2), bytes(6),
            RewardModelLossOptions.defaults(), new RewardModelLossOutputs(floats(6), floats(6), ints(6), floats(2), floats(2), floats(18))})
        .call("Kernels.balanceMask", () -> new Object[] {layout(), ints(6), ints(2), BalanceMaskOptions.defaults(), bytes(6)})
        .call("Kernels.valueLoss", () -> new Object[] {layout(), floats(6), floats(6), floats(6), ValueLossOptions.defaults(),
            new ValueLossOutputs(floats(6), floats(6))})
        .call("Kernels.dpoLoss", () -> new Object[] {floats(6), floats(6), floats(6), floats(6), DpoLossOptions.defaults(), dpoOutputs()})
        .call("Kernels.adamW", () -> new Object[] {floats(6), floats(6), floats(6), floats(6), 1L, 1.0, AdamWOptions.defaults()})
        .call("Kernels.linearTokenLogProbs", () -> new Object[] {layout(), layer(null), longs(6), TokenLogProbsOptions.defaults(),
            new TokenLogProbsOutputs(floats(6), floats(6))})
        .call("Kernels.linearPolicyLoss", () -> new Object[] {layout(), layer(floats(18)), longs(6), floats(6), floats(6), floats(6),
            PolicyLossOptions.defaults(), policyOutputs()})
        .call("Kernels.linearNllLoss", () -> new Object[] {layout(), layer(floats(18)), longs(6), floats(6), NllLossOptions.defaults(),
            new NllLossOutputs(floats(6), floats(6), null)})
        .call("Kernels.suggestedLength", () -> new Object[] {new int[] {3, 4}, 3})
        .on("NativeArray.toInts", () -> ints(3)).on("NativeArray.toBytes", () -> bytes(3))
        .call("OutputLayer.of", () -> new Object[] {floats(18), 3L, floats(12)})
        .call("OutputLayer.withHiddenStride", () -> new Object[] {4L})
        .call("TokenLayout.packed", () -> new Object[] {6L, NativeArray.ofInts(0, 3, 6)})
        .call("TokenLayout.withMask", () -> new Object[] {bytes(6)})
        .on("TokenLayout.withRows", () -> TokenLayout.flat(6))
        .call("TokenLayout.withRows", () -> new Object[] {ints(2)})
        .call("DecoderWeights.new", () -> new Object[] {SHAPE, floats(20), List.of(layer()), floats(4), floats(20)})
        .call("DecoderCache.new", () -> new Object[] {SHAPE, 2, 3})
        .call("DecoderCache.copySlot", () -> new Object[] {0, 1, 1})
        .call("NativeArray.of(Pointer,long,DType)", () -> new Object[] {new BytePointer(64), 4L, DType.F32})
        .call("NativeArray.of(Pointer,long,DType,Device)", () -> new Object[] {new BytePointer(64), 4L, DType.F32, Device.CPU});
  }

  private static OutputLayer layer(NativeArray gradHidden) {
    return OutputLayer.of(floats(18), 3, floats(12)).withGradients(gradHidden, gradHidden == null ? null : floats(12));
  }
}
