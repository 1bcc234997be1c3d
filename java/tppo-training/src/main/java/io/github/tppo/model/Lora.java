// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import io.github.tppo.run.Check;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * The low-rank adapters of one decoder (Hu et al., "LoRA", 2021), read and written in the form of PEFT: a folder with
 * {@code adapter_config.json} and {@code adapter_model.safetensors}. {@link Decoder#adapted} puts them on a model, which owns them
 * from then on. Not thread safe.
 */
@SuppressWarnings("try") // scopes are opened for what their closing frees
public final class Lora implements AutoCloseable {

  /** Name of the weights in an adapter's folder. */
  public static final String FILE_NAME = "adapter_model.safetensors";

  private static final String PREFIX = "base_model.model.";
  private static final String WEIGHT = ".weight";
  private static final String A = ".lora_A.weight";
  private static final String B = ".lora_B.weight";
  /** Random streams that new weights of a decoder do not use. */
  private static final long FIRST_STREAM = 1L << 40;

  /** Elements of a new adapter's matrix. */
  private static final long MOST = Integer.MAX_VALUE - 8;

  private final AdapterConfig config;
  private final Map<String, LoraAdapter> adapters;

  private Lora(AdapterConfig config, Map<String, LoraAdapter> adapters) {
    this.config = config;
    this.adapters = Collections.unmodifiableMap(adapters);
  }

  /**
   * Makes new adapters for training, which leave the model as it is: A uniform in +-1/sqrt(in) as PEFT draws it, B zero.
   *
   * @param use adapters of another use of the same seed start with other numbers; at least 0
   * @throws IllegalArgumentException when the model has no such projections
   */
  public static Lora create(AdapterConfig config, DecoderConfig decoder, long seed, int use) {
    Check.atLeast("use", use, 0);
    Map<String, LoraAdapter> adapters = new LinkedHashMap<>();
    try (Scope scope = Scope.noGrad()) {
      long stream = FIRST_STREAM * (use + 1);
      Map<String, long[]> projections = projections(decoder);
      for (Map.Entry<String, AdapterTargets.Target> target : AdapterTargets.of(config, projections.keySet()).entrySet()) {
        int rank = target.getValue().rank();
        long out = projections.get(target.getKey())[0];
        long in = projections.get(target.getKey())[1];
        Check.require(in * rank <= MOST && out * rank <= MOST, "rank", rank, "at most " + MOST / Math.max(in, out) + " for "
            + target.getKey() + " of " + out + " by " + in);
        float[] a = new float[(int) (rank * in)];
        double bound = 1 / Math.sqrt(in);
        for (int i = 0; i < a.length; i++) {
          a[i] = (float) (bound * (2 * Philox.uniform(seed, stream, i) - 1));
        }
        adapters.put(target.getKey(), new LoraAdapter(Parameters.leaf(Tensors.of(a, rank, in), true),
            Parameters.leaf(Tensors.zeros(ScalarType.Float, out, rank), true), target.getValue().scale()));
        stream++;
      }
    }
    return new Lora(config, adapters);
  }

  /**
   * Reads trained adapters from a folder, to compute with them or to merge them; they are not trained further.
   *
   * @throws IOException when something is missing, malformed, not supported or not for this model; the message names file and
   *     reason
   */
  public static Lora load(Path folder, DecoderConfig decoder) throws IOException {
    Path configFile = folder.resolve(AdapterConfig.FILE_NAME);
    AdapterConfig config = AdapterConfig.read(configFile);
    Path weights = folder.resolve(FILE_NAME);
    if (!Files.exists(weights) && Files.exists(folder.resolve("adapter_model.bin"))) {
      throw new IOException(folder.resolve("adapter_model.bin") + ": is a pickle, which is not read; save the adapter again as "
          + FILE_NAME);
    }
    SafeTensors file = SafeTensors.open(weights);
    Map<String, LoraAdapter> adapters = new LinkedHashMap<>();
    try (Scope scope = Scope.noGrad()) {
      Map<String, long[]> projections = projections(decoder);
      Map<String, AdapterTargets.Target> targets = AdapterTargets.of(config, projections.keySet());
      check(targets, projections, file);
      for (Map.Entry<String, AdapterTargets.Target> target : targets.entrySet()) {
        String name = PREFIX + target.getKey();
        adapters.put(target.getKey(), new LoraAdapter(read(file, name + A), read(file, name + B), target.getValue().scale()));
      }
    } catch (IllegalArgumentException e) {
      throw new IOException(configFile + ": " + e.getMessage(), e);
    }
    return new Lora(config, adapters);
  }

  private static Tensor read(SafeTensors file, String name) throws IOException {
    Tensor tensor = file.read(name, ScalarType.Float);
    try (Scope scope = Scope.noGrad()) {
      if (!tensor.isfinite().all().item_bool()) {
        throw new IOException(file.source() + ": tensor \"" + name + "\" holds NaN or infinity; the adapter is broken, and so would be"
            + " every weight that it is folded into");
      }
    }
    return Parameters.leaf(tensor, false);
  }

  /** All of it before any memory is taken. */
  private static void check(Map<String, AdapterTargets.Target> targets, Map<String, long[]> projections, SafeTensors file)
      throws IOException {
    Set<String> unexpected = new LinkedHashSet<>(file.names());
    for (Map.Entry<String, AdapterTargets.Target> target : targets.entrySet()) {
      String name = PREFIX + target.getKey();
      long[] shape = projections.get(target.getKey());
      check(file, name + A, target.getValue().rank(), shape[1]);
      check(file, name + B, shape[0], target.getValue().rank());
      unexpected.removeAll(List.of(name + A, name + B));
    }
    if (!unexpected.isEmpty()) {
      throw new IOException(file.source() + ": tensor \"" + unexpected.iterator().next() + "\" does not belong to the adapters that "
          + AdapterConfig.FILE_NAME + " describes on this model");
    }
  }

  private static void check(SafeTensors file, String name, long... shape) throws IOException {
    if (!file.names().contains(name)) {
      throw new IOException(file.source() + ": lacks tensor \"" + name + "\"");
    }
    SafeTensors.Entry entry = file.entry(name);
    if (!Arrays.equals(entry.shape(), shape)) {
      throw new IOException(file.source() + ": tensor \"" + name + "\" has shape " + Arrays.toString(entry.shape()) + ", "
          + AdapterConfig.FILE_NAME + " and the model ask for " + Arrays.toString(shape));
    }
    if (!WeightFormat.isWeight(entry.dtype())) {
      throw new IOException(file.source() + ": tensor \"" + name + "\" is " + SafeTensorsHeader.nameOf(entry.dtype())
          + ", weights are F32, BF16 or F16");
    }
  }

  /** @throws IllegalArgumentException when they belong to a decoder with other projections */
  void requireFor(DecoderConfig decoder) {
    Map<String, long[]> projections = projections(decoder);
    adapters.forEach((module, adapter) -> {
      long[] shape = projections.get(module);
      long[] own = {adapter.b().size(0), adapter.a().size(1)};
      if (!Arrays.equals(own, shape)) {
        throw new IllegalArgumentException("the adapters belong to another model: their " + module + " is " + Arrays.toString(own)
            + ", this model " + (shape == null ? "has none" : "has " + Arrays.toString(shape)));
      }
    });
  }

  /** The same weights with the adapters folded in: f32 where there is one. Works on the rows asked for, so that a model need not fit memory. */
  SafeTensorsWriter.Source foldInto(SafeTensorsWriter.Source source) {
    return (name, from, count) -> {
      Tensor plain = source.read(name, from, count);
      LoraAdapter adapter = name.endsWith(WEIGHT) ? adapters.get(name.substring(0, name.length() - WEIGHT.length())) : null;
      return adapter == null ? plain : adapter.foldPart(plain, from);
    };
  }

  /** The weights' shapes [out, in] of all projections by their names. */
  private static Map<String, long[]> projections(DecoderConfig decoder) {
    Map<String, long[]> shapes = new LinkedHashMap<>();
    Decoder.layout(decoder).shapes().forEach((name, shape) -> {
      if (name.endsWith("_proj" + WEIGHT)) {
        shapes.put(name.substring(0, name.length() - WEIGHT.length()), shape);
      }
    });
    return shapes;
  }

  /** Writes both files; each appears whole or not at all. */
  public void save(Path folder) throws IOException {
    config.write(folder.resolve(AdapterConfig.FILE_NAME));
    SafeTensorsWriter.write(folder.resolve(FILE_NAME), tensors());
  }

  /** Writes both files and names the checkpoint that the adapters belong to. */
  public void save(Path folder, String baseModel) throws IOException {
    new Lora(config.withBaseModel(baseModel), adapters).save(folder);
  }

  /** Returns which projections have adapters and of what rank. */
  public AdapterConfig config() {
    return config;
  }

  /** Returns the adapters by the name of their projection, such as {@code model.layers.0.self_attn.q_proj}. */
  public Map<String, LoraAdapter> adapters() {
    return adapters;
  }

  /** Returns all tensors under their names in PEFT's file, in a fixed order. */
  public Map<String, Tensor> tensors() {
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    adapters.forEach((module, adapter) -> {
      tensors.put(PREFIX + module + A, adapter.a());
      tensors.put(PREFIX + module + B, adapter.b());
    });
    return tensors;
  }

  /** An independent copy, without gradients. */
  Lora copy() {
    return map(tensor -> tensor.detach().clone());
  }

  /** The same memory under leaves with gradients of their own. */
  Lora shared() {
    return map(Tensor::detach);
  }

  private Lora map(UnaryOperator<Tensor> operation) {
    Map<String, LoraAdapter> mapped = new LinkedHashMap<>();
    try (Scope scope = Scope.noGrad()) {
      adapters.forEach((module, adapter) -> mapped.put(module,
          new LoraAdapter(Parameters.leaf(operation.apply(adapter.a()), adapter.a().requires_grad()),
              Parameters.leaf(operation.apply(adapter.b()), adapter.b().requires_grad()), adapter.scale())));
    }
    return new Lora(config, mapped);
  }

  /** Frees the adapters and their gradients; a model that has them does this. */
  @Override
  public void close() {
    tensors().values().forEach(Tensor::close);
  }
}
