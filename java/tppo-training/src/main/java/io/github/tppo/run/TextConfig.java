// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.run;

import io.github.tppo.text.PromptFormat;

/** Tokenizer and prompt form. */
public record TextConfig(
    @Doc("default (the byte-level BPE that is bundled), or a tokenizer.json or its folder; a policy that is loaded from a folder brings its own")
        @PathKey(except = "default") String tokenizer,
    @Doc("How a history becomes a prompt") PromptFormat prompt,
    @Doc("Most tokens of a prompt; the oldest entries are dropped") int maxPromptTokens) {

  public TextConfig {
    Check.require(tokenizer != null && !tokenizer.isBlank(), "tokenizer", tokenizer, "default or a file or folder");
    Check.atLeast("max_prompt_tokens", maxPromptTokens, 2);
  }
}
