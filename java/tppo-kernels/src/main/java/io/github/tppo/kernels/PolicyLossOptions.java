// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

/**
 * Settings of {@link Kernels#policyLoss}; equations 6 and 7.
 *
 * @param aggregation how tokens become one loss; default {@link Aggregation#TOKEN_MEAN}
 * @param klEstimator of the {@code kl} output and loss term; default {@link KlEstimator#K3}
 * @param temperature divides the logits; greater than 0, default 1
 * @param epsLow the ratio is clipped below at {@code 1 - epsLow}; in [0, 1], default 0.2
 * @param epsHigh the ratio is clipped above at {@code 1 + epsHigh}; at least 0, default 0.2
 * @param dualClip bound c for negative advantages; 0 = off (default), else greater than 1
 * @param entropyCoef weight of the entropy bonus; default 0
 * @param klCoef weight of the KL term; default 0, anything else needs reference log-probs
 * @param logRatioClamp log-ratios are clamped to plus or minus this; default 20, 0 = no clamp
 * @param normalizer what the sum is divided by; 0 takes it from this call, a positive value makes micro-batches
 *     add up to a batch
 * @param zeroBadRows gradient rows of bad rows are 0 instead of NaN; default false
 */
public record PolicyLossOptions(
    Aggregation aggregation, KlEstimator klEstimator, double temperature, double epsLow, double epsHigh,
    double dualClip, double entropyCoef, double klCoef, double logRatioClamp, double normalizer,
    boolean zeroBadRows) {

  public PolicyLossOptions {
    Checks.require(aggregation != null, "aggregation is null");
    Checks.require(klEstimator != null, "klEstimator is null");
    Checks.require(temperature > 0, "temperature must be greater than 0, is " + temperature);
    Checks.require(epsLow >= 0 && epsLow <= 1, "epsLow must be in [0, 1], is " + epsLow);
    Checks.require(epsHigh >= 0, "epsHigh must not be negative, is " + epsHigh);
    Checks.require(dualClip == 0 || dualClip > 1, "dualClip must be 0 or greater than 1, is " + dualClip);
    Checks.require(logRatioClamp >= 0, "logRatioClamp must not be negative, is " + logRatioClamp);
    Checks.require(normalizer >= 0, "normalizer must not be negative, is " + normalizer);
  }

  private static final PolicyLossOptions DEFAULTS =
      new PolicyLossOptions(Aggregation.TOKEN_MEAN, KlEstimator.K3, 1, 0.2, 0.2, 0, 0, 0, 20, 0, false);

  /** Returns the documented defaults. */
  public static PolicyLossOptions defaults() {
    return DEFAULTS;
  }

  /** Returns a copy with {@code aggregation} replaced. */
  public PolicyLossOptions withAggregation(Aggregation value) {
    return new PolicyLossOptions(
        value, klEstimator, temperature, epsLow, epsHigh, dualClip, entropyCoef, klCoef, logRatioClamp,
        normalizer, zeroBadRows);
  }

  /** Returns a copy with {@code klEstimator} replaced. */
  public PolicyLossOptions withKlEstimator(KlEstimator value) {
    return new PolicyLossOptions(
        aggregation, value, temperature, epsLow, epsHigh, dualClip, entropyCoef, klCoef, logRatioClamp,
        normalizer, zeroBadRows);
  }

  /** Returns a copy with {@code temperature} replaced. */
  public PolicyLossOptions withTemperature(double value) {
    return new PolicyLossOptions(
        aggregation, klEstimator, value, epsLow, epsHigh, dualClip, entropyCoef, klCoef, logRatioClamp,
        normalizer, zeroBadRows);
  }

  /** Returns a copy with {@code epsLow} replaced. */
  public PolicyLossOptions withEpsLow(double value) {
    return new PolicyLossOptions(
        aggregation, klEstimator, temperature, value, epsHigh, dualClip, entropyCoef, klCoef,
        logRatioClamp, normalizer, zeroBadRows);
  }

  /** Returns a copy with {@code epsHigh} replaced. */
  public PolicyLossOptions withEpsHigh(double value) {
    return new PolicyLossOptions(
        aggregation, klEstimator, temperature, epsLow, value, dualClip, entropyCoef, klCoef,
        logRatioClamp, normalizer, zeroBadRows);
  }

  /** Returns a copy with {@code dualClip} replaced. */
  public PolicyLossOptions withDualClip(double value) {
    return new PolicyLossOptions(
        aggregation, klEstimator, temperature, epsLow, epsHigh, value, entropyCoef, klCoef,
        logRatioClamp, normalizer, zeroBadRows);
  }

  /** Returns a copy with {@code entropyCoef} replaced. */
  public PolicyLossOptions withEntropyCoef(double value) {
    return new PolicyLossOptions(
        aggregation, klEstimator, temperature, epsLow, epsHigh, dualClip, value, klCoef, logRatioClamp,
        normalizer, zeroBadRows);
  }

  /** Returns a copy with {@code klCoef} replaced. */
  public PolicyLossOptions withKlCoef(double value) {
    return new PolicyLossOptions(
        aggregation, klEstimator, temperature, epsLow, epsHigh, dualClip, entropyCoef, value,
        logRatioClamp, normalizer, zeroBadRows);
  }

  /** Returns a copy with {@code logRatioClamp} replaced. */
  public PolicyLossOptions withLogRatioClamp(double value) {
    return new PolicyLossOptions(
        aggregation, klEstimator, temperature, epsLow, epsHigh, dualClip, entropyCoef, klCoef, value,
        normalizer, zeroBadRows);
  }

  /** Returns a copy with {@code normalizer} replaced. */
  public PolicyLossOptions withNormalizer(double value) {
    return new PolicyLossOptions(
        aggregation, klEstimator, temperature, epsLow, epsHigh, dualClip, entropyCoef, klCoef,
        logRatioClamp, value, zeroBadRows);
  }

  /** Returns a copy with {@code zeroBadRows} replaced. */
  public PolicyLossOptions withZeroBadRows(boolean value) {
    return new PolicyLossOptions(
        aggregation, klEstimator, temperature, epsLow, epsHigh, dualClip, entropyCoef, klCoef,
        logRatioClamp, normalizer, value);
  }
}
