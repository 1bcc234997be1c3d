// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

/**
 * What an optimiser step did.
 *
 * @param applied false when the gradient norm was not finite; parameters and moments are then as before
 * @param gradNorm norm of all gradients together, before clipping
 * @param clipped whether the gradients were scaled down
 */
public record StepResult(boolean applied, double gradNorm, boolean clipped) {
  /** That of no step: nothing was learnt from, so that nothing moved. */
  public static final StepResult NONE = new StepResult(false, 0, false);
}
