// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.pipeline;

import io.github.tppo.run.ConfigException;
import io.github.tppo.run.ConfigReader;
import io.github.tppo.run.TppoConfig;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * A trained policy of the comparison.
 *
 * @param method how it is trained
 * @param name what it is called in files and in the report
 * @param home the folder below the run's that it has for itself, with a slash at the end; empty: it is one of the run's main policies
 * @param overrides what it has otherwise than the run's configuration, as {@code key=value}
 * @param source where the overrides were said, for messages
 */
record Arm(Method method, String name, String home, List<String> overrides, String source) {
  /** Token-level PPO with the run's settings. */
  static final Arm TPPO = new Arm(Method.TPPO, "tppo", "", List.of(), "policy");

  /** @throws ConfigException when an override is of a key that the method does not have for itself */
  Arm {
    for (String override : overrides) {
      if (method.sections.stream().noneMatch(section -> override.startsWith(section + "."))) {
        throw new ConfigException(source + ": found " + override + ", expected "
            + method.sections.stream().map(section -> section + ".KEY=value").collect(Collectors.joining(" or ")));
      }
      String key = override.substring(0, Math.max(0, override.indexOf('='))).strip();
      if (method.withoutEffect().contains(key)) {
        throw new ConfigException(source + ": found " + override + ", which has no effect on " + method.title + "; leave it out");
      }
    }
  }

  /** The policy of a name below {@code experiment.arms}: a baseline, or TPPO with other settings. */
  static Arm of(String name, List<String> overrides) {
    String source = "experiment.arms." + name;
    return switch (name) {
      case "ppo" -> new Arm(Method.PPO, name, "", overrides, source);
      case "dpo" -> new Arm(Method.DPO, name, "", overrides, source);
      default -> TPPO.variant(name, "arms/" + name + "/", overrides, source);
    };
  }

  /** A policy that is trained as this one but for more overrides, in a folder of its own. */
  Arm variant(String otherName, String otherHome, List<String> more, String otherSource) {
    return new Arm(method, otherName, otherHome, Stream.concat(overrides.stream(), more.stream()).toList(), otherSource);
  }

  /** The configuration as this policy sees it. */
  TppoConfig config(TppoConfig run) {
    return ConfigReader.with(run, overrides, source);
  }

  /** The trained policy's folder below the run's. */
  String folder() {
    return home + method.policyFolder;
  }

  /** Whether it is trained with a reward model that no other has. */
  boolean ownReward() {
    return overrides.stream().anyMatch(o -> o.startsWith("reward."));
  }

  /** The folder of the reward model that it is trained with. */
  String rewardFolder() {
    return (ownReward() ? home : "") + method.rewardFolder;
  }

  /** The name of one of its stages. */
  String stage(String stage) {
    return home.isEmpty() ? stage : stage + " " + name;
  }

  /** The name of the stage that trains the policy. */
  String policyStage() {
    return stage(method.policyStage);
  }

  /** The name of the stage that trains the reward model. */
  String rewardStage() {
    return ownReward() ? stage(method.rewardStage) : method.rewardStage;
  }

  /** What is being trained, in words. */
  String title() {
    return home.isEmpty() ? method.title : method.title + ", " + name;
  }
}
