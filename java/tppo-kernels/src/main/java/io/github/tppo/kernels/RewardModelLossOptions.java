// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

/**
 * Settings of {@link Kernels#rewardModelLoss}; equations 1 to 3.
 *
 * @param localReduction default {@link LocalReduction#SUM_OVER_N}
 * @param globalMode default {@link GlobalMode#STRAIGHT_THROUGH}
 * @param localWeight weight of the local loss; default 0.4
 * @param globalWeight weight of the global loss; default 0.6
 * @param classWeight0 weight of class 0 in the local loss; default 1
 * @param classWeight1 weight of class 1; default 1
 * @param classWeight2 weight of class 2; default 1
 * @param numSamples samples of the whole batch when this is a micro-batch; 0 (default) = sequences of this call
 * @param localNormalizer sum of class weights of the whole batch for {@link LocalReduction#WEIGHTED_MEAN}; 0
 *     (default) = from this call
 */
public record RewardModelLossOptions(
    LocalReduction localReduction, GlobalMode globalMode, double localWeight, double globalWeight,
    double classWeight0, double classWeight1, double classWeight2, double numSamples,
    double localNormalizer) {

  public RewardModelLossOptions {
    Checks.require(localReduction != null, "localReduction is null");
    Checks.require(globalMode != null, "globalMode is null");
    Checks.require(classWeight0 >= 0 && classWeight1 >= 0 && classWeight2 >= 0,
        "class weights must not be negative: " + classWeight0 + ", " + classWeight1 + ", " + classWeight2);
    Checks.require(numSamples >= 0, "numSamples must not be negative, is " + numSamples);
    Checks.require(localNormalizer >= 0, "localNormalizer must not be negative, is " + localNormalizer);
  }

  private static final RewardModelLossOptions DEFAULTS =
      new RewardModelLossOptions(
          LocalReduction.SUM_OVER_N, GlobalMode.STRAIGHT_THROUGH, 0.4, 0.6, 1, 1, 1, 0, 0);

  /** Returns the documented defaults. */
  public static RewardModelLossOptions defaults() {
    return DEFAULTS;
  }

  /** Returns a copy with {@code localReduction} replaced. */
  public RewardModelLossOptions withLocalReduction(LocalReduction value) {
    return new RewardModelLossOptions(
        value, globalMode, localWeight, globalWeight, classWeight0, classWeight1, classWeight2,
        numSamples, localNormalizer);
  }

  /** Returns a copy with {@code globalMode} replaced. */
  public RewardModelLossOptions withGlobalMode(GlobalMode value) {
    return new RewardModelLossOptions(
        localReduction, value, localWeight, globalWeight, classWeight0, classWeight1, classWeight2,
        numSamples, localNormalizer);
  }

  /** Returns a copy with {@code localWeight} replaced. */
  public RewardModelLossOptions withLocalWeight(double value) {
    return new RewardModelLossOptions(
        localReduction, globalMode, value, globalWeight, classWeight0, classWeight1, classWeight2,
        numSamples, localNormalizer);
  }

  /** Returns a copy with {@code globalWeight} replaced. */
  public RewardModelLossOptions withGlobalWeight(double value) {
    return new RewardModelLossOptions(
        localReduction, globalMode, localWeight, value, classWeight0, classWeight1, classWeight2,
        numSamples, localNormalizer);
  }

  /** Returns a copy with {@code classWeight0} replaced. */
  public RewardModelLossOptions withClassWeight0(double value) {
    return new RewardModelLossOptions(
        localReduction, globalMode, localWeight, globalWeight, value, classWeight1, classWeight2,
        numSamples, localNormalizer);
  }

  /** Returns a copy with {@code classWeight1} replaced. */
  public RewardModelLossOptions withClassWeight1(double value) {
    return new RewardModelLossOptions(
        localReduction, globalMode, localWeight, globalWeight, classWeight0, value, classWeight2,
        numSamples, localNormalizer);
  }

  /** Returns a copy with {@code classWeight2} replaced. */
  public RewardModelLossOptions withClassWeight2(double value) {
    return new RewardModelLossOptions(
        localReduction, globalMode, localWeight, globalWeight, classWeight0, classWeight1, value,
        numSamples, localNormalizer);
  }

  /** Returns a copy with {@code numSamples} replaced. */
  public RewardModelLossOptions withNumSamples(double value) {
    return new RewardModelLossOptions(
        localReduction, globalMode, localWeight, globalWeight, classWeight0, classWeight1,
        classWeight2, value, localNormalizer);
  }

  /** Returns a copy with {@code localNormalizer} replaced. */
  public RewardModelLossOptions withLocalNormalizer(double value) {
    return new RewardModelLossOptions(
        localReduction, globalMode, localWeight, globalWeight, classWeight0, classWeight1,
        classWeight2, numSamples, value);
  }
}
