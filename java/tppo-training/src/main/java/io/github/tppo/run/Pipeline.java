// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.run;

import java.util.List;

/**
 * What the command line runs: a configuration and the stages that it drives.
 *
 * @param config the root record of the configuration, with a static method {@code defaults()}
 * @param stages in their order
 * @param <C> the root record
 */
public record Pipeline<C extends Record>(Class<C> config, List<Stage<C>> stages) {
  /** A pipeline; the list is copied. */
  public Pipeline {
    stages = List.copyOf(stages);
  }
}
