// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.data;

/** Rows of Excite's log: {@code user yyMMddHHmmss query}, separated by tabs, without a header. */
final class ExciteParser implements RowParser {
  @Override
  public boolean header(LineReader in, long lineNumber) {
    return false;
  }

  @Override
  public String parse(LineReader in, LogRow row) {
    String line = in.text();
    int a = line.indexOf('\t');
    int b = a < 0 ? -1 : line.indexOf('\t', a + 1);
    if (b < 0 || line.indexOf('\t', b + 1) >= 0) {
      return WRONG_COLUMN_COUNT;
    }
    row.time = TimeParser.excite(line.substring(a + 1, b));
    if (row.time == TimeParser.BAD) {
      return BAD_TIME;
    }
    row.user.set(line.substring(0, a));
    row.query.set(line.substring(b + 1));
    row.click.clear();
    return null;
  }

  @Override
  public boolean recordsClicks() {
    return false;
  }

  @Override
  public boolean sorted() {
    return false;
  }

  @Override
  public String describe() {
    return "tab-separated user, time (yyMMddHHmmss), query";
  }
}
