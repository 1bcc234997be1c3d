// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Predicate;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * The tensors of one model under their Hugging Face names, in a fixed order, and its adapters if it has any; they live until
 * {@link #close}. Tensors are f32 leaves of autograd, or views of a mapped checkpoint without gradients, in the dtypes in which it is stored.
 */
@SuppressWarnings("try") // scopes are opened for what their closing frees
final class Parameters implements AutoCloseable {

  /** How a new tensor is filled. */
  enum Init { NORMAL, NORMAL_PAD_ZERO, ONE, ZERO }

  private final Map<String, Tensor> tensors;
  private Precision precision = Precision.FLOAT32;
  /** Null where the model has no adapters. */
  private final Lora lora;
  private boolean merged;
  private boolean closed;

  private Parameters(Map<String, Tensor> tensors) {
    this(tensors, null, false);
  }

  private Parameters(Map<String, Tensor> tensors, Lora lora, boolean merged) {
    this.tensors = tensors;
    this.lora = lora;
    this.merged = merged;
  }

  /**
   * What a model needs: names, shapes and how to fill new ones.
   *
   * @param padRow the row that starts as zeros with {@link Init#NORMAL_PAD_ZERO}
   */
  record Layout(LinkedHashMap<String, long[]> shapes, Map<String, Init> inits, int padRow) {

    Layout(int padRow) {
      this(new LinkedHashMap<>(), new LinkedHashMap<>(), padRow);
    }

    void add(String name, Init init, long... shape) {
      shapes.put(name, shape);
      inits.put(name, init);
    }

    /** Fills {@code out} with new values of a tensor, from element {@code from} on; {@code stream} is its place in the layout. */
    void fill(String name, long stream, double standardDeviation, long seed, long from, float[] out) {
      Init init = inits.get(name);
      if (init == Init.ONE || init == Init.ZERO) {
        Arrays.fill(out, init == Init.ONE ? 1 : 0);
        return;
      }
      Philox.normals(seed, stream, from, out);
      boolean pad = init == Init.NORMAL_PAD_ZERO && padRow >= 0;
      long padEnd = pad ? (padRow + 1) * shapes.get(name)[1] : 0;
      long padFrom = pad ? padEnd - shapes.get(name)[1] : 0;
      for (int i = 0; i < out.length; i++) {
        boolean zero = from + i >= padFrom && from + i < padEnd;
        out[i] = zero ? 0 : out[i] * (float) standardDeviation;
      }
    }
  }

  /** New weights: normal numbers from a counter-based generator, so the same bits for any number of threads. */
  static Parameters create(Layout layout, double standardDeviation, long seed) {
    layout.shapes().forEach(Parameters::requireSmall);
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    try (Scope scope = Scope.noGrad()) {
      long stream = 0;
      for (Map.Entry<String, long[]> entry : layout.shapes().entrySet()) {
        long count = Arrays.stream(entry.getValue()).reduce(1, (a, b) -> a * b);
        float[] values = new float[(int) count];
        layout.fill(entry.getKey(), stream, standardDeviation, seed, 0, values);
        tensors.put(entry.getKey(), leaf(Tensors.of(values, entry.getValue()), true));
        stream++;
      }
    }
    return new Parameters(tensors);
  }

  /** A new tensor is made in a Java array. */
  private static final long MOST_ELEMENTS = Integer.MAX_VALUE - 8;

  private static void requireSmall(String name, long[] shape) {
    long count = 1;
    for (long size : shape) {
      if (size < 0 || size > 0 && count > MOST_ELEMENTS / size) {
        throw new IllegalArgumentException("tensor \"" + name + "\" of shape " + Arrays.toString(shape) + " is too large to be made"
            + " in memory; CheckpointTools.writeRandom writes it to a file");
      }
      count *= size;
    }
  }

  /**
   * Reads weights into memory of their own, to be trained; BF16 and F16 are widened to f32.
   *
   * @throws IOException when a file was cut since {@link #check}
   */
  static Parameters load(Layout layout, SafeTensors file) throws IOException {
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    try (Scope scope = Scope.noGrad()) {
      for (String name : layout.shapes().keySet()) {
        tensors.put(name, leaf(file.read(name, ScalarType.Float), true));
      }
    }
    return new Parameters(tensors);
  }

  /**
   * Maps weights as they are stored (see {@link SafeTensors#map}); they have no gradients.
   *
   * @throws IOException when a file was cut since {@link #check}
   */
  static Parameters open(Layout layout, SafeTensors file) throws IOException {
    try (Scope scope = Scope.noGrad()) {
      Map<String, Tensor> tensors = file.map(layout.shapes().keySet());
      tensors.values().forEach(Scope::own);
      return new Parameters(tensors);
    }
  }

  /**
   * Refuses a config that asks for more layers than there are tensors, before anything is made for each of them.
   *
   * @param layers of {@code config.json}
   */
  static void checkLayers(int layers, SafeTensors file) throws IOException {
    if (layers > file.names().size()) {
      throw new IOException(file.source() + ": holds " + file.names().size() + " tensors, too few for the " + layers
          + " layers of config.json's num_hidden_layers");
    }
  }

  /**
   * Compares the header of a checkpoint with what a model needs, before memory is taken for it.
   *
   * @param ignorable names that a file may hold beside those of the layout
   * @throws IOException when a tensor is missing, not expected, of another shape or no weight
   */
  static void check(Layout layout, SafeTensors file, Predicate<String> ignorable) throws IOException {
    List<String> missing = new ArrayList<>(layout.shapes().keySet());
    missing.removeAll(file.names());
    if (!missing.isEmpty()) {
      throw new IOException(file.source() + ": lacks tensor \"" + missing.get(0) + "\"" + others(missing));
    }
    List<String> unexpected = new ArrayList<>(file.names());
    unexpected.removeAll(layout.shapes().keySet());
    unexpected.removeIf(ignorable);
    if (!unexpected.isEmpty()) {
      throw new IOException(file.source() + ": tensor \"" + unexpected.get(0) + "\" does not belong to the model that config.json"
          + " describes" + others(unexpected));
    }
    for (Map.Entry<String, long[]> entry : layout.shapes().entrySet()) {
      SafeTensors.Entry stored = file.entry(entry.getKey());
      if (!Arrays.equals(stored.shape(), entry.getValue())) {
        throw new IOException(stored.file() + ": tensor \"" + entry.getKey() + "\" has shape " + Arrays.toString(stored.shape())
            + ", config.json asks for " + Arrays.toString(entry.getValue()));
      }
      if (!WeightFormat.isWeight(stored.dtype())) {
        throw new IOException(stored.file() + ": tensor \"" + entry.getKey() + "\" is " + SafeTensorsHeader.nameOf(stored.dtype())
            + ", weights are F32, BF16 or F16");
      }
    }
  }

  private static String others(List<String> names) {
    return names.size() == 1 ? "" : " and " + (names.size() - 1) + " more";
  }

  /** The tensor itself, to be kept until it is closed; with gradients if it is to be trained. */
  static Tensor leaf(Tensor tensor, boolean trainable) {
    tensor.set_requires_grad(trainable);
    return Scope.own(tensor);
  }

  /** An independent copy, without gradients. */
  Parameters copy() {
    requireOpen();
    Map<String, Tensor> copies = new LinkedHashMap<>();
    try (Scope scope = Scope.noGrad()) {
      tensors.forEach((name, tensor) -> copies.put(name, leaf(tensor.detach().clone(), tensor.requires_grad())));
    }
    return new Parameters(copies, lora == null ? null : lora.copy(), merged).with(precision);
  }

  /** The same memory under leaves of their own, with gradients of their own where these have any. */
  Parameters shared() {
    requireOpen();
    Map<String, Tensor> views = new LinkedHashMap<>();
    try (Scope scope = Scope.noGrad()) {
      tensors.forEach((name, tensor) -> views.put(name, leaf(tensor.detach(), tensor.requires_grad())));
    }
    return new Parameters(views, lora == null ? null : lora.shared(), merged).with(precision);
  }

  /** Sets what the projections compute in, for these and later copies. */
  Parameters with(Precision chosen) {
    precision = chosen;
    return this;
  }

  Precision precision() {
    return precision;
  }

  /** The same memory, frozen, with adapters or without (null). */
  Parameters frozen(Lora adapters) {
    requireOpen();
    Map<String, Tensor> views = new LinkedHashMap<>();
    try (Scope scope = Scope.noGrad()) {
      tensors.forEach((name, tensor) -> views.put(name, leaf(tensor.detach(), false)));
    }
    return new Parameters(views, adapters, false).with(precision);
  }

  /** The adapters, or null. */
  Lora lora() {
    return lora;
  }

  /** The adapter that adds to a projection's output, or null. */
  LoraAdapter adapter(String projection) {
    return lora == null || merged ? null : lora.adapters().get(projection);
  }

  boolean merged() {
    return merged;
  }

  /** Folds the adapters into the weights, or takes them out again. The new weights are new f32 memory: who shared the old keeps it. */
  void setMerged(boolean merge) {
    requireOpen();
    if (lora == null || merged == merge) {
      throw new IllegalStateException(lora == null ? "the model has no adapters" : "the adapters are "
          + (merge ? "merged already" : "not merged"));
    }
    try (Scope scope = Scope.noGrad()) {
      lora.adapters().forEach((projection, adapter) -> tensors.computeIfPresent(projection + ".weight", (name, weight) -> {
        try (Scope one = Scope.open(); weight) {
          return leaf(adapter.fold(weight, merge ? 1 : -1), weight.requires_grad());
        }
      }));
    }
    merged = merge;
  }

  /** Whether projections have to widen frozen matrices, such as those of a base model stored in bfloat16. */
  boolean widensFrozen() {
    return precision == Precision.FLOAT32
        && tensors.values().stream().anyMatch(tensor -> tensor.element_size() < Float.BYTES && !tensor.requires_grad());
  }

  Map<String, Tensor> map() {
    requireOpen();
    return Collections.unmodifiableMap(tensors);
  }

  /** Those that autograd gives gradients, adapters included unless they are merged. */
  Map<String, Tensor> trainable() {
    requireOpen();
    Map<String, Tensor> leaves = new LinkedHashMap<>(tensors);
    if (lora != null && !merged) {
      leaves.putAll(lora.tensors());
    }
    leaves.values().removeIf(tensor -> !tensor.requires_grad());
    return Collections.unmodifiableMap(leaves);
  }

  Tensor get(String name) {
    return tensors.get(name);
  }

  /** Writes the {@code config.json} of a model whose weights have a format. */
  interface ConfigFile {
    void write(Path folder, WeightFormat format) throws IOException;
  }

  /** Writes a checkpoint folder: weights with the adapters folded in a part of a tensor at a time, so that no copy of them takes memory. */
  void save(Path folder, WeightFormat format, ConfigFile config) throws IOException {
    requireOpen();
    Objects.requireNonNull(folder, "folder");
    Objects.requireNonNull(format, "format");
    Map<String, long[]> shapes = new LinkedHashMap<>();
    tensors.forEach((name, tensor) -> shapes.put(name, Tensors.shape(tensor)));
    SafeTensorsWriter.Source source = SafeTensorsWriter.Source.of(tensors);
    try (WeightFiles.Claim claim = WeightFiles.claim(folder)) {
      config.write(folder, format);
      WeightFiles.write(folder, shapes, lora == null || merged ? source : lora.foldInto(source), format, bytes -> { });
    }
  }

  /** @throws IllegalStateException when the model is closed */
  void requireOpen() {
    if (closed) {
      throw new IllegalStateException("model is closed");
    }
  }

  /** Frees the tensors and their gradients. */
  @Override
  public void close() {
    if (closed) {
      throw new IllegalStateException("model is closed already");
    }
    closed = true;
    tensors.values().forEach(Tensor::close);
    if (lora != null) {
      lora.close();
    }
  }
}
