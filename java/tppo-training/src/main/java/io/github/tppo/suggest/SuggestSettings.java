// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.suggest;

import io.github.tppo.run.AtomicFiles;
import io.github.tppo.run.ConfigReader;
import io.github.tppo.run.ConfigWriter;
import io.github.tppo.run.Doc;
import io.github.tppo.text.PromptFormat;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * How a policy was trained to be asked: {@code tppo.json} beside its weights. Training writes it, so that
 * {@code tppo suggest} shows a history as the policy knows it.
 */
public record SuggestSettings(
    @Doc("How a history becomes a prompt") PromptFormat prompt,
    @Doc("Most tokens of a prompt; the oldest entries are dropped") int maxPromptTokens,
    @Doc("Softmax temperature of the training's samples") double temperature,
    @Doc("Most tokens of a response, the end token included") int maxNewTokens) {
  /** The name of the file. */
  public static final String FILE = "tppo.json";

  /** Checks the figures. */
  public SuggestSettings {
    positive("max_prompt_tokens", maxPromptTokens);
    positive("temperature", temperature);
    positive("max_new_tokens", maxNewTokens);
  }

  private static void positive(String key, double value) {
    if (!(value > 0)) {
      throw new IllegalArgumentException(key + ": " + value + ", expected more than 0");
    }
  }

  /** For a policy that comes without the file. */
  public static SuggestSettings defaults() {
    return new SuggestSettings(PromptFormat.defaults(), 96, 0.7, 48);
  }

  /** Reads the settings of a policy; the defaults when it has none. */
  public static SuggestSettings read(Path modelDir) {
    Path file = modelDir.resolve(FILE);
    return Files.exists(file) ? ConfigReader.read(SuggestSettings.class, file, List.of()) : defaults();
  }

  /** Writes the settings beside a policy's weights. */
  public void write(Path modelDir) throws IOException {
    AtomicFiles.write(modelDir.resolve(FILE), ConfigWriter.json(this));
  }
}
