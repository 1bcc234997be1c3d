// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.policy;

import java.util.ArrayList;
import java.util.List;

/** Cuts a batch into parts of nearly equal size that run side by side. */
public final class BatchParts {
  private BatchParts() {}

  /** At most {@code parts} runs of neighbouring items, none of them empty. */
  public static <T> List<List<T>> of(List<T> items, int parts) {
    List<List<T>> all = new ArrayList<>();
    int count = Math.min(parts, items.size());
    for (int i = 0; i < count; i++) {
      all.add(items.subList((int) ((long) items.size() * i / count), (int) ((long) items.size() * (i + 1) / count)));
    }
    return all;
  }
}
