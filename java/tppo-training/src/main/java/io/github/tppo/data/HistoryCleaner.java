// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.data;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/**
 * Cleans histories that come as lists, by the rules by which logs are cleaned: what a model is asked about must look
 * like what it was trained on. Searches are cleaned as queries; other entries keep their addresses. Entries that
 * repeat the one before them are dropped, and each list keeps its newest {@code history_limit} entries.
 *
 * <p>Not thread safe.
 */
public final class HistoryCleaner {
  private final int limit;
  private final QueryCleaner cleaner;
  private final Consumer<String> dropped;

  /**
   * Makes a cleaner.
   *
   * @param config the data settings with which the model was trained
   * @param dropped hears the reason for each entry that is dropped
   */
  public HistoryCleaner(DataConfig config, Consumer<String> dropped) {
    this.limit = config.historyLimit();
    this.cleaner = new QueryCleaner(config.maxQueryChars(), config.dropUrls());
    this.dropped = dropped;
  }

  /** The cleaned history, possibly empty. */
  public History clean(History raw) {
    return new History(newest(queries(raw.search())), newest(entries(raw.click())), newest(entries(raw.purchase())),
        newest(entries(raw.visit())));
  }

  /** Cleaned queries, all of them. */
  List<String> queries(List<String> raw) {
    return clean(raw, true);
  }

  private List<String> entries(List<String> raw) {
    return clean(raw, false);
  }

  private List<String> clean(List<String> raw, boolean queries) {
    List<String> clean = new ArrayList<>(raw.size());
    for (String s : raw) {
      String entry = queries ? cleaner.clean(s) : cleaner.cleanEntry(s);
      if (entry == null) {
        dropped.accept(cleaner.reason());
      } else if (!clean.isEmpty() && clean.get(clean.size() - 1).equals(entry)) {
        dropped.accept("repeat");
      } else {
        clean.add(entry);
      }
    }
    return clean;
  }

  private List<String> newest(List<String> all) {
    return all.subList(Math.max(0, all.size() - limit), all.size());
  }
}
