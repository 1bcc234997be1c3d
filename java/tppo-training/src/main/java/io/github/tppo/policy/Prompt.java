// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.policy;

/** A prompt as the policy's ids and as text, which a reward model with another tokenizer needs. */
public record Prompt(int[] ids, String text) {}
