// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.verify;

import io.github.tppo.model.Longformer;
import io.github.tppo.model.SafeTensors;
import io.github.tppo.model.Scope;
import io.github.tppo.model.Tensors;
import io.github.tppo.verify.VerifyReport.FileReport;
import io.github.tppo.verify.VerifyReport.Quantity;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Compares a Longformer token classifier with expected logits. For each case C the file holds {@code C_input_ids} and
 * {@code C_logits}, and where they differ from their defaults {@code C_attention_mask} (all real),
 * {@code C_global_attention_mask} (none) and {@code C_token_type_ids} (all 0).
 */
@SuppressWarnings("try") // scopes are opened for what their closing frees
public final class LongformerVectors {

  private static final String LOGITS = "_logits";
  private static final String IDS = "_input_ids";
  private static final String ATTENTION = "_attention_mask";
  private static final String GLOBAL = "_global_attention_mask";
  private static final String TYPES = "_token_type_ids";
  private static final List<String> INPUTS = List.of(IDS, ATTENTION, GLOBAL, TYPES);

  private LongformerVectors() {}

  /**
   * Runs the model on every case of the file, on the CPU. Every tensor that is not an input is listed; one that could not be
   * compared is not ok and says why.
   *
   * @param model    a checkpoint folder in Hugging Face form
   * @param expected {@code expected.safetensors}
   * @throws IOException when the checkpoint or the file cannot be read
   */
  public static VerifyReport verify(Path model, Path expected) throws IOException {
    SafeTensors file = SafeTensors.open(expected);
    List<Quantity> quantities = new ArrayList<>();
    try (Longformer longformer = Longformer.open(model)) {
      for (String name : file.names()) {
        if (name.endsWith(LOGITS)) {
          quantities.add(compare(longformer, file, name));
        } else if (INPUTS.stream().noneMatch(name::endsWith)) {
          quantities.add(notCompared(name, "not a quantity of a token classifier; compared are C" + LOGITS));
        }
      }
    }
    return VerifyReport.of("cpu", List.of(new FileReport(expected.getFileName().toString(), quantities)));
  }

  private static Quantity compare(Longformer model, SafeTensors file, String name) throws IOException {
    String prefix = name.substring(0, name.length() - LOGITS.length());
    try (Scope scope = Scope.noGrad()) {
      Tensor ids = input(file, prefix + IDS);
      if (ids == null) {
        return notCompared(name, "the file has no \"" + prefix + IDS + "\"");
      }
      Tensor logits = model.logits(ids, input(file, prefix + ATTENTION), input(file, prefix + GLOBAL), input(file, prefix + TYPES));
      return Comparison.of(name, Tensors.toDoubles(file.read(name)), Tensors.toDoubles(logits), Comparison.Tolerance.MODEL);
    } catch (RuntimeException e) {
      // libtorch appends a native stack trace to what went wrong
      return notCompared(name, String.valueOf(e.getMessage()).lines().findFirst().orElse("no message"));
    }
  }

  private static Tensor input(SafeTensors file, String name) throws IOException {
    return file.names().contains(name) ? file.read(name, ScalarType.Long) : null;
  }

  private static Quantity notCompared(String name, String reason) {
    return new Quantity(name, 0, 0, 0, false, "not compared: " + reason);
  }
}
