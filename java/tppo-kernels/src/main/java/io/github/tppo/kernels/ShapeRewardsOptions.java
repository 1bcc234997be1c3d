// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

/**
 * Settings of {@link Kernels#shapeRewards}; equations 4 and 5.
 *
 * @param lengthPenalty whether rewards are multiplied by lwp(l); default true
 * @param klEstimator estimator of the KL penalty; default {@link KlEstimator#K1}
 * @param alpha slope of lwp; default 2
 * @param suggestedLength sl in tokens; no useful default (0), required with {@code lengthPenalty}; see {@link
 *     Kernels#suggestedLength}
 * @param lengthOffset the 6 of {@code lwp = 1 / (1 + exp(alpha (l - sl) - 6))}; default 6
 * @param klCoef beta; default 0.2, used only when log-probs are given
 * @param logRatioClamp log-ratios are clamped to plus or minus this; default 20, 0 = no clamp
 * @param classValue0 reward of class 0; default 0
 * @param classValue1 reward of class 1 (irrelevant); default 1
 * @param classValue2 reward of class 2 (relevant); default 2
 */
public record ShapeRewardsOptions(
    boolean lengthPenalty, KlEstimator klEstimator, double alpha, double suggestedLength,
    double lengthOffset, double klCoef, double logRatioClamp, double classValue0, double classValue1,
    double classValue2) {

  public ShapeRewardsOptions {
    Checks.require(klEstimator != null, "klEstimator is null");
    Checks.require(!lengthPenalty || suggestedLength >= 0,
        "suggestedLength must not be negative, is " + suggestedLength);
    Checks.require(logRatioClamp >= 0, "logRatioClamp must not be negative, is " + logRatioClamp);
  }

  private static final ShapeRewardsOptions DEFAULTS =
      new ShapeRewardsOptions(true, KlEstimator.K1, 2, 0, 6, 0.2, 20, 0, 1, 2);

  /** Returns the documented defaults. */
  public static ShapeRewardsOptions defaults() {
    return DEFAULTS;
  }

  /** Returns a copy with {@code lengthPenalty} replaced. */
  public ShapeRewardsOptions withLengthPenalty(boolean value) {
    return new ShapeRewardsOptions(
        value, klEstimator, alpha, suggestedLength, lengthOffset, klCoef, logRatioClamp, classValue0,
        classValue1, classValue2);
  }

  /** Returns a copy with {@code klEstimator} replaced. */
  public ShapeRewardsOptions withKlEstimator(KlEstimator value) {
    return new ShapeRewardsOptions(
        lengthPenalty, value, alpha, suggestedLength, lengthOffset, klCoef, logRatioClamp, classValue0,
        classValue1, classValue2);
  }

  /** Returns a copy with {@code alpha} replaced. */
  public ShapeRewardsOptions withAlpha(double value) {
    return new ShapeRewardsOptions(
        lengthPenalty, klEstimator, value, suggestedLength, lengthOffset, klCoef, logRatioClamp,
        classValue0, classValue1, classValue2);
  }

  /** Returns a copy with {@code suggestedLength} replaced. */
  public ShapeRewardsOptions withSuggestedLength(double value) {
    return new ShapeRewardsOptions(
        lengthPenalty, klEstimator, alpha, value, lengthOffset, klCoef, logRatioClamp, classValue0,
        classValue1, classValue2);
  }

  /** Returns a copy with {@code lengthOffset} replaced. */
  public ShapeRewardsOptions withLengthOffset(double value) {
    return new ShapeRewardsOptions(
        lengthPenalty, klEstimator, alpha, suggestedLength, value, klCoef, logRatioClamp, classValue0,
        classValue1, classValue2);
  }

  /** Returns a copy with {@code klCoef} replaced. */
  public ShapeRewardsOptions withKlCoef(double value) {
    return new ShapeRewardsOptions(
        lengthPenalty, klEstimator, alpha, suggestedLength, lengthOffset, value, logRatioClamp,
        classValue0, classValue1, classValue2);
  }

  /** Returns a copy with {@code logRatioClamp} replaced. */
  public ShapeRewardsOptions withLogRatioClamp(double value) {
    return new ShapeRewardsOptions(
        lengthPenalty, klEstimator, alpha, suggestedLength, lengthOffset, klCoef, value, classValue0,
        classValue1, classValue2);
  }

  /** Returns a copy with {@code classValue0} replaced. */
  public ShapeRewardsOptions withClassValue0(double value) {
    return new ShapeRewardsOptions(
        lengthPenalty, klEstimator, alpha, suggestedLength, lengthOffset, klCoef, logRatioClamp, value,
        classValue1, classValue2);
  }

  /** Returns a copy with {@code classValue1} replaced. */
  public ShapeRewardsOptions withClassValue1(double value) {
    return new ShapeRewardsOptions(
        lengthPenalty, klEstimator, alpha, suggestedLength, lengthOffset, klCoef, logRatioClamp,
        classValue0, value, classValue2);
  }

  /** Returns a copy with {@code classValue2} replaced. */
  public ShapeRewardsOptions withClassValue2(double value) {
    return new ShapeRewardsOptions(
        lengthPenalty, klEstimator, alpha, suggestedLength, lengthOffset, klCoef, logRatioClamp,
        classValue0, classValue1, value);
  }
}
