// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

import static io.github.tppo.kernels.Close.assertBf16;
import static io.github.tppo.kernels.Close.assertClose;
import static io.github.tppo.kernels.Close.assertScalar;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

class PolicyLossTest {

  private final Fixture fixture = Fixture.open("policy");
  private final long tokens = fixture.shape("logits")[0];
  private final long vocab = fixture.shape("logits")[1];
  private final TokenLayout unmasked = TokenLayout.packed(tokens, fixture.array("cu_seqlens"));
  private final TokenLayout masked = unmasked.withMask(fixture.array("mask"));
  private final PolicyLossOptions plain = PolicyLossOptions.defaults()
      .withTemperature(fixture.scalar("temperature"))
      .withEpsLow(fixture.scalar("eps"))
      .withEpsHigh(fixture.scalar("eps"))
      .withLogRatioClamp(0);
  private final PolicyLossOptions asymmetric =
      plain.withEpsLow(fixture.scalar("eps_low")).withEpsHigh(fixture.scalar("eps_high"));
  private final PolicyLossOptions dual = plain.withDualClip(fixture.scalar("dual_clip"));

  private PolicyLossStats run(TokenLayout layout, NativeArray logits, PolicyLossOptions options,
      PolicyLossOutputs outputs) {
    return Kernels.policyLoss(layout, Logits.of(logits, vocab), fixture.array("targets"),
        fixture.array("old_logprobs"), fixture.array("advantages"), fixture.array("ref_logprobs"), options,
        outputs);
  }

  private NativeArray perToken() {
    return NativeArray.allocate(DType.F32, tokens);
  }

  @Test
  void perTokenValuesMatch() {
    PolicyLossOutputs outputs = PolicyLossOutputs.none().withLogprob(perToken()).withEntropy(perToken())
        .withRatio(perToken()).withObjective(perToken()).withKl(perToken());
    run(unmasked, fixture.array("logits"), plain, outputs);
    assertClose("logprob", fixture.values("logprob"), outputs.logprob());
    assertClose("entropy", fixture.values("entropy"), outputs.entropy());
    assertClose("ratio", fixture.values("ratio"), outputs.ratio());
    assertClose("objective", fixture.values("objective"), outputs.objective());
    assertClose("kl_k3", fixture.values("kl_k3"), outputs.kl());
    for (KlEstimator k : new KlEstimator[] {KlEstimator.K1, KlEstimator.K2}) {
      run(unmasked, fixture.array("logits"), plain.withKlEstimator(k), outputs);
      assertClose("kl " + k, fixture.values("kl_" + k.name().toLowerCase()), outputs.kl());
    }
  }

  @Test
  void lossesAndGradientsMatchInEveryForm() {
    check("", plain);
    check("asym_", asymmetric);
    check("dual_", dual);
  }

  private void check(String prefix, PolicyLossOptions options) {
    for (Aggregation aggregation : new Aggregation[] {Aggregation.TOKEN_MEAN, Aggregation.SEQ_MEAN_TOKEN_MEAN}) {
      String form = aggregation == Aggregation.TOKEN_MEAN ? "token_mean" : "seq_mean";
      NativeArray logits = fixture.array("logits");
      PolicyLossOutputs outputs = PolicyLossOutputs.none().withGradLogprob(perToken()).withGradLogits(logits);
      PolicyLossStats stats = run(masked, logits, options.withAggregation(aggregation), outputs);
      assertScalar(prefix + "loss_" + form, fixture.scalar(prefix + "loss_" + form), stats.loss());
      String name = prefix + "grad_logprob_" + form;
      assertClose(name, fixture.values(name), outputs.gradLogprob());
      if (prefix.isEmpty() || aggregation == Aggregation.TOKEN_MEAN) {
        name = prefix + "grad_logits_" + form;
        assertClose(name, fixture.values(name), logits);
      }
    }
  }

  @Test
  void statisticsMatch() {
    PolicyLossStats stats = run(masked, fixture.array("logits"), plain, PolicyLossOutputs.none());
    double n = stats.valid();
    assertScalar("entropy_mean", fixture.scalar("entropy_mean"), stats.meanEntropy());
    assertScalar("clip_fraction", fixture.scalar("clip_fraction"), stats.clipFraction());
    assertScalar("outside_fraction", fixture.scalar("outside_fraction"), stats.outside() / n);
    assertScalar("kl_k1_mean", fixture.scalar("kl_k1_mean"), stats.refK1() / n);
    assertScalar("kl_k2_mean", fixture.scalar("kl_k2_mean"), stats.refK2() / n);
    assertScalar("kl_k3_mean", fixture.scalar("kl_k3_mean"), stats.refK3() / n);
    assertScalar("old_kl_k1_mean", fixture.scalar("old_kl_k1_mean"), stats.oldK1() / n);
    assertScalar("old_kl_k2_mean", fixture.scalar("old_kl_k2_mean"), stats.oldK2() / n);
    assertScalar("old_kl_k3_mean", fixture.scalar("old_kl_k3_mean"), stats.oldK3() / n);
    PolicyLossStats lower = run(masked, fixture.array("logits"), dual, PolicyLossOutputs.none());
    assertScalar("dual_lower_fraction", fixture.scalar("dual_lower_fraction"), lower.dualClipped() / n);
  }

