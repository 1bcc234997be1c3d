// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.tppo.run.AtomicFiles;
import io.github.tppo.run.ProgressListener;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.LongConsumer;
import java.util.function.UnaryOperator;

/** Makes checkpoints from a seed or from other checkpoints, a part of a tensor at a time, so that none has to fit into memory. */
@SuppressWarnings("try") // scopes are opened for what their closing frees
public final class CheckpointTools {

  /** Random numbers made by one task; even. */
  private static final int TASK = 1 << 16;

  private CheckpointTools() {
  }

  /**
   * Writes a checkpoint with new weights, the same as those of {@link Decoder#create} and {@link Longformer#create}: the same bits for
   * the same seed and any number of threads.
   *
   * @param config a {@code config.json}
   * @param folder written to; made when it is missing
   * @param progress told the bytes written
   */
  public static void writeRandom(Path config, long seed, WeightFormat format, Path folder, ProgressListener progress) throws IOException {
    writeRandom(ModelKind.read(Objects.requireNonNull(config, "config")), seed, format, folder, progress);
  }

  /** The number of tokens of the model that a {@code config.json} describes. */
  public static int vocabSize(Path config) throws IOException {
    return ModelKind.read(Objects.requireNonNull(config, "config")).vocabSize();
  }

  /** As {@link #writeRandom(Path, long, WeightFormat, Path, ProgressListener)} for a decoder of a given shape. */
  public static void writeRandom(DecoderConfig config, long seed, WeightFormat format, Path folder, ProgressListener progress)
      throws IOException {
    writeRandom(new ModelKind(Objects.requireNonNull(config, "config"), null), seed, format, folder, progress);
  }

  private static void writeRandom(ModelKind kind, long seed, WeightFormat format, Path folder, ProgressListener progress)
      throws IOException {
    Objects.requireNonNull(format, "format");
    Objects.requireNonNull(folder, "folder");
    Objects.requireNonNull(progress, "progress");
    Parameters.Layout layout = kind.layout();
    Map<String, Integer> streams = new HashMap<>();
    for (String name : layout.shapes().keySet()) {
      streams.put(name, streams.size());
    }
    SafeTensorsWriter.Source source = (name, from, count) -> {
      float[] values = new float[Math.toIntExact(count)];
      List<Runnable> tasks = new ArrayList<>();
      for (int start = 0; start < values.length; start += TASK) {
        int begin = start;
        float[] part = new float[Math.min(TASK, values.length - begin)];
        tasks.add(() -> {
          layout.fill(name, streams.get(name), kind.initializerRange(), seed, from + begin, part);
          System.arraycopy(part, 0, values, begin, part.length);
        });
      }
      Workers.run(tasks);
      return Tensors.of(values, count);
    };
    Files.createDirectories(folder);
    try (WeightFiles.Claim claim = WeightFiles.claim(folder)) {
      kind.writeConfig(folder, format);
      WeightFiles.write(folder, layout.shapes(), source, format, counter(layout.shapes(), format, progress));
    }
  }

  /**
   * Writes a checkpoint again with other types or files of weights. {@code config.json} stays as it is but for the dtype; tokenizer and
   * settings of generation are copied.
   *
   * @param to another folder than {@code from}; made when it is missing
   * @param progress told the bytes written
   * @throws IOException when the checkpoint is not one that is supported, or a value is too large for float16
   */
  public static void convert(Path from, WeightFormat format, Path to, ProgressListener progress) throws IOException {
    rewrite(ModelKind.read(from.resolve("config.json")), from, UnaryOperator.identity(), format, to, progress);
  }

  /**
   * Folds low-rank adapters into the weights that they were trained on: as {@link #convert}, and the result needs no adapters.
   *
   * @param from a decoder
   * @param adapter a folder in PEFT's form
   */
  public static void merge(Path from, Path adapter, WeightFormat format, Path to, ProgressListener progress) throws IOException {
    Objects.requireNonNull(adapter, "adapter");
    ModelKind kind = ModelKind.read(from.resolve("config.json"));
    if (kind.decoder() == null) {
      throw new IOException(from + ": adapters are merged into decoders, this is none");
    }
    try (Lora lora = Lora.load(adapter, kind.decoder())) {
      rewrite(kind, from, lora::foldInto, format, to, progress);
    }
  }

  private static void rewrite(ModelKind kind, Path from, UnaryOperator<SafeTensorsWriter.Source> change, WeightFormat format, Path to,
      ProgressListener progress) throws IOException {
    Objects.requireNonNull(format, "format");
    Objects.requireNonNull(to, "to");
    Objects.requireNonNull(progress, "progress");
    SafeTensors weights = kind.weights(from);
    Files.createDirectories(to);
    if (Files.isSameFile(from, to)) {
      throw new IOException(to + ": is the folder of the checkpoint itself; give another");
    }
    try (WeightFiles.Claim claim = WeightFiles.claim(to)) {
      write(kind, weights, from, change, format, to, progress);
    }
  }

  private static void write(ModelKind kind, SafeTensors weights, Path from, UnaryOperator<SafeTensorsWriter.Source> change,
      WeightFormat format, Path to, ProgressListener progress) throws IOException {
    Map<String, long[]> shapes = kind.layout().shapes();
    CompanionFiles.copyTokenizer(from, to);
    CompanionFiles.copyGeneration(from, to);
    JsonNode config = SafeTensorsHeader.JSON.readTree(Files.readAllBytes(from.resolve("config.json")));
    ((ObjectNode) config).put("torch_dtype", format.dtypeName()).put("dtype", format.dtypeName());
    AtomicFiles.write(to.resolve("config.json"), config.toPrettyString());
    try (Scope scope = Scope.noGrad()) {
      SafeTensorsWriter.Source source = change.apply(SafeTensorsWriter.Source.of(weights.map(shapes.keySet())));
      WeightFiles.write(to, shapes, source, format, counter(shapes, format, progress));
    }
  }

  private static LongConsumer counter(Map<String, long[]> shapes, WeightFormat format, ProgressListener progress) {
    long total = shapes.values().stream().mapToLong(shape -> format.spec(shape).bytes()).sum();
    long[] done = {0};
    return bytes -> {
      done[0] += bytes;
      progress.update((done[0] + 999_999) / 1_000_000, (total + 999_999) / 1_000_000, "MB");
    };
  }
}
