// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.eval;

import io.github.tppo.data.History;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;

/** The baseline that every model must beat: suggest again what the user searched last. */
public final class CopyLastQueries {

  private CopyLastQueries() {
  }

  /** The user's last {@code n} distinct queries, the newest first; fewer when the history holds fewer. */
  public static List<String> queries(History history, int n) {
    LinkedHashSet<String> newest = new LinkedHashSet<>();
    for (int i = history.search().size() - 1; i >= 0 && newest.size() < n; i--) {
      newest.add(history.search().get(i));
    }
    return new ArrayList<>(newest);
  }
}
