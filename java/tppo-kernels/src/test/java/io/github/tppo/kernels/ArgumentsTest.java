// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.bytedeco.javacpp.FloatPointer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/** Wrong arguments are refused before anything is read or written, with a message that names the argument. */
class ArgumentsTest {

  private final TokenLayout layout = TokenLayout.padded(2, 3);
  private final NativeArray six = NativeArray.allocate(DType.F32, 6);
  private final NativeArray five = NativeArray.allocate(DType.F32, 5);
  private final NativeArray ints = NativeArray.allocate(DType.I32, 6);
  private final NativeArray out = NativeArray.ofFloats(9, 9, 9, 9, 9, 9);
  private final Logits logits = Logits.of(NativeArray.allocate(DType.F32, 24), 4);
  private final NativeArray targets = NativeArray.allocate(DType.I64, 6);
  private final OutputLayer layer =
      OutputLayer.of(NativeArray.allocate(DType.F32, 12), 2, NativeArray.allocate(DType.F32, 8));

  private void refused(String part, Executable call) {
    IllegalArgumentException e = assertThrows(IllegalArgumentException.class, call);
    assertTrue(e.getMessage().contains(part), () -> "\"" + e.getMessage() + "\" does not name " + part);
    assertArrayEquals(new float[] {9, 9, 9, 9, 9, 9}, out.toFloats());
  }

  private void gae(String part, TokenLayout tokens, NativeArray rewards, NativeArray values, NativeArray advantages) {
    refused(part, () -> Kernels.gae(tokens, rewards, values, GaeOptions.defaults(), advantages, null));
  }

  @Test
  void nullsWrongLengthsAndWrongTypesAreRefused() {
    gae("layout", null, six, six, out);
    gae("rewards is null", layout, null, six, out);
    gae("values must have 6 elements, is F32[5]", layout, six, five, out);
    gae("values must be F32, is I32[6]", layout, six, ints, out);
    gae("advantages is null", layout, six, six, null);
    gae("mask must have 6", layout.withMask(NativeArray.ofMask(true)), six, six, out);
    gae("mask must be U8", layout.withMask(ints), six, six, out);
    gae("cuSeqlens must be I32", TokenLayout.packed(6, NativeArray.ofLongs(0, 3, 6)), six, six, out);
  }

  @Test
  void logitsAreChecked() {
    PolicyLossOutputs none = PolicyLossOutputs.none();
    PolicyLossOptions options = PolicyLossOptions.defaults();
    refused("logits must be F32, BF16 or F16, is I64", () -> Logits.of(targets, 1));
    refused("vocabSize", () -> Logits.of(six, 0));
    refused("stride 3 is less", () -> new Logits(six, 4, 3));
    refused("logits must hold 6 rows of 5", () -> Kernels.policyLoss(
        layout, Logits.of(logits.data(), 5), targets, six, six, null, options, none));
    refused("targets must be I64", () -> Kernels.policyLoss(layout, logits, ints, six, six, null, options, none));
    refused("gradLogits must be F32", () -> Kernels.policyLoss(layout, logits, targets, six, six, null, options,
        none.withGradLogits(NativeArray.allocate(DType.BF16, 24))));
    refused("klCoef is not 0 but refLogprobs is null", () -> Kernels.policyLoss(
        layout, logits, targets, six, six, null, options.withKlCoef(0.1), none));
    refused("kl output needs refLogprobs", () -> Kernels.policyLoss(
        layout, logits, targets, six, six, null, options, none.withKl(out)));
  }

