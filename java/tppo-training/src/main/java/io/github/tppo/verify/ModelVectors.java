// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.verify;

import io.github.tppo.model.Decoder;
import io.github.tppo.model.Generated;
import io.github.tppo.model.Generator;
import io.github.tppo.model.SafeTensors;
import io.github.tppo.model.SamplingOptions;
import io.github.tppo.model.Scope;
import io.github.tppo.model.Tensors;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.bytedeco.pytorch.Tensor;

/**
 * Compares a checkpoint with an {@code expected.safetensors} that transformers computed: of a decoder for each batch S
 * {@code S_logits} at the real tokens, and for each prompt I {@code genI_new_ids} (greedy, with cache, all prompts in one batch),
 * {@code genI_logprobs} and {@code genI_margin} (largest minus second-largest logit). Ids and log-probs are those of {@link Generator}, with
 * its cache; logits and margins come from one pass of {@link Decoder#hidden}. Logits of a decoder may differ by 2e-4, log-probs by 1e-4.
 * For a Longformer see {@link LongformerVectors}.
 */
@SuppressWarnings("try") // scopes are opened for what their closing frees
public final class ModelVectors {

  private static final double DECODER_LOGITS = 2e-4;
  private static final double LOGPROBS = 1e-4;
  private static final String NEW_IDS = "_new_ids";
  private static final Set<String> INPUTS = Set.of("_input_ids", "_attention_mask", "_position_ids", "_prompt_ids");

  private final SafeTensors expected;
  private final List<VerifyReport.Quantity> quantities = new ArrayList<>();

  private ModelVectors(SafeTensors expected) {
    this.expected = expected;
  }

  /**
   * Loads the checkpoint and compares every expected tensor.
   *
   * @param model checkpoint folder
   * @param expectedFile reference inputs and outputs
   * @throws IOException when a file is missing, malformed or not supported
   */
  public static VerifyReport verify(Path model, Path expectedFile) throws IOException {
    if (isLongformer(model)) {
      return LongformerVectors.verify(model, expectedFile);
    }
    ModelVectors vectors = new ModelVectors(SafeTensors.open(expectedFile));
    try (Decoder decoder = Decoder.open(model)) {
      vectors.compare(decoder);
    }
    String file = expectedFile.getFileName().toString();
    return VerifyReport.of("cpu", List.of(new VerifyReport.FileReport(file, vectors.quantities)));
  }

  private static boolean isLongformer(Path model) throws IOException {
    Path config = model.resolve("config.json");
    return Files.isRegularFile(config) && Files.size(config) < 1 << 20
        && Files.readString(config).matches("(?s).*\"model_type\"\\s*:\\s*\"longformer\".*");
  }

  private void compare(Decoder model) throws IOException {
    Map<String, Generated> generated = generate(model);
    for (String name : expected.names()) {
      String prefix = name.substring(0, name.lastIndexOf('_') + 1);
      try (Scope scope = Scope.noGrad()) {
        if (name.endsWith("_logits")) {
          Tensor mask = expected.read(prefix + "attention_mask");
          Tensor hidden = model.hidden(expected.read(prefix + "input_ids"), mask);
          logits(name, model.logits(hidden), mask, DECODER_LOGITS);
        } else if (name.endsWith(NEW_IDS)) {
          ids(name, generated.get(stem(name)).ids());
        } else if (name.endsWith("_logprobs")) {
          logprobs(name, generated.get(prefix), ints(prefix + "new_ids"));
        } else if (name.endsWith("_margin")) {
          Tensor best = scores(model, prefix).topk(2).get0();
          close(name, best.select(1, 0).sub(best.select(1, 1)), 2 * DECODER_LOGITS);
        } else {
          unknown(name);
        }
      }
    }
  }

  /** What the names of a prompt's tensors begin with, from the name of its new ids. */
  private static String stem(String newIds) {
    return newIds.substring(0, newIds.length() - NEW_IDS.length()) + "_";
  }

  /** Greedy continuations of all prompts in one batch. */
  private Map<String, Generated> generate(Decoder model) throws IOException {
    List<String> prefixes = new ArrayList<>();
    List<int[]> prompts = new ArrayList<>();
    int longest = 1;
    for (String name : expected.names()) {
      if (name.endsWith(NEW_IDS)) {
        String prefix = stem(name);
        prefixes.add(prefix);
        prompts.add(ints(prefix + "prompt_ids"));
        longest = Math.max(longest, ints(name).length);
      }
    }
    Generator generator = new Generator(model, -1);
    List<Generated> responses = generator.generate(prompts, new long[prompts.size()], SamplingOptions.greedy(longest));
    Map<String, Generated> byPrefix = new HashMap<>();
    for (int i = 0; i < prefixes.size(); i++) {
      byPrefix.put(prefixes.get(i), responses.get(i));
    }
    return byPrefix;
  }

