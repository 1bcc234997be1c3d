// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.data;

/**
 * Rows of the AOL collection: {@code AnonID Query QueryTime ItemRank ClickURL}, separated by tabs; the last two are
 * empty or missing without a click.
 */
final class AolParser implements RowParser {
  @Override
  public boolean header(LineReader line, long lineNumber) {
    // Concatenated files repeat the header, so it is looked for on every line.
    return line.to() > line.from() && line.bytes()[line.from()] == 'A' && line.text().startsWith("AnonID\t");
  }

  @Override
  public String parse(LineReader line, LogRow row) {
    byte[] bytes = line.bytes();
    int end = line.to();
    int a = tab(bytes, line.from(), end);
    int b = tab(bytes, a + 1, end);
    if (b >= end) {
      return WRONG_COLUMN_COUNT;
    }
    int c = tab(bytes, b + 1, end);
    int d = tab(bytes, c + 1, end);
    if (tab(bytes, d + 1, end) < end) {
      return WRONG_COLUMN_COUNT;
    }
    row.time = TimeParser.aol(bytes, b + 1, c);
    if (row.time == TimeParser.BAD) {
      return BAD_TIME;
    }
    row.user.set(bytes, line.from(), a);
    row.query.set(bytes, a + 1, b);
    row.click.set(bytes, Math.min(d + 1, end), end);
    return null;
  }

  /** Where the next tab is, or the end. */
  private static int tab(byte[] bytes, int from, int end) {
    for (int i = from; i < end; i++) {
      if (bytes[i] == '\t') {
        return i;
      }
    }
    return end;
  }

  @Override
  public boolean recordsClicks() {
    return true;
  }

  @Override
  public boolean sorted() {
    return true;
  }

  @Override
  public String describe() {
    return "tab-separated AnonID, Query, QueryTime (yyyy-MM-dd HH:mm:ss), ItemRank, ClickURL";
  }
}
