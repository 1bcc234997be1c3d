// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

/**
 * Outputs of {@link Kernels#dpoLoss}, {@link DType#F32} [pairs].
 *
 * An output that is null is not computed or not stored.
 *
 * @param losses -ln sigmoid(margin)
 * @param chosenRewards beta times log-ratio of the chosen
 * @param rejectedRewards beta times log-ratio of the rejected
 * @param margins chosen less rejected rewards
 * @param gradChosen d loss / d policy log-prob of the chosen
 * @param gradRejected d loss / d policy log-prob of the rejected
 */
public record DpoLossOutputs(
    NativeArray losses, NativeArray chosenRewards, NativeArray rejectedRewards, NativeArray margins,
    NativeArray gradChosen, NativeArray gradRejected) {

  private static final DpoLossOutputs NONE = new DpoLossOutputs(null, null, null, null, null, null);

  /** Asks for no output but the statistics. */
  public static DpoLossOutputs none() {
    return NONE;
  }

  /** Returns a copy with {@code losses} replaced. */
  public DpoLossOutputs withLosses(NativeArray value) {
    return new DpoLossOutputs(value, chosenRewards, rejectedRewards, margins, gradChosen, gradRejected);
  }

  /** Returns a copy with {@code chosenRewards} replaced. */
  public DpoLossOutputs withChosenRewards(NativeArray value) {
    return new DpoLossOutputs(losses, value, rejectedRewards, margins, gradChosen, gradRejected);
  }

  /** Returns a copy with {@code rejectedRewards} replaced. */
  public DpoLossOutputs withRejectedRewards(NativeArray value) {
    return new DpoLossOutputs(losses, chosenRewards, value, margins, gradChosen, gradRejected);
  }

  /** Returns a copy with {@code margins} replaced. */
  public DpoLossOutputs withMargins(NativeArray value) {
    return new DpoLossOutputs(losses, chosenRewards, rejectedRewards, value, gradChosen, gradRejected);
  }

  /** Returns a copy with {@code gradChosen} replaced. */
  public DpoLossOutputs withGradChosen(NativeArray value) {
    return new DpoLossOutputs(losses, chosenRewards, rejectedRewards, margins, value, gradRejected);
  }

  /** Returns a copy with {@code gradRejected} replaced. */
  public DpoLossOutputs withGradRejected(NativeArray value) {
    return new DpoLossOutputs(losses, chosenRewards, rejectedRewards, margins, gradChosen, value);
  }
}
