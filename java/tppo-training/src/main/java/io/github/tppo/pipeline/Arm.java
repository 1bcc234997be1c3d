// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.pipeline;

import io.github.tppo.run.ConfigException;
import io.github.tppo.run.ConfigReader;
import io.github.tppo.run.TppoConfig;
import java.util.List;
import java.util.stream.Stream;

/**
 * A trained policy of the comparison.
 *
 * @param name what it is called in files and in the report
 * @param home the folder below the run's that it has for itself, with a slash at the end; empty: it is one of the run's main policies
 * @param overrides what it has otherwise than the run's configuration, as {@code key=value}
 * @param source where the overrides were said, for messages
 */
record Arm(String name, String home, List<String> overrides, String source) {
  /** Token-level PPO with the run's settings. */
  static final Arm TPPO = new Arm("tppo", "", List.of(), "policy");

  /** @throws ConfigException when an override is of a key that other arms share */
  Arm {
    for (String override : overrides) {
      if (!override.startsWith("reward.") && !override.startsWith("policy.")) {
        throw new ConfigException(source + ": found " + override + ", expected reward.KEY=value or policy.KEY=value");
      }
    }
  }

  /** A policy that is trained as this one but for more overrides, in a folder of its own. */
  Arm variant(String otherName, String otherHome, List<String> more, String otherSource) {
    return new Arm(otherName, otherHome, Stream.concat(overrides.stream(), more.stream()).toList(), otherSource);
  }

  /** The configuration as this policy sees it. */
  TppoConfig config(TppoConfig run) {
    return ConfigReader.with(run, overrides, source);
  }

  /** The trained policy's folder below the run's. */
  String folder() {
    return home + "tppo";
  }

  /** Whether it is trained with a reward model that no other has. */
  boolean ownReward() {
    return overrides.stream().anyMatch(o -> o.startsWith("reward."));
  }

  /** The folder of the reward model that it is trained with. */
  String rewardFolder() {
    return (ownReward() ? home : "") + "reward-token";
  }

  /** The name of one of its stages. */
  String stage(String command) {
    return home.isEmpty() ? command : command + " " + name;
  }

  /** The name of the stage that trains the reward model. */
  String rewardStage() {
    return ownReward() ? stage("train-reward") : "train-reward";
  }
}