  @Test
  void rowListsAreChecked() {
    TokenLayout rows = layout.withRows(NativeArray.ofInts(1, 4));
    String refusal = "the layout has rows, which this operation does not take";
    refused("either a mask or rows", () -> rows.withMask(NativeArray.allocate(DType.U8, 6)));
    refused("7 rows are more than the 6 tokens", () -> layout.withRows(NativeArray.allocate(DType.I32, 7)));
    refused("rows must be I32", () -> Kernels.tokenLogProbs(layout.withRows(six), logits, targets,
        TokenLogProbsOptions.defaults(), TokenLogProbsOutputs.none()));
    gae(refusal, rows, six, six, out);
    refused(refusal, () -> Kernels.shapeRewards(rows, ShapeRewardsInputs.ofScores(six),
        ShapeRewardsOptions.defaults(), ShapeRewardsOutputs.none().withRewards(out)));
    refused(refusal, () -> Kernels.tokenAdvantages(rows, ShapeRewardsInputs.ofScores(six), six,
        TokenAdvantagesOptions.defaults(), TokenAdvantagesOutputs.of(out, null)));
    refused(refusal, () -> Kernels.valueLoss(rows, six, six, six, ValueLossOptions.defaults(),
        ValueLossOutputs.none().withGradValues(out)));
    refused(refusal, () -> Kernels.balanceMask(rows, ints, null, BalanceMaskOptions.defaults(),
        NativeArray.allocate(DType.U8, 6)));
    refused(refusal, () -> Kernels.rewardModelLoss(rows, NativeArray.allocate(DType.F32, 18), ints,
        NativeArray.ofFloats(1, 2), null, RewardModelLossOptions.defaults(), RewardModelLossOutputs.none()));
    refused(refusal, () -> Kernels.linearTokenLogProbs(rows, layer, targets, TokenLogProbsOptions.defaults(),
        TokenLogProbsOutputs.none().withLogprob(out)));
  }

  @Test
  void outputLayersAreChecked() {
    NativeArray hidden = layer.hidden();
    NativeArray weight = layer.weight();
    refused("hidden is null", () -> OutputLayer.of(null, 2, weight));
    refused("hidden must be F32, BF16 or F16, is I32[6]", () -> OutputLayer.of(ints, 1, weight));
    refused("hiddenSize", () -> OutputLayer.of(hidden, 0, weight));
    refused("hiddenStride 1 is less", () -> layer.withHiddenStride(1));
    refused("weight is null", () -> OutputLayer.of(hidden, 2, null));
    refused("weight must hold whole rows of hiddenSize 3", () -> OutputLayer.of(hidden, 3, weight));
    refused("chunkTokens", () -> layer.withChunkTokens(-1));
    assertEquals(4, layer.vocabSize());

    linear("linearNllLoss: layout, layer", null);
    linear("hidden must hold 6 rows of 2 at stride 3", layer.withHiddenStride(3));
    linear("weight must be F32", OutputLayer.of(hidden, 2, NativeArray.allocate(DType.BF16, 8)));
    linear("gradHidden must be F32", layer.withGradients(NativeArray.allocate(DType.F16, 12), null));
    linear("gradHidden must hold 6 rows of 2", layer.withGradients(NativeArray.allocate(DType.F32, 11), null));
    linear("gradWeight must be F32", layer.withGradients(null, NativeArray.allocate(DType.BF16, 8)));
    linear("gradWeight must have 8 elements", layer.withGradients(null, six));
    linear("grad_hidden overlaps hidden", layer.withGradients(hidden, null));
    linear("grad_weight overlaps weight", layer.withGradients(null, weight));
    linear("weight is on cuda:0 but hidden is on cpu",
        OutputLayer.of(hidden, 2, NativeArray.of(new FloatPointer(8), 8, DType.F32, Device.cuda(0))));
    refused("log-probs have no loss", () -> Kernels.linearTokenLogProbs(layout,
        layer.withGradients(null, NativeArray.allocate(DType.F32, 8)), targets, TokenLogProbsOptions.defaults(),
        TokenLogProbsOutputs.none().withLogprob(out)));
    refused("gradLogits is given", () -> Kernels.linearPolicyLoss(layout, layer, targets, six, six, null,
        PolicyLossOptions.defaults(), PolicyLossOutputs.none().withGradLogits(logits.data()).withRatio(out)));
    refused("gradLogits is given", () -> Kernels.linearNllLoss(layout, layer, targets, null,
        NllLossOptions.defaults(), NllLossOutputs.none().withGradLogits(logits.data()).withLogprob(out)));
    refused("klCoef is not 0 but refLogprobs is null", () -> Kernels.linearPolicyLoss(layout, layer, targets, six,
        six, null, PolicyLossOptions.defaults().withKlCoef(0.1), PolicyLossOutputs.none().withRatio(out)));
    refused("targets[4] is 4", () -> Kernels.linearTokenLogProbs(layout, layer, NativeArray.ofLongs(0, 1, 2, 3, 4, 0),
        TokenLogProbsOptions.defaults(), TokenLogProbsOutputs.none().withLogprob(out)));
  }

  private void linear(String part, OutputLayer wrong) {
    refused(part, () -> Kernels.linearNllLoss(layout, wrong, targets, null, NllLossOptions.defaults(),
        NllLossOutputs.none().withLogprob(out)));
  }

