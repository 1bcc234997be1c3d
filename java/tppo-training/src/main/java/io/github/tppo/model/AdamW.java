// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import io.github.tppo.kernels.GradNorm;
import io.github.tppo.kernels.Kernels;
import io.github.tppo.kernels.NativeArray;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * AdamW with clipping by the global norm, on the gradients that autograd and {@link Autograd#accumulate} left in the parameters;
 * the arithmetic is {@link Kernels#adamW}'s, which is that of torch. Parameters without a gradient are left alone, also by weight
 * decay.
 *
 * <p>Owns the moments, not the parameters. Not thread safe.
 */
@SuppressWarnings("try") // scopes are opened for what their closing frees
public final class AdamW implements AutoCloseable {

  private static final String FIRST = "exp_avg.";
  private static final String SECOND = "exp_avg_sq.";
  private static final String STEPS = "steps";

  private final AdamWOptions options;
  private final List<Slot> slots = new ArrayList<>();
  private boolean closed;

  /** A parameter with its moments and the number of steps it has taken. */
  private static final class Slot {
    final String name;
    final Tensor parameter;
    final Tensor first;
    final Tensor second;
    final boolean matrix;
    long steps;

    Slot(String name, Tensor parameter) {
      this.name = name;
      this.parameter = parameter;
      this.first = Scope.own(Tensors.zeros(ScalarType.Float, Tensors.shape(parameter)));
      this.second = Scope.own(Tensors.zeros(ScalarType.Float, Tensors.shape(parameter)));
      this.matrix = parameter.dim() > 1;
    }
  }

  /**
   * Makes an optimiser with zero moments.
   *
   * @param parameters contiguous f32 leaves under names that do not change, such as {@link Decoder#parameters}
   */
  public AdamW(Map<String, Tensor> parameters, AdamWOptions options) {
    this.options = Objects.requireNonNull(options, "options");
    TensorArguments.requireAll("parameters", parameters);
    parameters.forEach((name, parameter) -> {
      if (parameter.scalar_type().intern() != ScalarType.Float || !parameter.is_contiguous()) {
        throw new IllegalArgumentException("parameters \"" + name + "\" must be contiguous f32, is "
            + TensorArguments.text(parameter));
      }
    });
    try (Scope scope = Scope.noGrad()) {
      parameters.forEach((name, parameter) -> slots.add(new Slot(name, parameter)));
    }
  }

  /**
   * Takes one step. When the norm of the gradients is not finite nothing changes, and the result says so.
   *
   * @param learningRate of this step, at least 0
   */
  public StepResult step(double learningRate) {
    requireOpen();
    io.github.tppo.kernels.AdamWOptions decayed = options.kernelOptions(learningRate, true);
    io.github.tppo.kernels.AdamWOptions plain = options.kernelOptions(learningRate, options.decayVectors());
    try (Scope scope = Scope.noGrad()) {
      List<Slot> active = new ArrayList<>();
      List<NativeArray> gradients = new ArrayList<>();
      for (Slot slot : slots) {
        Tensor gradient = slot.parameter.grad();
        if (gradient.defined()) {
          active.add(slot);
          gradients.add(Tensors.view(gradient));
        }
      }
      if (active.isEmpty()) {
        throw new IllegalStateException("no parameter has a gradient; run a backward pass before step()");
      }
      GradNorm norm = Kernels.globalNorm(gradients, options.maxGradNorm());
      if (!Double.isFinite(norm.norm())) {
        return new StepResult(false, norm.norm(), false);
      }
      for (int i = 0; i < active.size(); i++) {
        Slot slot = active.get(i);
        slot.steps++;
        Kernels.adamW(Tensors.view(slot.parameter), gradients.get(i), Tensors.view(slot.first), Tensors.view(slot.second),
            slot.steps, norm.scale(), slot.matrix ? decayed : plain);
      }
      return new StepResult(true, norm.norm(), norm.scale() < 1);
    }
  }

  /** Sets all gradients to zero. */
  public void zeroGrad() {
    requireOpen();
    Autograd.zeroGradients(slots.stream().map(slot -> slot.parameter)::iterator);
  }

  /** Writes moments and step counts as a safetensors file. */
  public void save(Path file) throws IOException {
    requireOpen();
    try (Scope scope = Scope.noGrad()) {
      Map<String, Tensor> state = new LinkedHashMap<>();
      for (Slot slot : slots) {
        state.put(FIRST + slot.name, slot.first);
        state.put(SECOND + slot.name, slot.second);
      }
      state.put(STEPS, Tensors.of(slots.stream().mapToLong(slot -> slot.steps).toArray(), slots.size()));
      SafeTensorsWriter.write(file, state);
    }
  }

  /**
   * Reads what {@link #save} wrote for the same parameters.
   *
   * @throws IOException when the file is malformed or belongs to other parameters; nothing is changed then
   */
  public void load(Path file) throws IOException {
    requireOpen();
    SafeTensors state = SafeTensors.open(file);
    if (state.names().size() != 2 * slots.size() + 1) {
      throw new IOException(file + ": holds " + state.names().size() + " tensors, the state of " + slots.size()
          + " parameters has " + (2 * slots.size() + 1));
    }
    for (Slot slot : slots) {
      check(state, FIRST + slot.name, ScalarType.Float, Tensors.shape(slot.parameter));
      check(state, SECOND + slot.name, ScalarType.Float, Tensors.shape(slot.parameter));
    }
    check(state, STEPS, ScalarType.Long, slots.size());
    try (Scope scope = Scope.noGrad()) {
      long[] steps = Tensors.toLongs(state.read(STEPS));
      for (long taken : steps) {
        if (taken < 0) {
          throw new IOException(file + ": tensor \"" + STEPS + "\" holds " + taken + ", expected a number of steps");
        }
      }
      for (int i = 0; i < steps.length; i++) {
        Slot slot = slots.get(i);
        state.readInto(FIRST + slot.name, slot.first);
        state.readInto(SECOND + slot.name, slot.second);
        slot.steps = steps[i];
      }
    }
  }

  private void requireOpen() {
    if (closed) {
      throw new IllegalStateException("optimiser is closed");
    }
  }

  private static void check(SafeTensors state, String name, ScalarType dtype, long... shape) throws IOException {
    if (!state.names().contains(name)) {
      throw new IOException(state.source() + ": lacks tensor \"" + name + "\"; the file is the state of another model");
    }
    SafeTensors.Entry entry = state.entry(name);
    if (entry.dtype().intern() != dtype || !Arrays.equals(entry.shape(), shape)) {
      throw new IOException(state.source() + ": tensor \"" + name + "\" is " + SafeTensorsHeader.nameOf(entry.dtype()) + " "
          + Arrays.toString(entry.shape()) + ", expected " + SafeTensorsHeader.nameOf(dtype) + " " + Arrays.toString(shape));
    }
  }

  /** Frees the moments. */
  @Override
  public void close() {
    if (closed) {
      throw new IllegalStateException("optimiser is closed already");
    }
    closed = true;
    for (Slot slot : slots) {
      slot.first.close();
      slot.second.close();
    }
  }
}
