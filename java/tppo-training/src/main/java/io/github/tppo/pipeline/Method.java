// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.pipeline;

import java.util.List;

/** How a policy is trained from the SFT policy, its samples and their labels. */
enum Method {
  /** PPO on the rewards of a token-level reward model. */
  TPPO("token-level PPO", "train-policy", "tppo", "train-reward", "reward-token", 3, List.of("reward", "policy")),
  /** The same PPO with the score of a sentence-level reward model at the last token. */
  PPO("sentence-level PPO", "train-policy-ppo", "ppo", "train-reward-sentence", "reward-sentence", 1, List.of("reward", "policy")),
  /** Direct preference optimisation: true queries against samples, no reward model. */
  DPO("DPO", "train-policy-dpo", "dpo", null, null, 0, List.of("dpo"));

  /** In words. */
  final String title;
  /** Name of the stage that trains the policy. */
  final String policyStage;
  /** Folder of the policy. */
  final String policyFolder;
  /** Name of the stage that trains the reward model; null without one. */
  final String rewardStage;
  /** Folder of the reward model; null without one. */
  final String rewardFolder;
  /** Labels of the reward model: classes of a token, or one score. */
  final int rewardLabels;
  /** Sections of the configuration that are about this method. */
  final List<String> sections;

  Method(String title, String policyStage, String policyFolder, String rewardStage, String rewardFolder, int rewardLabels,
      List<String> sections) {
    this.title = title;
    this.policyStage = policyStage;
    this.policyFolder = policyFolder;
    this.rewardStage = rewardStage;
    this.rewardFolder = rewardFolder;
    this.rewardLabels = rewardLabels;
    this.sections = sections;
  }

  /** Keys of these sections that mean nothing to this method. */
  List<String> withoutEffect() {
    return this != PPO ? List.of() : List.of("policy.class_values", "policy.expected_class", "policy.per_word", "policy.length_penalty",
        "policy.alpha", "reward.local_weight", "reward.global_weight", "reward.local_reduction", "reward.global_mode", "reward.global_tokens",
        "reward.class_weights");
  }

  boolean hasReward() {
    return rewardStage != null;
  }
}
