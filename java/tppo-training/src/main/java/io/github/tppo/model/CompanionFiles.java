// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Objects;

/**
 * What lies beside the weights of a checkpoint and is passed on as it is: the tokenizer in all the forms that programs look for, its chat
 * template, and the settings of generation. Which of these a checkpoint has differs.
 */
public final class CompanionFiles {

  private static final List<String> TOKENIZER = List.of("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
      "added_tokens.json", "vocab.json", "merges.txt", "tokenizer.model", "chat_template.jinja", "chat_template.json");
  private static final List<String> GENERATION = List.of("generation_config.json", "tppo.json");

  private CompanionFiles() {
  }

  /**
   * Copies a tokenizer's files.
   *
   * @param from a folder, or the {@code tokenizer.json} in it
   * @param to a folder that is there
   */
  public static void copyTokenizer(Path from, Path to) throws IOException {
    Objects.requireNonNull(from, "from");
    copy(TOKENIZER, Files.isDirectory(from) ? from : from.toAbsolutePath().getParent(), to);
  }

  /**
   * Copies how a model is asked, where that is known: {@code generation_config.json} with its sampling defaults and end tokens, and
   * {@code tppo.json} with the form of its prompts.
   */
  public static void copyGeneration(Path from, Path to) throws IOException {
    Objects.requireNonNull(from, "from");
    copy(GENERATION, Files.isDirectory(from) ? from : from.toAbsolutePath().getParent(), to);
  }

  private static void copy(List<String> names, Path from, Path to) throws IOException {
    for (String name : names) {
      Path file = from.resolve(name);
      if (Files.isRegularFile(file) && !file.toAbsolutePath().normalize().equals(to.resolve(name).toAbsolutePath().normalize())) {
        Files.copy(file, to.resolve(name), StandardCopyOption.REPLACE_EXISTING);
      }
    }
  }
}
