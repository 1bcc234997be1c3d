// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Objects;
import org.bytedeco.pytorch.Tensor;

/** Parameters and optimiser of a model in training as two files, for checkpoints that a run goes on from. */
public final class TrainingState {
  private static final String WEIGHTS = "weights.safetensors";
  private static final String OPTIMIZER = "optimizer.safetensors";

  private TrainingState() {}

  /** Writes both into a folder that exists. */
  public static void save(Path folder, Map<String, Tensor> parameters, AdamW optimizer) throws IOException {
    Objects.requireNonNull(folder, "folder");
    Objects.requireNonNull(optimizer, "optimizer");
    TensorArguments.requireAll("parameters", parameters);
    SafeTensorsWriter.write(folder.resolve(WEIGHTS), parameters);
    optimizer.save(folder.resolve(OPTIMIZER));
  }

  /** Reads what {@link #save} wrote into the same parameters. */
  public static void load(Path folder, Map<String, Tensor> parameters, AdamW optimizer) throws IOException {
    Objects.requireNonNull(folder, "folder");
    Objects.requireNonNull(optimizer, "optimizer");
    TensorArguments.requireAll("parameters", parameters);
    SafeTensors file = SafeTensors.open(folder.resolve(WEIGHTS));
    try (Scope scope = Scope.noGrad()) {
      for (Map.Entry<String, Tensor> entry : parameters.entrySet()) {
        file.readInto(entry.getKey(), entry.getValue().detach());
      }
    }
    optimizer.load(folder.resolve(OPTIMIZER));
  }
}
