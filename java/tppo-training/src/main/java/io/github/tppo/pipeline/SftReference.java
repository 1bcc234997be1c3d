// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.pipeline;

import io.github.tppo.run.OutputFile;
import io.github.tppo.run.RunException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * What the reference of a policy's training was read from; training that goes on must have the same (INVARIANTS 10).
 *
 * @param stage that trains, for the message
 * @param folder of the policy, for the message
 * @param fingerprint of the SFT policy's weights
 */
record SftReference(String stage, String folder, String fingerprint) {
  private static final String FILE = "reference.sha256";

  static SftReference of(String stage, String folder, Path sft) throws IOException {
    return new SftReference(stage, folder, PolicyModels.fingerprint(sft));
  }

  /** Writes into a checkpoint what it belongs to. */
  void save(Path checkpoint) throws IOException {
    OutputFile.write(checkpoint.resolve(FILE), fingerprint);
  }

  /** @throws RunException when the checkpoint belongs to another reference */
  void requireSame(Path checkpoint) throws IOException {
    if (!Files.readString(checkpoint.resolve(FILE)).equals(fingerprint)) {
      throw new RunException(stage + ": the weights in sft/ are not those that training began with, which are the reference of"
          + " the KL constraint; put them back, or delete " + folder + "/ to begin anew");
    }
  }
}