  /** Logits [n, V] at which the n expected new ids are chosen, from one pass over prompt and continuation. */
  private Tensor scores(Decoder model, String prefix) throws IOException {
    int[] prompt = ints(prefix + "prompt_ids");
    int[] continuation = ints(prefix + "new_ids");
    int[] all = Arrays.copyOf(prompt, prompt.length + continuation.length);
    System.arraycopy(continuation, 0, all, prompt.length, continuation.length);
    Tensor hidden = model.hidden(Tensors.ids(all, 1, all.length), null).select(0, 0);
    return model.logits(hidden.narrow(0, prompt.length - 1, continuation.length));
  }

  private void logits(String name, Tensor found, Tensor mask, double tolerance) throws IOException {
    float[] expectedValues = Tensors.toFloats(expected.read(name));
    float[] foundValues = Tensors.toFloats(found);
    long[] real = Tensors.toLongs(mask);
    if (expectedValues.length != foundValues.length) {
      quantities.add(new VerifyReport.Quantity(name, 0, 0, 0, false, "has " + expectedValues.length + " values, the model gives "
          + foundValues.length));
      return;
    }
    int width = foundValues.length / real.length;
    double[] a = new double[foundValues.length];
    double[] b = new double[foundValues.length];
    int n = 0;
    for (int i = 0; i < foundValues.length; i++) {
      if (real[i / width] != 0) {
        a[n] = expectedValues[i];
        b[n++] = foundValues[i];
      }
    }
    close(name, Arrays.copyOf(a, n), Arrays.copyOf(b, n), tolerance);
  }

  private void close(String name, Tensor found, double tolerance) throws IOException {
    close(name, Tensors.toDoubles(expected.read(name)), Tensors.toDoubles(found), tolerance);
  }

  private void close(String name, double[] expectedValues, double[] found, double tolerance) {
    double largest = 0;
    double magnitude = 0;
    boolean finite = true;
    for (int i = 0; i < found.length; i++) {
      finite &= Double.isFinite(found[i]);
      largest = Math.max(largest, Math.abs(found[i] - expectedValues[i]));
      magnitude = Math.max(magnitude, Math.abs(expectedValues[i]));
    }
    boolean ok = finite && largest <= tolerance;
    String reason = ok ? null : !finite ? "not finite" : "differs by more than " + tolerance;
    quantities.add(new VerifyReport.Quantity(name, found.length, largest, magnitude == 0 ? 0 : largest / magnitude, ok, reason));
  }

  private void ids(String name, int[] found) throws IOException {
    int[] wanted = ints(name);
    int different = 0;
    int first = -1;
    for (int i = 0; i < wanted.length; i++) {
      if (wanted[i] != found[i]) {
        first = first < 0 ? i : first;
        different++;
      }
    }
    quantities.add(new VerifyReport.Quantity(name, wanted.length, different, (double) different / wanted.length, different == 0,
        different == 0 ? null : "first difference at new token " + first));
  }

  /** Where the ids differ, the log-probs are of another text. */
  private void logprobs(String name, Generated found, int[] wantedIds) throws IOException {
    double[] wanted = Tensors.toDoubles(expected.read(name));
    int mismatch = Arrays.mismatch(found.ids(), 0, wantedIds.length, wantedIds, 0, wantedIds.length);
    if (mismatch >= 0 || wanted.length != wantedIds.length) {
      quantities.add(new VerifyReport.Quantity(name, 0, 0, 0, false, mismatch >= 0 ? "other ids from new token " + mismatch + " on"
          : "has " + wanted.length + " values for " + wantedIds.length + " ids"));
      return;
    }
    double[] logprobs = new double[wanted.length];
    Arrays.setAll(logprobs, i -> found.logprobs()[i]);
    close(name, wanted, logprobs, LOGPROBS);
  }

  private void unknown(String name) {
    if (INPUTS.stream().noneMatch(name::endsWith)) {
      quantities.add(new VerifyReport.Quantity(name, 0, 0, 0, false, "not a quantity that this model gives"));
    }
  }

  private int[] ints(String name) throws IOException {
    try (Scope scope = Scope.noGrad()) {
      return Arrays.stream(Tensors.toLongs(expected.read(name))).mapToInt(Math::toIntExact).toArray();
    }
  }
}
