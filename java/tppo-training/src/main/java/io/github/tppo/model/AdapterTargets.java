// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/** Which projections of a model have adapters by an {@link AdapterConfig}, and of what rank and scale. */
final class AdapterTargets {

  /** Modules that PEFT could adapt and this project does not. */
  private static final List<String> UNSUPPORTED = List.of("lm_head", "model.embed_tokens");

  private final AdapterConfig config;
  private final ModulePatterns patterns = new ModulePatterns();
  /** Null where names say what the targets are. */
  private final Pattern target;

  private AdapterTargets(AdapterConfig config) {
    this.config = config;
    this.target = config.targetPattern() == null || isAllLinear(config) ? null : patterns.whole(config.targetPattern());
  }

  /** Rank and scale of one adapter. */
  record Target(int rank, double scale) {
  }

  /**
   * Finds the targets.
   *
   * @param projections names of all that the model has
   * @return those that have adapters, in the same order
   * @throws IllegalArgumentException when there is none, when a name stands for none, or when another module is one
   */
  static Map<String, Target> of(AdapterConfig config, Iterable<String> projections) {
    return new AdapterTargets(config).find(projections);
  }

  private static boolean isAllLinear(AdapterConfig config) {
    return AdapterConfig.ALL_LINEAR.equalsIgnoreCase(config.targetPattern());
  }

  private Map<String, Target> find(Iterable<String> projections) {
    for (String module : UNSUPPORTED) {
      if (!isAllLinear(config) && isTarget(module)) {
        throw new IllegalArgumentException("target_modules takes in " + module + "; supported are the projections of attention"
            + " and MLP");
      }
    }
    List<String> found = new ArrayList<>();
    for (String module : projections) {
      if (isTarget(module)) {
        found.add(module);
      }
    }
    for (String name : config.targetModules()) {
      if (found.stream().noneMatch(module -> isNamed(module, name))) {
        throw new IllegalArgumentException("target_modules: \"" + name + "\" is no projection of the model; these are "
            + String.join(", ", AdapterConfig.PROJECTIONS));
      }
    }
    if (found.isEmpty()) {
      throw new IllegalArgumentException("target_modules: \"" + config.targetPattern() + "\" matches no projection of the model");
    }
    return sized(found);
  }

  private Map<String, Target> sized(List<String> modules) {
    Map<Pattern, Integer> ranks = compiled(config.rankPattern());
    Map<Pattern, Double> alphas = compiled(config.alphaPattern());
    Map<String, Target> targets = new LinkedHashMap<>();
    for (String module : modules) {
      int rank = first(ranks, module, config.rank());
      double alpha = first(alphas, module, config.alpha());
      targets.put(module, new Target(rank, alpha / (config.rankStabilized() ? Math.sqrt(rank) : rank)));
    }
    return targets;
  }

  private <T> Map<Pattern, T> compiled(Map<String, T> byExpression) {
    Map<Pattern, T> compiled = new LinkedHashMap<>();
    byExpression.forEach((expression, value) -> compiled.put(patterns.end(expression), value));
    return compiled;
  }

  private <T> T first(Map<Pattern, T> byPattern, String module, T otherwise) {
    for (Map.Entry<Pattern, T> entry : byPattern.entrySet()) {
      if (patterns.matches(entry.getKey(), module)) {
        return entry.getValue();
      }
    }
    return otherwise;
  }

  private boolean isTarget(String module) {
    if (target != null) {
      return patterns.matches(target, module);
    }
    return isAllLinear(config) || config.targetModules().stream().anyMatch(name -> isNamed(module, name));
  }

  private static boolean isNamed(String module, String name) {
    return module.equals(name) || module.endsWith("." + name);
  }
}
