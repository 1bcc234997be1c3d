// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.data;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * One user's searches in order of time, and the examples cut from them.
 *
 * <p>At a cut point the newest N distinct queries before it are the targets, in the order in which they were first
 * searched within that stretch; everything before the stretch is the history. A target may also stand in the history:
 * the user came back to it, and to foresee that is part of the task.
 */
final class UserLog {
  /** What {@link #add} did with a row. */
  enum Outcome { SEARCH, CLICK, REPEAT, PAGING }

  private record Search(String query, List<String> clicks) { }

  private final boolean recordsClicks;
  private final List<Search> searches = new ArrayList<>();
  private long lastTime;

  /** An empty log; without recorded clicks a repeated query cannot be told from a request for another page. */
  UserLog(boolean recordsClicks) {
    this.recordsClicks = recordsClicks;
  }

  /** Adds the next row, in order of time; {@code click} is empty when the row has none. */
  Outcome add(long time, String query, String click) {
    Search last = searches.isEmpty() ? null : searches.get(searches.size() - 1);
    long before = lastTime;
    lastTime = time;
    if (last == null || !last.query.equals(query)) {
      List<String> clicks = new ArrayList<>(1);
      if (!click.isEmpty()) {
        clicks.add(click);
      }
      searches.add(new Search(query, clicks));
      return Outcome.SEARCH;
    }
    if (!click.isEmpty()) {
      if (last.clicks.contains(click)) {
        return Outcome.REPEAT;
      }
      last.clicks.add(click);
      return Outcome.CLICK;
    }
    return recordsClicks && time > before ? Outcome.PAGING : Outcome.REPEAT;
  }

  int searches() {
    return searches.size();
  }

  /** Number of different queries. */
  int distinct() {
    Set<String> all = new LinkedHashSet<>();
    searches.forEach(s -> all.add(s.query));
    return all.size();
  }

  /** The examples at the newest cut points, newest first; at most {@code cuts}, possibly none. */
  List<Example> examples(String user, DataConfig config, int cuts) {
    List<Example> examples = new ArrayList<>();
    for (int end = searches.size(); end > 0 && examples.size() < cuts; end -= config.cutStride()) {
      int first = targetsStart(end, config.targets());
      if (first <= 0) {
        break;
      }
      History history = history(first, config.historyLimit());
      if (history.entries() < config.minHistory()) {
        break;
      }
      Set<String> targets = new LinkedHashSet<>();
      searches.subList(first, end).forEach(s -> targets.add(s.query));
      examples.add(new Example(user, history, List.copyOf(targets)));
    }
    return examples;
  }

  /** Where the stretch that ends before {@code end} and holds n distinct queries begins, or -1. */
  private int targetsStart(int end, int n) {
    Set<String> distinct = new LinkedHashSet<>();
    for (int i = end - 1; i >= 0; i--) {
      distinct.add(searches.get(i).query);
      if (distinct.size() == n) {
        return i;
      }
    }
    return -1;
  }

  private History history(int end, int limit) {
    List<String> search = new ArrayList<>();
    for (int i = Math.max(0, end - limit); i < end; i++) {
      search.add(searches.get(i).query);
    }
    List<String> newestFirst = new ArrayList<>();
    for (int i = end - 1; i >= 0 && newestFirst.size() < limit; i--) {
      List<String> clicks = searches.get(i).clicks;
      for (int k = clicks.size() - 1; k >= 0 && newestFirst.size() < limit; k--) {
        int n = newestFirst.size();
        if (n == 0 || !newestFirst.get(n - 1).equals(clicks.get(k))) {
          newestFirst.add(clicks.get(k));
        }
      }
    }
    Collections.reverse(newestFirst);
    return History.of(search, newestFirst);
  }
}
