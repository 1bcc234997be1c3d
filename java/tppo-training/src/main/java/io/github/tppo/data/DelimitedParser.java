// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.data;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Rows of any log with a delimiter and a column mapping. A row is a line: a quoted field cannot hold a line break,
 * so that one stray quote costs one row and not the rest of the file.
 */
final class DelimitedParser implements RowParser {
  static final String BAD_QUOTES = "bad_quotes";

  private final DataConfig.Columns columns;
  private final char delimiter;
  private final boolean quoted;
  private final boolean withHeader;
  private final String pattern;
  private final TimeParser time;
  private final List<String> fields = new ArrayList<>();
  private Path file;
  private int width;
  private int user;
  private int when;
  private int query;
  private int click;

  DelimitedParser(DataConfig config) {
    columns = config.columns();
    delimiter = config.delimiterChar();
    quoted = config.quoted();
    withHeader = config.header();
    pattern = config.timePattern();
    time = TimeParser.of(pattern);
    if (!withHeader) {
      locate(List.of());
    }
  }

  @Override
  public void start(Path next) {
    file = next;
  }

  @Override
  public boolean header(LineReader line, long lineNumber) throws DataException {
    if (!withHeader || lineNumber != 1) {
      return false;
    }
    if (!split(line.text())) {
      throw new DataException(file + ":1: header has an unclosed quote");
    }
    try {
      fields.replaceAll(String::strip);
      locate(fields);
    } catch (IllegalArgumentException e) {
      throw new DataException(file + ":1: " + e.getMessage(), e);
    }
    width = fields.size();
    return true;
  }

  private void locate(List<String> names) {
    user = index("columns.user", columns.user(), names);
    when = index("columns.time", columns.time(), names);
    query = index("columns.query", columns.query(), names);
    click = columns.click().isBlank() ? -1 : index("columns.click", columns.click(), names);
  }

  private int index(String key, String column, List<String> names) {
    int at = names.indexOf(column.strip());
    if (at >= 0) {
      return at;
    }
    if (column.strip().matches("[1-9]\\d{0,3}")) {
      int n = Integer.parseInt(column.strip());
      if (!withHeader || n <= names.size()) {
        return n - 1;
      }
    }
    throw new IllegalArgumentException("data." + key + ": \"" + column + "\", expected "
        + (withHeader ? "one of the header's columns " + names + " or a number from 1 to " + names.size()
            : "a column number counted from 1 (header is false, so there are no names)"));
  }

  @Override
  public String parse(LineReader line, LogRow row) {
    if (!split(line.text())) {
      return BAD_QUOTES;
    }
    int needed = 1 + Math.max(Math.max(user, when), query);
    if (fields.size() < needed || (withHeader && fields.size() > width)) {
      return WRONG_COLUMN_COUNT;
    }
    row.time = time.parse(fields.get(when).strip());
    if (row.time == TimeParser.BAD) {
      return BAD_TIME;
    }
    row.user.set(fields.get(user));
    row.query.set(fields.get(query));
    row.click.set(click < 0 || click >= fields.size() ? "" : fields.get(click));
    return null;
  }

  /** Fills {@link #fields}; false if a quote is not closed or text follows a closing quote. */
  private boolean split(String line) {
    fields.clear();
    int at = 0;
    while (true) {
      int end;
      if (quoted && at < line.length() && line.charAt(at) == '"') {
        StringBuilder field = new StringBuilder();
        end = at + 1;
        while (true) {
          int quote = line.indexOf('"', end);
          if (quote < 0) {
            return false;
          }
          field.append(line, end, quote);
          end = quote + 1;
          if (end >= line.length() || line.charAt(end) != '"') {
            break;
          }
          field.append('"');
          end++;
        }
        if (end < line.length() && line.charAt(end) != delimiter) {
          return false;
        }
        fields.add(field.toString());
      } else {
        end = line.indexOf(delimiter, at);
        end = end < 0 ? line.length() : end;
        fields.add(line.substring(at, end));
      }
      if (end >= line.length()) {
        return true;
      }
      at = end + 1;
    }
  }

  @Override
  public boolean recordsClicks() {
    return !columns.click().isBlank();
  }

  @Override
  public boolean sorted() {
    return false;
  }

  @Override
  public String describe() {
    return "columns separated by " + (delimiter == '\t' ? "tabs" : "'" + delimiter + "'") + ", user " + columns.user()
        + ", time " + columns.time() + " (" + pattern + "), query " + columns.query();
  }
}
