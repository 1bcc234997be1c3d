// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import io.github.tppo.run.Check;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Which projections of a decoder have adapters and of what rank, as in PEFT's {@code adapter_config.json}.
 *
 * @param rank r, the inner dimension of an adapter
 * @param alpha numerator of the scale
 * @param targetModules names of projections, whole or their last parts such as {@code q_proj}; empty where a pattern says it
 * @param targetPattern regular expression that the whole name must match, or {@link #ALL_LINEAR}; null where names say it
 * @param rankStabilized whether the scale is alpha / sqrt(r) and not alpha / r
 * @param rankPattern rank of projections whose name ends with a match of the key; the first key that matches counts
 * @param alphaPattern alpha in the same way
 * @param dropout that the adapters were trained with elsewhere; without effect on what a trained model computes
 * @param baseModel folder or name of the checkpoint that the adapters belong to; null = not said
 */
public record AdapterConfig(int rank, double alpha, List<String> targetModules, String targetPattern, boolean rankStabilized,
    Map<String, Integer> rankPattern, Map<String, Double> alphaPattern, double dropout, String baseModel) {

  /** Name of the file in an adapter's folder. */
  public static final String FILE_NAME = "adapter_config.json";
  /** Stands for all {@link #PROJECTIONS}. */
  public static final String ALL_LINEAR = "all-linear";
  /** The projections of attention and MLP; the output layer is none of them. */
  public static final List<String> PROJECTIONS =
      List.of("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj");

  private static final int MOST_RANK = 1 << 20;

  public AdapterConfig {
    require(rank >= 1 && rank <= MOST_RANK, "r", rank, "1 to " + MOST_RANK);
    targetModules = Check.list("target_modules", targetModules);
    require(isFloat(alpha), "lora_alpha", alpha, "a number in the range of float32");
    require(dropout >= 0 && dropout < 1, "lora_dropout", dropout, "a number from 0 to below 1");
    require(targetModules.isEmpty() == (targetPattern != null), "target_modules", targetModules, "names, or one pattern");
    rankPattern.forEach((key, value) -> require(value >= 1, "rank_pattern." + key, value, "at least 1"));
    alphaPattern.forEach((key, value) -> require(isFloat(value), "alpha_pattern." + key, value, "a number in the range of float32"));
    rankPattern = Collections.unmodifiableMap(new LinkedHashMap<>(rankPattern)); // in order: the first match counts
    alphaPattern = Collections.unmodifiableMap(new LinkedHashMap<>(alphaPattern));
  }

  private static boolean isFloat(double value) {
    return Math.abs(value) <= Float.MAX_VALUE;
  }

  private static void require(boolean condition, String key, Object found, String expected) {
    if (!condition) {
      throw new IllegalArgumentException(key + " is " + found + ", expected " + expected);
    }
  }

  /** Adapters of one rank on the named projections, or on {@link #ALL_LINEAR}. */
  public static AdapterConfig of(int rank, double alpha, boolean rankStabilized, List<String> targets) {
    List<String> names = targets.equals(List.of(ALL_LINEAR)) ? PROJECTIONS : targets;
    return new AdapterConfig(rank, alpha, names, null, rankStabilized, Map.of(), Map.of(), 0, null);
  }

  /** Returns a copy that names the checkpoint which the adapters belong to. */
  public AdapterConfig withBaseModel(String value) {
    return new AdapterConfig(rank, alpha, targetModules, targetPattern, rankStabilized, rankPattern, alphaPattern, dropout, value);
  }

  /**
   * Reads {@code adapter_config.json}.
   *
   * @throws IOException when a key is missing or wrong, or a setting is not supported; the message names file and key
   */
  public static AdapterConfig read(Path file) throws IOException {
    return AdapterConfigJson.read(file);
  }

  /** Writes {@code adapter_config.json} as PEFT reads it. */
  public void write(Path file) throws IOException {
    AdapterConfigJson.write(this, file);
  }
}
