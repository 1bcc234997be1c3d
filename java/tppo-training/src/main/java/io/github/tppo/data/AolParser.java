// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.data;

/**
 * Rows of the AOL collection: {@code AnonID Query QueryTime ItemRank ClickURL}, separated by tabs; the last two are
 * empty or missing without a click.
 */
final class AolParser implements RowParser {
  @Override
  public boolean header(String line, long lineNumber) {
    // Concatenated files repeat the header, so it is looked for on every line.
    return line.startsWith("AnonID\t");
  }

  @Override
  public String parse(String line, LogRow row) {
    int a = line.indexOf('\t');
    int b = a < 0 ? -1 : line.indexOf('\t', a + 1);
    if (b < 0) {
      return WRONG_COLUMN_COUNT;
    }
    int c = line.indexOf('\t', b + 1);
    int d = c < 0 ? -1 : line.indexOf('\t', c + 1);
    if (d >= 0 && line.indexOf('\t', d + 1) >= 0) {
      return WRONG_COLUMN_COUNT;
    }
    row.time = TimeParser.aol(line.substring(b + 1, c < 0 ? line.length() : c));
    if (row.time == TimeParser.BAD) {
      return BAD_TIME;
    }
    row.user = line.substring(0, a);
    row.query = line.substring(a + 1, b);
    row.click = d < 0 ? "" : line.substring(d + 1);
    return null;
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
