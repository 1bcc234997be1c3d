// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.data;

import java.nio.file.Path;

/** Takes apart the rows of a log with one query a row. */
interface RowParser {
  String WRONG_COLUMN_COUNT = "wrong_column_count";
  String BAD_TIME = "bad_time";

  /** Begins a file. */
  default void start(Path file) { }

  /**
   * Whether this line names columns and holds no row.
   *
   * @throws DataException if it is a header that lacks a needed column
   */
  boolean header(LineReader line, long lineNumber) throws DataException;

  /** Fills {@code row}; null, or the reason why the line is no row. */
  String parse(LineReader line, LogRow row);

  /** Whether the log tells clicks, so that a repeated query without one is a request for another page. */
  boolean recordsClicks();

  /** Whether each user's rows should stand together, in order of time. */
  boolean sorted();

  /** The form in words, for messages. */
  String describe();
}
