// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.report;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import java.util.Map;
import java.util.Random;

/** A made-up folder of three seeds: all models, ablations, a search, a judge behind a network, and the results of all seeds. */
final class SampleExperiment {
  static final List<String> MODELS = List.of("sft", "dpo", "ppo", "printed", "tppo");
  static final int SEEDS = 3;
  private static final ObjectMapper JSON = new ObjectMapper();

  private SampleExperiment() {}

  static void write(Path root) throws IOException {
    List<ObjectNode> results = new ArrayList<>();
    for (int seed = 1; seed <= SEEDS; seed++) {
      Path run = root.resolve("seed-" + seed);
      SampleRun.write(run, MODELS, seed);
      ObjectNode own = (ObjectNode) JSON.readTree(run.resolve("results.json").toFile());
      own.withObject("/reward_model/sentence").put("auc_weighted", 0.74 + 0.004 * seed).put("eval_loss", 0.33);
      JSON.writeValue(run.resolve("results.json").toFile(), own);
      judge(run, own);
      results.add(own);
    }
    ObjectNode all = (ObjectNode) mean(results);
    JSON.writeValue(Files.createDirectories(root).resolve("config.json").toFile(),
        ((ObjectNode) JSON.readTree(root.resolve("seed-1/config.json").toFile())).setAll(Map.of("experiment",
            JSON.valueToTree(Map.of("seeds", IntStream.rangeClosed(1, SEEDS).toArray())))));
    ArrayNode seeds = all.putArray("seeds");
    for (int seed = 1; seed <= SEEDS; seed++) {
      seeds.add(seed);
    }
    all.withObject("/judge").put("name", "chat: a model").put("asked", 14400).withObject("templates")
        .put("token", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08");
    all.withObject("/judge/usage/evaluate").put("requests", 43210).put("retries", 0);
    all.withObject("/unjudged/token_template").put("tppo", 12).put("sft", 0);
    all.withObject("/unjudged/sentence_template").put("tppo", 0);
    all.withObject("/users_left_out").put("token_template", 4).put("sentence_template", 0);
    all.withObject("/pairwise/tppo_vs_sft").put("unjudged", 7);
    ablations(root, all);
    JSON.writeValue(root.resolve("results.json").toFile(), all);
    search(root);
  }

  private static void judge(Path run, ObjectNode results) throws IOException {
    ObjectNode stats = (ObjectNode) JSON.readTree(run.resolve("labels/stats.json").toFile());
    ObjectNode token = (ObjectNode) stats.path("token");
    token.put("template_sha256", "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752");
    token.put("requests", 12801).put("retries", 139).withObject("usage").put("prompt_tokens", 5120400).put("completion_tokens", 1290233);
    ObjectNode sentence = stats.putObject("sentence");
    sentence.setAll(token.deepCopy());
    sentence.remove(List.of("class_tokens"));
    JSON.writeValue(run.resolve("labels/stats.json").toFile(), stats);
  }

  /** Numbers are averaged; means with an interval get one from the seeds' own and keep every seed's value. */
  private static JsonNode mean(List<? extends JsonNode> parts) {
    JsonNode first = parts.get(0);
    if (first.isNumber()) {
      return JSON.getNodeFactory().numberNode(parts.stream().mapToDouble(JsonNode::asDouble).average().orElseThrow());
    }
    if (first.isArray()) {
      ArrayNode out = JSON.createArrayNode();
      for (int i = 0; i < first.size(); i++) {
        int at = i;
        out.add(mean(parts.stream().map(p -> p.path(at)).toList()));
      }
      return out;
    }
    ObjectNode out = JSON.createObjectNode();
    first.fieldNames().forEachRemaining(f -> out.set(f, mean(parts.stream().map(p -> p.path(f)).toList())));
    if (first.has("ci95")) {
      ArrayNode seeds = out.putArray("per_seed");
      parts.forEach(p -> seeds.add(p.path("mean").asDouble()));
    }
    return out;
  }

  private static void ablations(Path root, ObjectNode results) throws IOException {
    Random random = new Random(3);
    String[][] settings = {{"local_weight", "0.0", "0.2", "0.4", "0.6", "0.8", "1.0"}, {"length_penalty", "on", "off"},
        {"alpha", "0.5", "2.0", "4.0"}, {"class_values", "0,1,2", "0,0,1", "0,-1,1"}};
    for (String[] setting : settings) {
      ObjectNode values = results.withObject("/ablation").putObject(setting[0]);
      for (int v = 1; v < setting.length; v++) {
        double gain = 1 + 0.3 * random.nextGaussian();
        ObjectNode value = values.putObject(setting[v]);
        for (String template : List.of("token_template", "sentence_template")) {
          double mean = (template.startsWith("token") ? 36 : 30) + 6 * gain;
          value.putObject(template).put("mean", mean).putArray("ci95").add(mean - 2).add(mean + 2.2);
        }
        value.put("mean_tokens", 25 + 3 * gain).put("right_count", 0.93);
        boolean runsOwn = setting[v].equals("0.4") || setting[v].equals("on") || setting[v].equals("2.0") || setting[v].equals("0,0,1");
        if (!runsOwn) {
          SampleCurves.ablation(root.resolve("seed-1"), setting[0] + "-" + setting[v].replace(',', '_'), gain,
              setting[0].equals("local_weight"), v);
        }
      }
    }
  }

  private static void search(Path root) throws IOException {
    Random random = new Random(5);
    StringBuilder lines = new StringBuilder();
    for (String method : List.of("dpo", "ppo", "tppo")) {
      for (int trial = 1; trial <= 12; trial++) {
        double kl = 6 * random.nextDouble();
        double score = 24 + (method.equals("tppo") ? 3 : 1) * random.nextDouble() - Math.abs(kl - 3);
        ObjectNode line = JSON.createObjectNode().put("method", method).put("trial", trial);
        line.putArray("overrides").add("policy.optimizer.learning_rate=" + trial + "e-5").add("policy.kl_coef=0." + trial);
        line.put("score", score).put("token_template", score + 1).put("sentence_template", score - 2).put("kl", kl)
            .put("mean_tokens", 22 + 6 * random.nextDouble()).put("right_count", 0.9).put("seconds", 200 + 50 * random.nextDouble());
        lines.append(line).append('\n');
      }
    }
    Files.createDirectories(root.resolve("search"));
    Files.writeString(root.resolve("search/record.jsonl"), lines);
  }
}
