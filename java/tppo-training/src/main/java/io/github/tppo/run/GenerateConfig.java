// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.run;

/** Which prompts the SFT policy answers to make the reward model's data (SPEC 3). */
public record GenerateConfig(
    @Doc("Prompts of training users; 0 = all examples") int prompts,
    @Doc("Prompts of validation users, to watch the reward model; 0 = all") int validPrompts,
    @Doc("Responses per prompt") int samplesPerPrompt) {

  public GenerateConfig {
    Check.notNegative("prompts", prompts);
    Check.notNegative("valid_prompts", validPrompts);
    Check.atLeast("samples_per_prompt", samplesPerPrompt, 1);
  }
}
