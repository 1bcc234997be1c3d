// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;

/**
 * What a checkpoint holds, read from its headers.
 *
 * @param model its kind and shape in a line
 * @param parameters number of weights
 * @param dtypes weights of each dtype
 * @param files bytes of each weights file
 * @param tensorBytes bytes of all weights
 * @param memory what using the model takes; null for a reward model
 */
public record CheckpointInfo(String model, long parameters, Map<String, Long> dtypes, Map<String, Long> files, long tensorBytes,
    Memory memory) {

  /**
   * Bytes that weights and what goes with them take, without activations; docs/memory.md has the formulae and what adapters (LoRA) take.
   *
   * @param inference the mapped weights as they are stored, W bytes
   * @param cacheOfAToken keys and values of one token of one sequence in f32: 8 * layers * key/value heads * head size
   * @param sft f32 weights, gradients of both halves of a batch and two moments of AdamW of P parameters: 20 P
   * @param tppo weights, gradients and moments of policy and critic, and the frozen reference, in f32: 36 P; the reward model comes on top
   */
  public record Memory(long inference, long cacheOfAToken, long sft, long tppo) {
  }

  /**
   * Reads a checkpoint folder's {@code config.json} and headers.
   *
   * @throws IOException when the checkpoint cannot be loaded either
   */
  public static CheckpointInfo read(Path folder) throws IOException {
    ModelKind kind = ModelKind.read(folder.resolve("config.json"));
    SafeTensors weights = kind.weights(folder);
    Map<String, Long> dtypes = new TreeMap<>();
    Map<String, Long> files = new TreeMap<>();
    long parameters = 0;
    long bytes = 0;
    for (String name : kind.layout().shapes().keySet()) {
      SafeTensors.Entry entry = weights.entry(name);
      long elements = Arrays.stream(entry.shape()).reduce(1, Math::multiplyExact);
      parameters += elements;
      bytes += entry.bytes();
      dtypes.merge(SafeTensorsHeader.nameOf(entry.dtype()), elements, Long::sum);
      files.put(entry.file().getFileName().toString(), Files.size(entry.file()));
    }
    return new CheckpointInfo(describe(kind), parameters, dtypes, files, bytes, memory(kind.decoder(), parameters, bytes));
  }

  private static Memory memory(DecoderConfig c, long parameters, long bytes) {
    return c == null ? null : new Memory(bytes, 8L * c.layers() * c.kvHeads() * c.headSize(), 20 * parameters, 36 * parameters);
  }

  private static String describe(ModelKind kind) {
    if (kind.decoder() == null) {
      LongformerConfig c = kind.longformer();
      return "longformer: " + c.layers() + " layers, hidden " + c.hiddenSize() + ", MLP " + c.intermediateSize() + ", " + c.heads()
          + " heads, vocabulary " + c.vocabSize() + ", windows " + c.attentionWindows() + ", " + c.labels() + " labels";
    }
    DecoderConfig c = kind.decoder();
    long windowed = c.windows().stream().filter(window -> window > 0).count();
    return c.modelType().key() + ": " + c.layers() + " layers, hidden " + c.hiddenSize() + ", MLP " + c.intermediateSize() + ", "
        + c.heads() + " heads of " + c.headSize() + " on " + c.kvHeads() + " keys, vocabulary " + c.vocabSize()
        + (c.tiedEmbeddings() ? ", tied" : ", untied")
        + (windowed > 0 ? ", window " + c.slidingWindow() + " in " + windowed + " layers" : "");
  }
}
