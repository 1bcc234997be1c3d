// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.util.Set;

/**
 * Maps {@link RopeScaling} to and from {@code config.json}: {@code rope_theta} with {@code rope_scaling} in transformers 4,
 * {@code rope_parameters} with all of it in transformers 5. As there, {@code rope_scaling} goes before {@code rope_parameters}.
 */
final class RopeJson {

  private static final double DEFAULT_THETA = 10_000;
  private static final Set<String> ONE = Set.of("1", "1.0");
  private static final Set<String> COMMON = Set.of("rope_type", "type", "rope_theta", "partial_rotary_factor");
  private static final Set<String> LLAMA3 =
      Set.of("factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings");

  private RopeJson() {
  }

  static RopeScaling read(ConfigJson json) throws IOException {
    boolean classic = json.has("rope_scaling") && !json.get("rope_scaling").isEmpty();
    String key = classic ? "rope_scaling" : "rope_parameters";
    if (!json.has(key)) {
      return RopeScaling.of(json.number("rope_theta", DEFAULT_THETA));
    }
    ConfigJson rope = json.object(key);
    double theta = theta(json, rope);
    String type = rope.text("rope_type", rope.text("type", "default"));
    boolean llama3 = type.equals("llama3");
    if (!llama3 && !type.equals("default")) {
      throw rope.wrong(rope.has("rope_type") ? "rope_type" : "type", "default or llama3");
    }
    rope.require("partial_rotary_factor", "1", ONE);
    for (String setting : rope.keys()) {
      if (!COMMON.contains(setting) && !(llama3 && LLAMA3.contains(setting))) {
        throw rope.wrong(setting, "no such setting in a rope of type " + type);
      }
    }
    if (!llama3) {
      return RopeScaling.of(theta);
    }
    int original = rope.positive("original_max_position_embeddings");
    if (json.positive("original_max_position_embeddings", original) != original) {
      throw json.wrong("original_max_position_embeddings", original + " as in " + key);
    }
    return new RopeScaling(theta, rope.number("factor"), rope.number("low_freq_factor"), rope.number("high_freq_factor"), original);
  }

  /** transformers 4 reads the base outside, 5 prefers the one inside; where both are there they must agree. */
  private static double theta(ConfigJson json, ConfigJson rope) throws IOException {
    double outside = json.number("rope_theta", rope.number("rope_theta", DEFAULT_THETA));
    double inside = rope.number("rope_theta", outside);
    if (inside != outside) {
      throw json.wrong("rope_theta", inside + " as in the rope's own settings");
    }
    return inside;
  }

  static void write(RopeScaling rope, ObjectNode json) {
    json.put("rope_theta", rope.theta());
    ObjectNode parameters = json.putObject("rope_parameters");
    parameters.put("rope_theta", rope.theta());
    parameters.put("rope_type", rope.stretched() ? "llama3" : "default");
    if (rope.stretched()) {
      parameters.put("factor", rope.factor());
      parameters.put("low_freq_factor", rope.lowFrequencyFactor());
      parameters.put("high_freq_factor", rope.highFrequencyFactor());
      parameters.put("original_max_position_embeddings", rope.originalMaxPositions());
      json.set("rope_scaling", parameters.deepCopy().without("rope_theta"));
    } else {
      json.putNull("rope_scaling");
    }
  }
}
