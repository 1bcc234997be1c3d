// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.pipeline;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.tppo.eval.ModelPair;
import io.github.tppo.eval.PairVerdict;
import io.github.tppo.eval.Relevance;
import io.github.tppo.eval.UserScores;
import io.github.tppo.run.RunException;
import io.github.tppo.run.TppoConfig;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Puts {@code results.json} of several runs together, which differ in their seed and have the same held-out users.
 *
 * <p>Rates and differences are estimated anew from the answers of all runs, with intervals over seeds and users. Other
 * figures are means over the runs that have them; times and counts of questions are sums.
 */
final class SeedResults {
  private static final ObjectMapper JSON = new ObjectMapper();

  private final Estimates estimates;
  private final List<Path> runs;
  private final List<List<Ablation>> ablations = new ArrayList<>();
  private final List<JsonNode> results = new ArrayList<>();

  /**
   * Reads the results of the runs.
   *
   * @param configs of the runs
   * @param runs their folders, in the same order
   */
  SeedResults(List<TppoConfig> configs, List<Path> runs) throws IOException {
    this.estimates = new Estimates(configs.get(0));
    this.runs = runs;
    configs.forEach(c -> ablations.add(Ablation.of(c)));
    for (Path run : runs) {
      Path file = run.resolve("results.json");
      try {
        results.add(JSON.readTree(file.toFile()));
      } catch (JsonProcessingException e) {
        throw new IOException(file + ": not valid JSON: " + e.getOriginalMessage() + "; run tppo evaluate again", e);
      }
    }
  }

  /** All figures, with the keys of a single run. */
  Map<String, Object> all() throws IOException {
    Map<String, List<Relevance>> judged = relevance();
    Map<String, List<Relevance>> relevance = Estimates.onSameUsers(judged);
    Map<String, Object> all = means(results);
    List<Long> seeds = new ArrayList<>();
    results.forEach(r -> seeds.add(r.at("/seeds/0").asLong()));
    all.put("seeds", seeds);
    all.put("held_out_users", judged.get("sft").get(0).token().users().size());
    all.put("users_left_out", Estimates.usersLeftOut(judged.get("sft").get(0), relevance.get("sft").get(0)));
    for (String counted : List.of("unjudged", "judge")) {
      sum(all, counted, results);
    }
    all.put("relevance_rate", estimates.relevance(relevance));
    all.put("difference", estimates.differences(relevance));
    all.put("pairwise", pairwise());
    all.put("ablation", ablation());
    Map<String, Double> seconds = new LinkedHashMap<>();
    results.forEach(r -> r.path("timing_s").properties().forEach(e -> seconds.merge(e.getKey(), e.getValue().asDouble(), Double::sum)));
    all.put("timing_s", seconds);
    return all;
  }

  private Map<String, List<Relevance>> relevance() throws IOException {
    Map<String, List<Relevance>> models = new LinkedHashMap<>();
    List<String> names = new ArrayList<>();
    results.get(0).at("/relevance_rate/token_template").fieldNames().forEachRemaining(names::add);
    UserScores users = null;
    for (String name : names) {
      for (Path run : runs) {
        Relevance each = read(run, name);
        users = users == null ? each.token() : users;
        try {
          each.token().requireUsersOf(users);
        } catch (IllegalArgumentException e) {
          throw new RunException(run + ": not the held-out users of " + runs.get(0) + " (" + e.getMessage()
              + "); choose another --out, so that all seeds are run on the same log", e);
        }
        models.computeIfAbsent(name, n -> new ArrayList<>()).add(each);
      }
    }
    return models;
  }

  private static Relevance read(Path run, String model) throws IOException {
    return Relevance.read(run.resolve("evaluate").resolve(model + ".jsonl"));
  }

  private Map<String, Object> pairwise() throws IOException {
    Map<String, Object> pairs = new LinkedHashMap<>();
    List<JsonNode> all = results.stream().map(r -> r.path("pairwise")).toList();
    for (Map.Entry<String, JsonNode> pair : all.get(0).properties()) {
      Map<String, Object> entry = means(all.stream().map(p -> p.path(pair.getKey())).toList());
      List<UserScores> nets = new ArrayList<>();
      for (Path run : runs) {
        nets.add(PairVerdict.winMinusLose(PairVerdict.read(PairVerdict.file(run.resolve("evaluate"), pair.getKey()))));
      }
      sum(entry, "unjudged", all.stream().map(p -> p.path(pair.getKey())).toList());
      Set<String> judged = UserScores.judgedInAll(nets);
      if (judged.isEmpty()) {
        entry.remove("win_minus_lose");
      } else {
        entry.put("win_minus_lose", estimates.of(nets.stream().map(n -> n.only(judged)).toList()));
      }
      pairs.put(pair.getKey(), entry);
    }
    return pairs;
  }

  /** Over the seeds that ran the ablations, also where the value is the one that TPPO has in all runs. */
  private Map<String, Object> ablation() throws IOException {
    Map<String, Map<String, Map<String, Object>>> settings = new LinkedHashMap<>();
    List<Integer> ran = new ArrayList<>();
    for (int s = 0; s < runs.size(); s++) {
      if (!ablations.get(s).isEmpty()) {
        ran.add(s);
      }
    }
    Map<String, Map<String, List<Relevance>>> judged = new LinkedHashMap<>();
    for (Ablation ablation : ran.isEmpty() ? List.<Ablation>of() : ablations.get(ran.get(0))) {
      List<Relevance> seeds = new ArrayList<>();
      List<JsonNode> figures = new ArrayList<>();
      for (int s : ran) {
        seeds.add(read(runs.get(s), ablation.arm().name()));
        figures.add(results.get(s).path("ablation").path(ablation.setting()).path(ablation.value()));
      }
      Map<String, Object> value = means(figures);
      sum(value, "unjudged", figures);
      judged.computeIfAbsent(ablation.setting(), k -> new LinkedHashMap<>()).put(ablation.value(), seeds);
      settings.computeIfAbsent(ablation.setting(), k -> new LinkedHashMap<>()).put(ablation.value(), value);
    }
    judged.forEach((setting, values) -> Estimates.onSameUsers(values)
        .forEach((value, seeds) -> settings.get(setting).get(value).putAll(estimates.byTemplate(seeds))));
    return new LinkedHashMap<>(settings);
  }

  /** Puts the sum in the place of the mean, if some run has what is counted. */
  private static void sum(Map<String, Object> means, String counted, List<JsonNode> objects) {
    means.computeIfPresent(counted, (key, mean) -> MeanTree.sum(objects.stream().map(o -> o.path(key)).toList()));
  }

  @SuppressWarnings("unchecked")
  private static Map<String, Object> means(List<JsonNode> objects) {
    return (Map<String, Object>) MeanTree.of(objects);
  }
}
