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
import java.util.function.Predicate;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * The trainable tensors of one model under their Hugging Face names, in a fixed order; f32 leaves of autograd that live until
 * {@link #close}.
 */
@SuppressWarnings("try") // scopes are opened for what their closing frees
final class Parameters implements AutoCloseable {

    /** How a new tensor is filled. */
    enum Init { NORMAL, NORMAL_PAD_ZERO, ONE, ZERO }

    private final Map<String, Tensor> tensors;
    private Precision precision = Precision.FLOAT32;
    private boolean closed;

    private Parameters(Map<String, Tensor> tensors) {
        this.tensors = tensors;
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
    }

    /** New weights: normal numbers from a counter-based generator, so the same bits for any number of threads. */
    static Parameters create(Layout layout, double standardDeviation, long seed) {
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        try (Scope scope = Scope.noGrad()) {
            long stream = 0;
            for (Map.Entry<String, long[]> entry : layout.shapes().entrySet()) {
                long count = Arrays.stream(entry.getValue()).reduce(1, Math::multiplyExact);
                float[] values = new float[Math.toIntExact(count)];
                Init init = layout.inits().get(entry.getKey());
                switch (init) {
                    case ONE -> Arrays.fill(values, 1);
                    case ZERO -> Arrays.fill(values, 0);
                    default -> {
                        Philox.normals(seed, stream, values);
                        for (int i = 0; i < values.length; i++) {
                            values[i] *= (float) standardDeviation;
                        }
                    }
                }
                if (init == Init.NORMAL_PAD_ZERO && layout.padRow() >= 0) {
                    int width = (int) entry.getValue()[1];
                    Arrays.fill(values, layout.padRow() * width, (layout.padRow() + 1) * width, 0);
                }
                tensors.put(entry.getKey(), leaf(Tensors.of(values, entry.getValue())));
                stream++;
            }
        }
        return new Parameters(tensors);
    }

    /**
     * Reads weights; BF16 and F16 are widened to f32.
     *
     * @param ignorable names that a file may hold beside those of the layout
     * @throws IOException when a tensor is missing, not expected or of another shape
     */
    static Parameters load(Layout layout, SafeTensors file, Predicate<String> ignorable) throws IOException {
        check(layout, file, ignorable);
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        try (Scope scope = Scope.noGrad()) {
            for (String name : layout.shapes().keySet()) {
                tensors.put(name, leaf(file.read(name, ScalarType.Float)));
            }
        }
        return new Parameters(tensors);
    }

    private static void check(Layout layout, SafeTensors file, Predicate<String> ignorable) throws IOException {
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
            if (!stored.dtype().intern().equals(ScalarType.Float) && SafeTensorsHeader.bytesOf(stored.dtype()) != 2) {
                throw new IOException(stored.file() + ": tensor \"" + entry.getKey() + "\" is " + SafeTensorsHeader.nameOf(stored.dtype())
                        + ", weights are F32, BF16 or F16");
            }
        }
    }

    private static String others(List<String> names) {
        return names.size() == 1 ? "" : " and " + (names.size() - 1) + " more";
    }

    private static Tensor leaf(Tensor tensor) {
        tensor.set_requires_grad(true);
        return Scope.own(tensor);
    }

    /** An independent copy, without gradients. */
    Parameters copy() {
        Map<String, Tensor> copies = new LinkedHashMap<>();
        try (Scope scope = Scope.noGrad()) {
            tensors.forEach((name, tensor) -> copies.put(name, leaf(tensor.detach().clone())));
        }
        return new Parameters(copies).with(precision);
    }

    /** The same memory under leaves of their own, with gradients of their own. */
    Parameters shared() {
        Map<String, Tensor> views = new LinkedHashMap<>();
        try (Scope scope = Scope.noGrad()) {
            tensors.forEach((name, tensor) -> views.put(name, leaf(tensor.detach())));
        }
        return new Parameters(views).with(precision);
    }

    /** Sets what the projections compute in, for these and later copies. */
    Parameters with(Precision chosen) {
        precision = chosen;
        return this;
    }

    Precision precision() {
        return precision;
    }

    /** Whether projections have to widen frozen matrices, such as those of a base model stored in bfloat16. */
    boolean widensFrozen() {
        return precision == Precision.FLOAT32
                && tensors.values().stream().anyMatch(tensor -> tensor.element_size() < Float.BYTES && !tensor.requires_grad());
    }

    Map<String, Tensor> map() {
        return Collections.unmodifiableMap(tensors);
    }

    /** Those that autograd gives gradients. */
    Map<String, Tensor> trainable() {
        Map<String, Tensor> leaves = new LinkedHashMap<>(tensors);
        leaves.values().removeIf(tensor -> !tensor.requires_grad());
        return Collections.unmodifiableMap(leaves);
    }

    Tensor get(String name) {
        return tensors.get(name);
    }

    void save(Path file) throws IOException {
        SafeTensorsWriter.write(file, tensors);
    }

    /** Frees the tensors and their gradients. */
    @Override
    public void close() {
        if (closed) {
            throw new IllegalStateException("model is closed already");
        }
        closed = true;
        tensors.values().forEach(Tensor::close);
    }
}
