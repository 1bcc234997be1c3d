// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.pipeline;

/** Training of a policy away from the SFT policy, by whatever method. */
interface PolicyTraining extends Trainable, AutoCloseable {
  /** Response tokens that were trained on since the process began. */
  double tokens();

  @Override
  void close();
}
