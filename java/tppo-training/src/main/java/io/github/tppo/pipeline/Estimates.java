// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.pipeline;

import io.github.tppo.eval.Estimate;
import io.github.tppo.eval.ModelPair;
import io.github.tppo.eval.Relevance;
import io.github.tppo.eval.UserScores;
import io.github.tppo.judge.Template;
import io.github.tppo.run.TppoConfig;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Means with intervals, of one run or over the runs of several seeds: a run is an experiment with one seed. */
final class Estimates {
  private final int resamples;
  private final long seed;

  Estimates(TppoConfig config) {
    this.resamples = config.evaluation().bootstrapResamples();
    this.seed = config.seed();
  }

  /** The mean of what was measured once a user and seed, the same users in all seeds; null without a user. */
  Estimate of(List<UserScores> seeds) {
    return seeds.get(0).users().isEmpty() ? null
        : Estimate.of(seeds.stream().map(UserScores::values).toArray(double[][]::new), resamples, seed);
  }

  /**
   * The rates on the users who have a judged answer under every model and seed, so that all are compared on the same users.
   *
   * @param models each with one entry a seed
   */
  static Map<String, List<Relevance>> onSameUsers(Map<String, List<Relevance>> models) {
    List<Relevance> all = models.values().stream().flatMap(List::stream).toList();
    Map<String, List<Relevance>> same = new LinkedHashMap<>();
    models.forEach((name, seeds) -> same.put(name, seeds.stream().map(r -> r.onUsersOfAll(all)).toList()));
    return same;
  }

  /** How many users {@link #onSameUsers} left out, by template. */
  static Map<String, Object> usersLeftOut(Relevance before, Relevance after) {
    Map<String, Object> leftOut = new LinkedHashMap<>();
    for (Template template : List.of(Template.SENTENCE, Template.TOKEN)) {
      leftOut.put(key(template), before.with(template).users().size() - after.with(template).users().size());
    }
    return leftOut;
  }

  /**
   * Relevance rates of models.
   *
   * @param models each with one entry a seed
   * @return by template and model
   */
  Map<String, Object> relevance(Map<String, List<Relevance>> models) {
    Map<String, Object> rates = new LinkedHashMap<>();
    for (Template template : List.of(Template.SENTENCE, Template.TOKEN)) {
      Map<String, Estimate> each = new LinkedHashMap<>();
      models.forEach((name, seeds) -> each.put(name, of(seeds.stream().map(r -> r.with(template)).toList())));
      rates.put(key(template), each);
    }
    return rates;
  }

  /** Differences in relevance rate of all pairs of models, by pair and template; users and seeds are paired. */
  Map<String, Object> differences(Map<String, List<Relevance>> models) {
    Map<String, Object> differences = new LinkedHashMap<>();
    for (ModelPair pair : ModelPair.of(models.keySet())) {
      List<Relevance> first = models.get(pair.first());
      List<Relevance> second = models.get(pair.second());
      List<Relevance> gains = new ArrayList<>();
      for (int s = 0; s < first.size(); s++) {
        gains.add(first.get(s).minus(second.get(s)));
      }
      differences.put(pair.difference(), byTemplate(gains));
    }
    return differences;
  }

  /** Estimates with both templates. */
  Map<String, Object> byTemplate(List<Relevance> seeds) {
    Map<String, Object> both = new LinkedHashMap<>();
    for (Template template : List.of(Template.TOKEN, Template.SENTENCE)) {
      both.put(key(template), of(seeds.stream().map(r -> r.with(template)).toList()));
    }
    return both;
  }

  /** What results call a template. */
  static String key(Template template) {
    return template.key() + "_template";
  }
}
