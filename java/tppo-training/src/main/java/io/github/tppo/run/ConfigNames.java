// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.run;

import java.util.Collection;
import java.util.Locale;
import java.util.Optional;

/** How Java names are written in a configuration, and which known name a misspelt one was meant to be. */
final class ConfigNames {
  private ConfigNames() {}

  /** {@code learningRate} as {@code learning_rate}, {@code topK} as {@code top_k}; what has no capitals is unchanged. */
  static String snake(String javaName) {
    StringBuilder out = new StringBuilder();
    for (int i = 0; i < javaName.length(); i++) {
      char c = javaName.charAt(i);
      if (Character.isUpperCase(c)) {
        boolean afterLower = i > 0 && !Character.isUpperCase(javaName.charAt(i - 1));
        boolean beforeLower = i > 0 && i + 1 < javaName.length() && Character.isLowerCase(javaName.charAt(i + 1));
        if ((afterLower || beforeLower) && out.length() > 0 && out.charAt(out.length() - 1) != '_') {
          out.append('_');
        }
        out.append(Character.toLowerCase(c));
      } else {
        out.append(c);
      }
    }
    return out.toString();
  }

  /** An enum constant as it is written in a configuration. */
  static String of(Enum<?> constant) {
    return constant.name().toLowerCase(Locale.ROOT);
  }

  /** A written name reduced to what is compared: case, hyphens and underscores do not count. */
  static String folded(String name) {
    return name.toLowerCase(Locale.ROOT).replace("-", "").replace("_", "");
  }

  static String join(String path, String key) {
    return path.isEmpty() ? key : path + "." + key;
  }

  /** The known name that is nearest to {@code name}, if any is near enough to have been meant. */
  static Optional<String> nearest(String name, Collection<String> known) {
    String best = null;
    int bestDistance = Integer.MAX_VALUE;
    for (String candidate : known) {
      int distance = distance(folded(name), folded(candidate));
      if (distance < bestDistance) {
        best = candidate;
        bestDistance = distance;
      }
    }
    int limit = Math.max(1, folded(name).length() / 3);
    return bestDistance <= limit ? Optional.of(best) : Optional.empty();
  }

  /** Edit distance with insertion, deletion, substitution and the swap of two neighbours, each costing 1. */
  static int distance(String a, String b) {
    int[] beforeLast = new int[b.length() + 1];
    int[] last = new int[b.length() + 1];
    int[] row = new int[b.length() + 1];
    for (int j = 0; j <= b.length(); j++) {
      last[j] = j;
    }
    for (int i = 1; i <= a.length(); i++) {
      row[0] = i;
      for (int j = 1; j <= b.length(); j++) {
        int cost = a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1;
        row[j] = Math.min(Math.min(row[j - 1], last[j]) + 1, last[j - 1] + cost);
        if (i > 1 && j > 1 && a.charAt(i - 1) == b.charAt(j - 2) && a.charAt(i - 2) == b.charAt(j - 1)) {
          row[j] = Math.min(row[j], beforeLast[j - 2] + 1);
        }
      }
      int[] spare = beforeLast;
      beforeLast = last;
      last = row;
      row = spare;
    }
    return last[b.length()];
  }
}