  @Test
  void tokenAdvantagesAreChecked() {
    ShapeRewardsInputs scores = ShapeRewardsInputs.ofScores(six);
    TokenAdvantagesOptions options = TokenAdvantagesOptions.defaults();
    refused("shaping is null", () -> options.withShaping(null));
    refused("gae is null", () -> options.withGae(null));
    refused("shaping is null", () -> TokenAdvantagesOutputs.of(out, null).withShaping(null));
    refused("tokenAdvantages: layout", () -> Kernels.tokenAdvantages(
        null, scores, six, options, TokenAdvantagesOutputs.of(out, null)));
    refused("advantages is null", () -> Kernels.tokenAdvantages(
        layout, scores, six, options, TokenAdvantagesOutputs.of(null, out)));
    refused("values must have 6 elements", () -> Kernels.tokenAdvantages(
        layout, scores, five, options, TokenAdvantagesOutputs.of(out, null)));
    refused("scores must have 6 elements", () -> Kernels.tokenAdvantages(
        layout, ShapeRewardsInputs.ofScores(five), six, options, TokenAdvantagesOutputs.of(out, null)));
    refused("kl output needs logprobs", () -> Kernels.tokenAdvantages(layout, scores, six, options,
        TokenAdvantagesOutputs.of(out, null).withShaping(ShapeRewardsOutputs.none().withKl(five))));
    refused("overlaps", () -> Kernels.tokenAdvantages(
        layout, scores, six, options, TokenAdvantagesOutputs.of(out, out)));
  }

  @Test
  void contentsAreChecked() {
    NativeArray outside = NativeArray.ofLongs(0, 1, 2, 3, 4, 0);
    refused("targets", () -> Kernels.tokenLogProbs(layout, logits, outside, TokenLogProbsOptions.defaults(),
        TokenLogProbsOutputs.none().withLogprob(out)));
    refused("cu_seqlens", () -> Kernels.gae(TokenLayout.packed(6, NativeArray.ofInts(0, 4, 3, 6)), six, six,
        GaeOptions.defaults(), out, null));
    refused("class", () -> Kernels.shapeRewards(layout,
        ShapeRewardsInputs.ofClasses(NativeArray.ofInts(0, 1, 2, 3, 0, 0)), ShapeRewardsOptions.defaults(),
        ShapeRewardsOutputs.none().withRewards(out)));
  }

  @Test
  void overlapsThatTheTextDoesNotAllowAreRefused() {
    NativeArray seven = NativeArray.allocate(DType.F32, 7);
    assertThrows(IllegalArgumentException.class, () -> Kernels.gae(layout, seven.slice(0, 6), six,
        GaeOptions.defaults(), seven.slice(1, 6), null));
    assertThrows(IllegalArgumentException.class, () -> Kernels.gae(layout, six, five.slice(0, 5), GaeOptions.defaults(),
        out, out));
  }

  /** A view knows no capacity of its own, but the pointer that it was made from may. */
  @Test
  void moreThanThePointerHasIsRefused() {
    refused("length is 7 elements of F32, but the pointer says that it has 6",
        () -> NativeArray.of(new FloatPointer(6), 7, DType.F32));
    refused("has 5 of 4 bytes", () -> NativeArray.of(new FloatPointer(6).position(1), 3, DType.F64));
    refused("length", () -> NativeArray.of(new FloatPointer(6), Long.MAX_VALUE, DType.F32));
    assertEquals(6, NativeArray.of(new FloatPointer(6), 6, DType.F32).length());
  }

  @Test
  void freedMemoryIsRefused() {
    FloatPointer memory = new FloatPointer(6);
    NativeArray freed = NativeArray.of(memory, 6, DType.F32);
    NativeArray part = freed.slice(1, 5);
    gae("values must have 6", layout, six, part, out);
    memory.deallocate();
    for (Executable use : List.<Executable>of(
        () -> Kernels.gae(layout, six, freed, GaeOptions.defaults(), out, null), freed::toFloats, part::buffer)) {
      IllegalStateException e = assertThrows(IllegalStateException.class, use);
      assertTrue(e.getMessage().contains("on cpu") && e.getMessage().endsWith("has been freed"), e.getMessage());
    }
    FloatPointer weights = new FloatPointer(20);
    NativeArray embedding = NativeArray.of(weights, 20, DType.F32);
    DecoderProjection square = DecoderProjection.of(NativeArray.allocate(DType.F32, 16));
    DecoderShape shape = new DecoderShape(4, 4, 1, 1, 1, 4, 5, 1e-5, new double[] {1, 0.1}, new int[] {0});
    NativeArray norm = NativeArray.allocate(DType.F32, 4);
    DecoderWeights model = new DecoderWeights(shape, embedding,
        List.of(new DecoderLayer(norm, square, square, square, square, norm, square, square, square)), norm, embedding);
    DecoderRows rows = new DecoderRows(1);
    rows.add(0, 0, 0, true);
    try (DecoderCache cache = new DecoderCache(shape, 1, 1)) {
      weights.deallocate();
      IllegalStateException e = assertThrows(IllegalStateException.class,
          () -> Kernels.decoderForward(model, cache, rows, five, null));
      assertTrue(e.getMessage().contains("F32[20] on cpu, whose memory has been freed"), e.getMessage());
    }
  }

