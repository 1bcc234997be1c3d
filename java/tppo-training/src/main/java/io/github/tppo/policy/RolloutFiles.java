// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.policy;

import io.github.tppo.model.SafeTensorsWriter;
import io.github.tppo.model.Scope;
import io.github.tppo.model.Tensors;
import io.github.tppo.run.AtomicFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.Objects;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Tensor;

/**
 * The rollouts of PPO as files, {@code round-000001.safetensors} and so on, one for each line of the metrics, from which every metric of
 * that line can be computed again (docs/rollouts.md lists what is in them). A round's file depends on the round alone, so that a run
 * that was interrupted writes the same bytes again.
 */
public final class RolloutFiles {
  /** The name of the folder beside the metrics. */
  public static final String FOLDER = "rollouts";
  private static final Pattern FILE = Pattern.compile("round-(\\d+)\\.safetensors.*"); // with what a kill left half written

  private final Path folder;

  /** @param stageDir where the metrics of the policy go */
  public RolloutFiles(Path stageDir) {
    this.folder = Objects.requireNonNull(stageDir, "stageDir").resolve(FOLDER);
  }

  /** Deletes the files of rounds that will be run again, as their lines of the metrics are dropped. */
  public void keep(long rounds) throws IOException {
    if (!Files.isDirectory(folder)) {
      return;
    }
    List<Path> all;
    try (Stream<Path> files = Files.list(folder)) {
      all = files.toList();
    }
    for (Path file : all) {
      Matcher name = FILE.matcher(file.getFileName().toString());
      if (name.matches() && Long.parseLong(name.group(1)) > rounds) {
        AtomicFiles.delete(file);
      }
    }
  }

  /**
   * Writes the file of a round, whole or not at all.
   *
   * @param round counted from 1, as the steps of the metrics
   * @param settings what a reader needs beside the tensors, by name
   */
  @SuppressWarnings("try") // a scope is opened for what its closing frees
  void write(long round, RolloutCollector.Collected collected, double[] scores, List<PpoUpdate> updates, Map<String, String> settings)
      throws IOException {
    Map<String, String> metadata = new LinkedHashMap<>();
    metadata.put("round", Long.toString(round));
    metadata.putAll(settings);
    try (Scope scope = Scope.noGrad()) {
      Map<String, Tensor> tensors = new LinkedHashMap<>();
      addRollout(tensors, collected, scores);
      addUpdates(tensors, updates);
      SafeTensorsWriter.write(folder.resolve(String.format("round-%06d.safetensors", round)), tensors, metadata);
    }
  }

  private static void addRollout(Map<String, Tensor> tensors, RolloutCollector.Collected collected, double[] scores) {
    Rollout r = collected.rollout();
    int n = r.size();
    int tokens = r.tokens();
    List<Sequence> sequences = r.sequences();
    put(tensors, "prompt_cu_seqlens", starts(sequences.stream().map(s -> s.prompt().length).toList()));
    put(tensors, "prompt_ids", sequences.stream().flatMapToInt(s -> Arrays.stream(s.prompt())).toArray());
    put(tensors, "cu_seqlens", r.cuSeqlens());
    put(tensors, "response_ids", sequences.stream().flatMapToInt(s -> Arrays.stream(s.response())).toArray());
    put(tensors, "lengths", sequences.stream().mapToInt(s -> s.response().length).toArray());
    tensors.put("finished", bytes(IntStream.range(0, n).mapToObj(b -> r.finished()[b]).toList()));
    tensors.put("scores", Tensors.of(scores, n));
    if (collected.given().terminal() != null) {
      tensors.put("terminal_rewards", Tensors.of(collected.given().terminal(), n));
    }
    tensors.put("mask", Tensors.of(r.valid(), tokens));
    put(tensors, "classes", r.classes());
    put(tensors, "token_rewards", collected.given().perToken());
    put(tensors, "shaped_rewards", r.shaped());
    put(tensors, "kl", r.kl());
    put(tensors, "rewards", r.rewards());
    put(tensors, "old_logprobs", r.oldLogprobs());
    put(tensors, "ref_logprobs", r.refLogprobs());
    put(tensors, "entropies", r.entropies());
    put(tensors, "values", r.values());
    put(tensors, "advantages", r.advantages());
    put(tensors, "returns", r.returns());
  }

  private static void addUpdates(Map<String, Tensor> tensors, List<PpoUpdate> updates) {
    put(tensors, "update_cu_responses", starts(updates.stream().map(u -> u.responses().length).toList()));
    put(tensors, "update_responses", updates.stream().flatMapToInt(u -> Arrays.stream(u.responses())).toArray());
    put(tensors, "update_cu_tokens", starts(updates.stream().map(u -> u.skipped() ? 0 : u.critic().values().length).toList()));
    put(tensors, "update_values", joined(updates, u -> u.skipped() ? null : u.critic().values()));
    tensors.put("update_critic_applied", bytes(updates.stream().map(u -> !u.skipped() && u.critic().optimizer().applied()).toList()));
    if (updates.stream().allMatch(u -> u.policy() == null)) {
      return; // the critic's warm-up, or nothing to learn from
    }
    put(tensors, "update_logprobs", joined(updates, u -> u.policy() == null ? null : u.policy().logprobs()));
    put(tensors, "update_entropies", joined(updates, u -> u.policy() == null ? null : u.policy().entropies()));
    put(tensors, "update_ratios", joined(updates, u -> u.policy() == null ? null : u.policy().ratios()));
    tensors.put("update_policy_applied", bytes(updates.stream().map(u -> u.policy() != null && u.policy().optimizer().applied()).toList()));
    tensors.put("update_grad_norms", Tensors.of(
        updates.stream().mapToDouble(u -> u.policy() == null ? 0 : u.policy().optimizer().gradNorm()).toArray(), updates.size()));
  }

  private static void put(Map<String, Tensor> tensors, String name, int[] values) {
    tensors.put(name, Tensors.of(values, values.length));
  }

  private static void put(Map<String, Tensor> tensors, String name, float[] values) {
    tensors.put(name, Tensors.of(values, values.length));
  }

  private static Tensor bytes(List<Boolean> flags) {
    byte[] bytes = new byte[flags.size()];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (byte) (flags.get(i) ? 1 : 0);
    }
    return Tensors.of(bytes, bytes.length);
  }

  private static int[] starts(List<Integer> lengths) {
    int[] starts = new int[lengths.size() + 1];
    for (int i = 0; i < lengths.size(); i++) {
      starts[i + 1] = starts[i] + lengths.get(i);
    }
    return starts;
  }

  /** The arrays of all mini-batches, one behind the other; one that has none adds nothing. */
  private static float[] joined(List<PpoUpdate> updates, Function<PpoUpdate, float[]> part) {
    List<float[]> parts = updates.stream().map(part).filter(p -> p != null).toList();
    float[] all = new float[parts.stream().mapToInt(p -> p.length).sum()];
    int at = 0;
    for (float[] each : parts) {
      System.arraycopy(each, 0, all, at, each.length);
      at += each.length;
    }
    return all;
  }
}
