// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.policy;

import io.github.tppo.run.Check;
import java.util.ArrayList;
import java.util.List;

/** Cuts a batch into runs of neighbouring items, of nearly equal size and none of them empty. */
public final class BatchParts {
  private BatchParts() {}

  /** At most {@code parts} of them. */
  public static <T> List<List<T>> of(List<T> items, int parts) {
    Check.atLeast("parts", parts, 1);
    List<List<T>> all = new ArrayList<>();
    int count = Math.min(parts, items.size());
    for (int i = 0; i < count; i++) {
      all.add(items.subList((int) ((long) items.size() * i / count), (int) ((long) items.size() * (i + 1) / count)));
    }
    return all;
  }

  /** Micro-batches: as few as there can be with at most {@code most} items each; 0 = all in one. */
  public static <T> List<List<T>> ofAtMost(List<T> items, int most) {
    Check.atLeast("most", most, 0);
    return of(items, most == 0 || items.isEmpty() ? 1 : Permutation.batches(items.size(), most));
  }
}
