// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.data;

import it.unimi.dsi.fastutil.ints.IntArrayList;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/**
 * How a form of log is prepared: its lines are taken one by one into the store, and later each user's records come
 * back together and become examples.
 */
interface LogForm {
  /** Begins a file. */
  void start(Path file);

  /** Whether the line names columns and holds no row. */
  boolean header(String line, long lineNumber) throws DataException;

  /** Takes a row; null, or the reason for which it was dropped. */
  String take(String line, UserPartitions store) throws IOException;

  /** Makes the examples of all users that share a hash (nearly always one). */
  List<UserResult> finish(byte[] bytes, IntArrayList offsets, long overflow, PrepareCounts counts) throws IOException;

  /** The form in words, for messages. */
  String describe();

  /**
   * What became of a user.
   *
   * @param user the id
   * @param examples newest cut point first; empty if dropped
   * @param dropped null, or the reason why there is no example
   */
  record UserResult(String user, List<Example> examples, String dropped) { }

  /** The form that a configuration names; {@code dealer} tells training users, who give more examples. */
  static LogForm of(DataConfig config, PrepareCounts counts, Split.Dealer dealer) {
    return switch (config.form()) {
      case AOL -> new RowForm(config, new AolParser(), dealer);
      case EXCITE -> new RowForm(config, new ExciteParser(), dealer);
      case DELIMITED -> new RowForm(config, new DelimitedParser(config), dealer);
      case INDUSTRIAL -> new IndustrialForm(config, counts);
    };
  }
}
