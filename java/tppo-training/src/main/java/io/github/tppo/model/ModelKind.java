// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import java.io.IOException;
import java.nio.file.Path;

/**
 * A decoder or a Longformer, as far as its files go: what the tools for checkpoints have in common. One of the two configs is null.
 */
record ModelKind(DecoderConfig decoder, LongformerConfig longformer) {

  /**
   * Reads {@code config.json}.
   *
   * @throws IOException when it describes no model that is supported
   */
  static ModelKind read(Path config) throws IOException {
    boolean longformer = ConfigJson.read(config).text("model_type", "").equals("longformer");
    return longformer ? new ModelKind(null, LongformerConfig.read(config)) : new ModelKind(DecoderConfig.read(config), null);
  }

  Parameters.Layout layout() {
    return decoder == null ? Longformer.layout(longformer) : Decoder.layout(decoder);
  }

  double initializerRange() {
    return decoder == null ? longformer.initializerRange() : decoder.initializerRange();
  }

  int vocabSize() {
    return decoder == null ? longformer.vocabSize() : decoder.vocabSize();
  }

  /** Opens a folder's weights and refuses what is not this model's. */
  SafeTensors weights(Path folder) throws IOException {
    SafeTensors weights = SafeTensors.open(folder);
    return decoder == null ? Longformer.check(longformer, weights) : Decoder.check(decoder, weights);
  }

  void writeConfig(Path folder, WeightFormat format) throws IOException {
    if (decoder == null) {
      longformer.write(folder, format);
    } else {
      decoder.write(folder, format);
    }
  }
}
