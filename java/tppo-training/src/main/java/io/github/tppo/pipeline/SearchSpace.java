// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.pipeline;

import io.github.tppo.policy.Permutation;
import io.github.tppo.run.ConfigException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Function;

/** The settings that a search tries for one method: all combinations of the values of some keys. */
final class SearchSpace {
  private static final long PURPOSE = 0x736561;

  private final String source;
  private final List<List<String>> combinations;

  /**
   * @param keys {@code key=value|value|...}
   * @param source the key of the configuration that holds them, for messages
   * @throws ConfigException when one of them does not have this form
   */
  SearchSpace(List<String> keys, String source) {
    this.source = source;
    List<List<String>> all = List.of(List.of());
    for (String key : keys) {
      int equals = key.indexOf('=');
      String[] values = equals <= 0 ? new String[0] : key.substring(equals + 1).split("\\|", -1);
      if (values.length == 0) {
        throw new ConfigException(source + ": found " + key + ", expected key=value|value|...");
      }
      List<List<String>> longer = new ArrayList<>();
      for (List<String> before : all) {
        for (String value : values) {
          List<String> more = new ArrayList<>(before);
          more.add(key.substring(0, equals + 1) + value.strip());
          longer.add(more);
        }
      }
      all = longer;
    }
    this.combinations = all;
  }

  /**
   * The overrides of each trial: none at first, then combinations in a seeded order; none is what another is already.
   *
   * @param resolved the whole settings that overrides lead to
   * @throws ConfigException when there are not enough: every method gets the same number of trials
   */
  List<List<String>> trials(int count, long seed, Function<List<String>, ?> resolved) {
    List<List<String>> trials = new ArrayList<>(List.of(List.of()));
    Set<Object> seen = new HashSet<>(Set.of(resolved.apply(List.of())));
    for (int next : Permutation.of(combinations.size(), Permutation.mix(seed, PURPOSE), 0)) {
      if (trials.size() < count && seen.add(resolved.apply(combinations.get(next)))) {
        trials.add(combinations.get(next));
      }
    }
    if (trials.size() < count) {
      throw new ConfigException(source + ": " + (trials.size() - 1) + " combinations of values that differ from the settings as they are,"
          + " expected at least " + (count - 1) + ": every method gets search.trials policies");
    }
    return trials;
  }
}