  /** The product is more than 64 bits hold, and what is left of it would be right. */
  @Test
  void sizesWhoseProductOverflowsAreRefused() {
    refused("sequences", () -> TokenLayout.padded(-1, -1));
    refused("more tokens than a number can hold", () -> TokenLayout.padded(1L << 62, 4));
    refused("sequences without a token", () -> TokenLayout.padded(Long.MAX_VALUE, 0));
    refused("cuSeqlens must hold one bound more", () -> new TokenLayout(6, Long.MAX_VALUE, null, NativeArray.ofInts(0, 6), null));
    refused("logits must hold 6 rows of 4 at stride", () -> Kernels.tokenLogProbs(layout, new Logits(logits.data(), 4, 1L << 62), targets,
        TokenLogProbsOptions.defaults(), TokenLogProbsOutputs.none().withLogprob(out)));
    refused("logits must have at least", () -> Kernels.sampleTokens(six, 4, 1L << 62, SampleTokensOptions.defaults().withTemperature(0),
        null, ints, out));
    refused("length 2305843009213693952", () -> NativeArray.allocate(DType.F64, 1L << 61));
    assertThrows(IllegalArgumentException.class,
        () -> DecoderCache.bytes(new DecoderShape(4, 4, 1, 1, 1, 4, 5, 1e-5, new double[] {1, 0.1}, new int[] {0}), -1, -1));
  }

  @Test
  void optionsAreChecked() {
    refused("gamma", () -> GaeOptions.defaults().withGamma(1.5));
    refused("lambda", () -> GaeOptions.defaults().withLambda(Double.NaN));
    refused("temperature", () -> PolicyLossOptions.defaults().withTemperature(0));
    refused("epsLow", () -> PolicyLossOptions.defaults().withEpsLow(-0.1));
    refused("dualClip", () -> PolicyLossOptions.defaults().withDualClip(0.5));
    refused("rho", () -> BalanceMaskOptions.defaults().withRho(0));
    refused("beta", () -> DpoLossOptions.defaults().withBeta(0));
    refused("beta2", () -> AdamWOptions.defaults().withBeta2(1));
    refused("step", () -> Kernels.adamW(six, six, six, six, 0, 1, AdamWOptions.defaults()));
    refused("maxNorm", () -> Kernels.globalNorm(List.of(six), -1));
    refused("tokens", () -> TokenLayout.flat(-1));
    refused("6 tokens cannot be", () -> new TokenLayout(6, 4, null, null, null));
    refused("either classes or scores", () -> Kernels.shapeRewards(layout,
        new ShapeRewardsInputs(null, null, null, null, null, null), ShapeRewardsOptions.defaults(),
        ShapeRewardsOutputs.none()));
  }

  @Test
  void defaultsAreThoseOfThePaper() {
    assertEquals(0.2, PolicyLossOptions.defaults().epsLow());
    assertEquals(0.95, GaeOptions.defaults().lambda());
    assertEquals(0.4, RewardModelLossOptions.defaults().localWeight());
    assertEquals(0.6, RewardModelLossOptions.defaults().globalWeight());
    assertEquals(2, ShapeRewardsOptions.defaults().alpha());
    assertEquals(0.2, ShapeRewardsOptions.defaults().klCoef());
    assertEquals(3, BalanceMaskOptions.defaults().rho());
  }

  @Test
  void arraysOnAnotherDeviceAreRefused() {
    NativeArray elsewhere = NativeArray.of(new FloatPointer(6), 6, DType.F32, Device.cuda(0));
    gae("values is on cuda:0 but rewards is on cpu", layout, six, elsewhere, out);
  }
}
