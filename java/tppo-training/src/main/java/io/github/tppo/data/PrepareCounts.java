// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.data;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** What the prepare stage counts while it runs; {@link #stats()} is the report. */
final class PrepareCounts {
  private final DataConfig config;
  private final Tally tally = new Tally();
  private final Counts users = new Counts();
  private final List<DataStats.FileStats> files = new ArrayList<>();
  private final List<String> warnings = new ArrayList<>();
  private final Map<Split, long[]> usersOf = new EnumMap<>(Split.class);
  private final Map<Split, long[]> examplesOf = new EnumMap<>(Split.class);
  private final Map<String, Histogram> lengths = new LinkedHashMap<>();
  private long rowsRead;
  private long headerLines;
  private long usersSeen;
  private long overLimit;
  private long sharedIds;

  PrepareCounts(DataConfig config) {
    this.config = config;
    for (Split s : Split.values()) {
      usersOf.put(s, new long[1]);
      examplesOf.put(s, new long[1]);
    }
    for (String name : List.of("history_searches", "history_clicks", "history_purchases", "history_visits",
        "history_query_chars", "target_query_chars", "target_query_words")) {
      lengths.put(name, new Histogram());
    }
  }

  void file(DataStats.FileStats file, long headers) {
    files.add(file);
    rowsRead += file.rowsRead();
    headerLines += headers;
    file.rowsDropped().forEach(tally::dropRows);
  }

  void warn(String message) {
    warnings.add(message);
  }

  /** Adds what was counted in a part of the log. */
  void add(Tally part) {
    tally.add(part);
  }

  void user(String dropped, boolean inEvalFiles) {
    usersSeen++;
    sharedIds += inEvalFiles ? 1 : 0;
    if (dropped != null) {
      users.add(dropped, 1);
    }
  }

  /** Counts a user's examples that were written, and those for which the split had no room. */
  void written(Split split, List<Example> examples, int left) {
    overLimit += left;
    if (examples.isEmpty()) {
      return;
    }
    usersOf.get(split)[0]++;
    examplesOf.get(split)[0] += examples.size();
    for (Example e : examples) {
      History h = e.history();
      lengths.get("history_searches").add(h.search().size());
      lengths.get("history_clicks").add(h.click().size());
      lengths.get("history_purchases").add(h.purchase().size());
      lengths.get("history_visits").add(h.visit().size());
      h.search().forEach(q -> lengths.get("history_query_chars").add(q.codePointCount(0, q.length())));
      for (String q : e.targets()) {
        lengths.get("target_query_chars").add(q.codePointCount(0, q.length()));
        lengths.get("target_query_words").add((int) q.chars().filter(c -> c == ' ').count() + 1);
      }
    }
  }

  long examples(Split split) {
    return examplesOf.get(split)[0];
  }

  DataStats stats() {
    Map<String, Long> noted = tally.notes.toMap();
    List<String> all = new ArrayList<>(warnings);
    noted.forEach((k, n) -> all.add(n + (n == 1 ? " user is " : " users are ")
        + k.replace("user_", "").replace('_', ' ') + " in the log; their rows were brought together and sorted"));
    if (sharedIds > 0) {
      all.add(shared());
    }
    String form = config.form().name().toLowerCase(Locale.ROOT);
    return new DataStats(form, rowsRead, rowsRead - tally.rows.total(), tally.rows.toMap(), headerLines, tally.entries.toMap(), tally.searches(),
        usersSeen, users.toMap(), noted, perSplit(usersOf), perSplit(examplesOf), overLimit, sharedIds, quantiles(), files, all);
  }

  private String shared() {
    return sharedIds + (sharedIds == 1 ? " id stands" : " ids stand") + " in data.files and in data.eval_files; "
        + switch (config.evalIds()) {
          case SAME_PEOPLE -> "data.eval_ids: same_people leaves them out of train.jsonl and valid.jsonl, "
              + users.get(Dealer.IN_EVAL_FILES) + " of them with examples";
          case OTHER_PEOPLE -> "data.eval_ids: other_people takes them for ids of different people, of whom those of data.files may train";
        };
  }

  private static Map<String, Long> perSplit(Map<Split, long[]> counts) {
    Map<String, Long> map = new LinkedHashMap<>();
    counts.forEach((s, n) -> map.put(s.key(), n[0]));
    return map;
  }

  private Map<String, DataStats.Quantiles> quantiles() {
    Map<String, DataStats.Quantiles> map = new LinkedHashMap<>();
    lengths.forEach((k, h) -> {
      if (h.count() > 0) {
        map.put(k, h.quantiles());
      }
    });
    return map;
  }
}
