// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.data;

import it.unimi.dsi.fastutil.ints.IntArrayList;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/**
 * How a form of log is prepared: its lines are taken one by one into the store, and later each user's records come
 * back together and become examples. One object serves one part of the log, and none is used by two threads.
 */
interface LogForm {
  /** Begins a file. */
  void start(Path file);

  /** Whether the line names columns and holds no row. */
  boolean header(LineReader line, long lineNumber) throws DataException;

  /** Takes a row; null, or the reason for which it was dropped. */
  String take(LineReader line, RecordSink store) throws IOException;

  /** Makes the examples of all users that share a hash (nearly always one); training users give more. */
  List<UserResult> finish(byte[] bytes, IntArrayList offsets, long overflow, Dealer dealer) throws IOException;

  /** The form in words, for messages. */
  String describe();

  /**
   * What became of a user.
   *
   * @param user the id
   * @param examples newest cut point first; empty if dropped
   * @param dropped null, or the reason why there is no example
   */
  record UserResult(String user, List<Example> examples, String dropped) {
    /** The user without examples. */
    UserResult dropped(String reason) {
      return new UserResult(user, List.of(), reason);
    }

    /** The user under another id. */
    UserResult named(String id) {
      return new UserResult(id, examples.stream().map(e -> new Example(id, e.history(), e.targets())).toList(), dropped);
    }
  }

  /** The form that a configuration names; it counts in {@code tally}. */
  static LogForm of(DataConfig config, Tally tally) {
    return switch (config.form()) {
      case AOL -> new RowForm(config, new AolParser(), tally);
      case EXCITE -> new RowForm(config, new ExciteParser(), tally);
      case DELIMITED -> new RowForm(config, new DelimitedParser(config), tally);
      case INDUSTRIAL -> new IndustrialForm(config, tally);
    };
  }
}