  @Test
  void bfloat16Matches() {
    NativeArray logits = fixture.array("logits_bf16");
    PolicyLossOutputs outputs = PolicyLossOutputs.none().withLogprob(perToken()).withEntropy(perToken())
        .withRatio(perToken()).withObjective(perToken());
    run(unmasked, logits, plain, outputs);
    assertClose("bf16_logprob", fixture.values("bf16_logprob"), outputs.logprob());
    assertClose("bf16_entropy", fixture.values("bf16_entropy"), outputs.entropy());
    assertClose("bf16_ratio", fixture.values("bf16_ratio"), outputs.ratio());
    assertClose("bf16_objective", fixture.values("bf16_objective"), outputs.objective());
    PolicyLossStats stats = run(masked, logits, plain, PolicyLossOutputs.none().withGradLogits(logits));
    assertScalar("bf16_loss", fixture.scalar("bf16_loss_token_mean"), stats.loss());
    assertBf16("bf16_grad", fixture.values("bf16_grad_logits_token_mean"), logits);
  }

  /** On logits that both types hold, float16 gives what float32 gives, but for the rounding of the gradient. */
  @Test
  void float16Matches() {
    float[] exact = fixture.array("logits").toFloats();
    for (int i = 0; i < exact.length; i++) {
      exact[i] = (float) Math.rint(exact[i] * 8) / 8;
    }
    PolicyLossOutputs[] outputs = new PolicyLossOutputs[2];
    PolicyLossStats[] stats = new PolicyLossStats[2];
    DType[] types = {DType.F32, DType.F16};
    for (int k = 0; k < 2; k++) {
      NativeArray logits = Narrow.of(types[k], exact);
      outputs[k] = PolicyLossOutputs.none().withLogprob(perToken()).withEntropy(perToken()).withGradLogits(logits);
      stats[k] = run(masked, logits, plain.withEntropyCoef(0.01), outputs[k]);
    }
    assertScalar("loss", stats[0].loss(), stats[1].loss());
    assertClose("logprob", Close.widen(outputs[0].logprob().toFloats()), outputs[1].logprob());
    assertClose("entropy", Close.widen(outputs[0].entropy().toFloats()), outputs[1].entropy());
    double[] expected = Close.widen(outputs[0].gradLogits().toFloats());
    float[] found = outputs[1].gradLogits().toFloats();
    for (int i = 0; i < expected.length; i++) {
      // Half a unit in the last place; below 2^-14 the places no longer move.
      assertEquals(expected[i], found[i], Math.max(Close.F16 * Math.abs(expected[i]), 0x1p-25) * 1.01, "element " + i);
    }
  }

  @Test
  void gradientIsTheSameInPlaceOrNotAndAtAStride() {
    NativeArray inPlace = fixture.array("logits");
    run(masked, inPlace, plain, PolicyLossOutputs.none().withGradLogits(inPlace));
    NativeArray separate = NativeArray.allocate(DType.F32, tokens * vocab);
    NativeArray untouched = fixture.array("logits");
    run(masked, untouched, plain, PolicyLossOutputs.none().withGradLogits(separate));
    assertArrayEquals(inPlace.toFloats(), separate.toFloats());
    assertArrayEquals(fixture.array("logits").toFloats(), untouched.toFloats());

    long stride = vocab + 3;
    NativeArray strided = NativeArray.allocate(DType.F32, tokens * stride);
    for (long i = 0; i < tokens; i++) {
      strided.slice(i * stride, vocab).buffer().put(untouched.slice(i * vocab, vocab).buffer());
    }
    Kernels.policyLoss(masked, new Logits(strided, vocab, stride), fixture.array("targets"),
        fixture.array("old_logprobs"), fixture.array("advantages"), null, plain,
        PolicyLossOutputs.none().withGradLogits(strided));
    for (long i = 0; i < tokens; i++) {
      assertArrayEquals(inPlace.slice(i * vocab, vocab).toFloats(), strided.slice(i * stride, vocab).toFloats());
      assertArrayEquals(new float[3], strided.slice(i * stride + vocab, 3).toFloats());
    }
  }

  @Test
  void ratioIsExactlyOneForLogProbsOfThisLibrary() {
    NativeArray old = perToken();
    Logits logits = Logits.of(fixture.array("logits"), vocab);
    Kernels.tokenLogProbs(unmasked, logits, fixture.array("targets"),
        TokenLogProbsOptions.defaults().withTemperature(0.8), TokenLogProbsOutputs.none().withLogprob(old));
    NativeArray ratio = perToken();
    Kernels.policyLoss(unmasked, logits, fixture.array("targets"), old, fixture.array("advantages"), null,
        plain.withTemperature(0.8), PolicyLossOutputs.none().withRatio(ratio));
    for (float r : ratio.toFloats()) {
      assertEquals(1f, r);
    }
  }
}
