// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.data;

/** What a {@link LogForm} counts in its part of the log; the parts are added up in any order. */
final class Tally {
  final Counts rows = new Counts();
  final Counts entries = new Counts();
  final Counts notes = new Counts();
  private long searches;

  void dropRows(String reason, long n) {
    rows.add(reason, n);
  }

  void dropEntry(String reason) {
    entries.add(reason, 1);
  }

  void note(String what, long n) {
    notes.add(what, n);
  }

  void searches(long n) {
    searches += n;
  }

  long searches() {
    return searches;
  }

  /** Adds another part. */
  void add(Tally part) {
    rows.add(part.rows);
    entries.add(part.entries);
    notes.add(part.notes);
    searches += part.searches;
  }
}
