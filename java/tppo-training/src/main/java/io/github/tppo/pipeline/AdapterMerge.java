// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.pipeline;

import io.github.tppo.model.Decoder;
import io.github.tppo.model.Lora;
import io.github.tppo.run.ConfigException;
import io.github.tppo.suggest.SuggestSettings;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.stream.Stream;

/** Makes a checkpoint that needs no adapters out of one and its adapters in PEFT's form. */
public final class AdapterMerge {
  private AdapterMerge() {}

  /**
   * Reads base and adapters, and writes the merged weights with the base's tokenizer and settings.
   *
   * @param base a decoder in Hugging Face form
   * @param adapter a folder with {@code adapter_config.json} and {@code adapter_model.safetensors}
   * @param out a folder that is empty or not there
   * @throws ConfigException when something is in {@code out}
   * @throws IOException when a file is missing, malformed, not supported or not for this base
   */
  public static void run(Path base, Path adapter, Path out) throws IOException {
    if (Files.exists(out)) {
      try (Stream<Path> content = Files.isDirectory(out) ? Files.list(out) : Stream.of(out)) {
        if (content.findAny().isPresent()) {
          throw new ConfigException("--out " + out + ": is there already, expected an empty folder or none");
        }
      }
    }
    try (Decoder model = adapted(base, adapter)) {
      model.merge();
      Files.createDirectories(out);
      model.save(out);
    }
    PolicyModels.copyTokenizer(base, out);
    if (Files.exists(base.resolve(SuggestSettings.FILE))) {
      Files.copy(base.resolve(SuggestSettings.FILE), out.resolve(SuggestSettings.FILE), StandardCopyOption.REPLACE_EXISTING);
    }
  }

  /** The base itself is closed, so that each weight is freed when the merged one takes its place. */
  private static Decoder adapted(Path base, Path adapter) throws IOException {
    try (Decoder decoder = Decoder.load(base)) {
      return decoder.adapted(Lora.load(adapter, decoder.config()));
    }
  }
}
