// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.data;

import java.util.Collections;
import java.util.Map;
import java.util.TreeMap;

/** Counts by name. */
final class Counts {
  private final Map<String, long[]> counts = new TreeMap<>();

  void add(String name, long n) {
    if (n != 0) {
      counts.computeIfAbsent(name, k -> new long[1])[0] += n;
    }
  }

  void add(Counts other) {
    other.counts.forEach((name, n) -> add(name, n[0]));
  }

  long get(String name) {
    return counts.getOrDefault(name, new long[1])[0];
  }

  long total() {
    return counts.values().stream().mapToLong(c -> c[0]).sum();
  }

  /** The counts, in the order of their names. */
  Map<String, Long> toMap() {
    Map<String, Long> map = new TreeMap<>();
    counts.forEach((k, v) -> map.put(k, v[0]));
    return Collections.unmodifiableMap(map);
  }
}
