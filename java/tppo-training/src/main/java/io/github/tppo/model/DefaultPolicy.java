// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** The small pre-trained policy that is bundled; {@code docs/pretraining.md} says how it is made. */
public final class DefaultPolicy {
  private static final String RESOURCES = "/io/github/tppo/default/policy/";

  private DefaultPolicy() {}

  /** Loads it; the caller closes it. */
  public static Decoder load() throws IOException {
    Path folder = Files.createTempDirectory("tppo-policy");
    List<String> files = List.of("config.json", SafeTensors.FILE_NAME);
    try {
      for (String file : files) {
        try (InputStream in = DefaultPolicy.class.getResourceAsStream(RESOURCES + file)) {
          if (in == null) {
            throw new IOException("the bundled policy lacks " + file + "; set sft.init to random or to a checkpoint's folder");
          }
          Files.copy(in, folder.resolve(file));
        }
      }
      return Decoder.load(folder);
    } finally {
      for (String file : files) {
        Files.deleteIfExists(folder.resolve(file));
      }
      Files.deleteIfExists(folder);
    }
  }
}
