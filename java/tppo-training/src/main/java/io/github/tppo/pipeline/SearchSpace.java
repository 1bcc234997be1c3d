// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.pipeline;

import io.github.tppo.policy.Permutation;
import io.github.tppo.run.ConfigException;
import java.util.ArrayList;
import java.util.List;

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
   * The overrides of each trial: none at first, then combinations in a seeded order, each once.
   *
   * @throws ConfigException when there are not enough: every method gets the same number of trials
   */
  List<List<String>> trials(int count, long seed) {
    if (combinations.size() < count - 1) {
      throw new ConfigException(source + ": " + combinations.size() + " combinations of values, expected at least "
          + (count - 1) + " beside the settings as they are: every method gets search.trials policies");
    }
    List<List<String>> trials = new ArrayList<>(List.of(List.of()));
    int[] order = Permutation.of(combinations.size(), Permutation.mix(seed, PURPOSE), 0);
    for (int i = 0; i < count - 1; i++) {
      trials.add(combinations.get(order[i]));
    }
    return trials;
  }
}
