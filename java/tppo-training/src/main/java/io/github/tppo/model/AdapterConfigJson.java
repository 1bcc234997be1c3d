// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.tppo.run.AtomicFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Maps {@link AdapterConfig} to and from {@code adapter_config.json}. A setting that is not known must be switched off. */
final class AdapterConfigJson {

  private static final Set<String> READ = Set.of("peft_type", "task_type", "r", "lora_alpha", "lora_dropout", "target_modules",
      "use_rslora", "rank_pattern", "alpha_pattern", "base_model_name_or_path", "bias", "init_lora_weights");
  /** Say nothing about what the model computes. */
  private static final Set<String> WITHOUT_EFFECT = Set.of("auto_mapping", "inference_mode", "peft_version", "revision",
      "megatron_core", "qalora_group_size");

  private AdapterConfigJson() {
  }

  static AdapterConfig read(Path file) throws IOException {
    if (!Files.isRegularFile(file)) {
      throw new IOException(file + ": no such file; an adapter's folder holds " + AdapterConfig.FILE_NAME + " and "
          + Lora.FILE_NAME);
    }
    ConfigJson json = ConfigJson.read(file);
    if (!json.text("peft_type", "").equals("LORA")) {
      throw json.wrong("peft_type", "LORA");
    }
    json.require("task_type", "CAUSAL_LM", Set.of("CAUSAL_LM"));
    json.require("bias", "none", Set.of("none"));
    // other ways to start change the base weights too, so that the adapter is wrong on the checkpoint that it names
    json.require("init_lora_weights", "true, false or gaussian", Set.of("true", "false", "gaussian"));
    for (String key : json.keys()) {
      if (!READ.contains(key) && !WITHOUT_EFFECT.contains(key) && !isOff(json.get(key))) {
        throw new IOException(file + ": " + key + " is " + json.get(key) + ", which is not supported");
      }
    }
    JsonNode targets = json.get("target_modules");
    try {
      return new AdapterConfig(json.positive("r"), json.number("lora_alpha"), names(json, targets),
          targets.isTextual() ? targets.textValue() : null, json.flag("use_rslora", false), ranks(json), alphas(json),
          json.number("lora_dropout", 0), json.text("base_model_name_or_path", null));
    } catch (IllegalArgumentException e) {
      throw new IOException(file + ": " + e.getMessage(), e);
    }
  }

  private static boolean isOff(JsonNode value) {
    return value.isNull() || value.isBoolean() && !value.booleanValue() || value.isContainerNode() && value.isEmpty();
  }

  private static List<String> names(ConfigJson json, JsonNode targets) throws IOException {
    String expected = "a list of names or a regular expression";
    if (targets == null || !targets.isTextual() && (!targets.isArray() || targets.isEmpty())) {
      throw json.wrong("target_modules", expected);
    }
    List<String> names = new ArrayList<>();
    for (JsonNode name : targets) {
      if (!name.isTextual()) {
        throw json.wrong("target_modules", expected);
      }
      names.add(name.textValue());
    }
    return names;
  }

  private static Map<String, Integer> ranks(ConfigJson json) throws IOException {
    Map<String, Integer> ranks = new LinkedHashMap<>();
    if (json.has("rank_pattern")) {
      ConfigJson patterns = json.object("rank_pattern");
      for (String key : patterns.keys()) {
        ranks.put(key, patterns.positive(key));
      }
    }
    return ranks;
  }

  private static Map<String, Double> alphas(ConfigJson json) throws IOException {
    Map<String, Double> alphas = new LinkedHashMap<>();
    if (json.has("alpha_pattern")) {
      ConfigJson patterns = json.object("alpha_pattern");
      for (String key : patterns.keys()) {
        alphas.put(key, patterns.number(key));
      }
    }
    return alphas;
  }

  static void write(AdapterConfig config, Path file) throws IOException {
    ObjectNode json = SafeTensorsHeader.JSON.createObjectNode();
    json.put("peft_type", "LORA");
    json.put("task_type", "CAUSAL_LM");
    json.put("base_model_name_or_path", config.baseModel());
    json.put("r", config.rank());
    putNumber(json, "lora_alpha", config.alpha());
    json.put("lora_dropout", config.dropout());
    if (config.targetPattern() == null) {
      config.targetModules().forEach(json.putArray("target_modules")::add);
    } else {
      json.put("target_modules", config.targetPattern());
    }
    json.put("use_rslora", config.rankStabilized());
    ObjectNode ranks = json.putObject("rank_pattern");
    config.rankPattern().forEach(ranks::put);
    ObjectNode alphas = json.putObject("alpha_pattern");
    config.alphaPattern().forEach((key, value) -> putNumber(alphas, key, value));
    json.put("bias", "none");
    json.put("fan_in_fan_out", false);
    json.put("inference_mode", true);
    json.put("init_lora_weights", true);
    json.putNull("modules_to_save");
    AtomicFiles.write(file, json.toPrettyString());
  }

  /** PEFT's alpha is a whole number wherever it can be. */
  private static void putNumber(ObjectNode json, String key, double value) {
    if (value == Math.rint(value) && Math.abs(value) < Integer.MAX_VALUE) {
      json.put(key, (int) value);
    } else {
      json.put(key, value);
    }
  }
}
