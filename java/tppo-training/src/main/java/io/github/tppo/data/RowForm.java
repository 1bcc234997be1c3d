// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.data;

import it.unimi.dsi.fastutil.ints.IntArrayList;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** Logs with one query a row: AOL, Excite and delimited ones, which differ by their {@link RowParser}. */
final class RowForm implements LogForm {
  static final String NO_USER = "no_user";

  /** A stored row; an empty query says only that the user exists. */
  private record Row(long time, int stretch, String query, String click) { }

  private final DataConfig config;
  private final RowParser parser;
  private final Tally tally;
  private final QueryCleaner cleaner;
  private final LogRow row = new LogRow();
  private final RecordBuffer record = new RecordBuffer();
  private byte[] lastUser = new byte[0];
  private long lastKey;
  private int stretch;
  private boolean known;

  RowForm(DataConfig config, RowParser parser, Tally tally) {
    this.config = config;
    this.parser = parser;
    this.tally = tally;
    this.cleaner = new QueryCleaner(config.maxQueryChars(), config.dropUrls());
  }

  @Override
  public void start(Path file) {
    parser.start(file);
  }

  @Override
  public boolean header(LineReader line, long lineNumber) throws DataException {
    return parser.header(line, lineNumber);
  }

  @Override
  public String take(LineReader line, RecordSink store) throws IOException {
    String reason = parser.parse(line, row);
    if (reason != null) {
      return reason;
    }
    row.user.strip();
    if (row.user.isEmpty()) {
      return NO_USER;
    }
    if (!row.user.sameAs(lastUser)) {
      lastUser = row.user.copy();
      lastKey = UserHash.of(config.seed(), lastUser, 0, lastUser.length);
      stretch++;
      known = false;
    }
    if (!cleaner.clean(row.query)) {
      if (!known) {
        known = true;
        row.query.clear();
        begin().putLong(0);
        store.addPresence(lastKey, stretch, record.bytes(), record.length());
      }
      return cleaner.reason();
    }
    known = true;
    begin();
    clicked(row.click);
    record.put(row.click);
    store.add(lastKey, stretch, record.bytes(), record.length());
    return null;
  }

  /** Begins the record of the row: user, time and query; the click follows. */
  private RecordBuffer begin() {
    return record.clear().put(lastUser, 0, lastUser.length).putLong(row.time).put(row.query);
  }

  private void clicked(Utf8 click) {
    if (config.clicks() == DataConfig.Clicks.NONE) {
      click.clear();
    } else if (!click.isEmpty()) {
      cleaner.normalise(click);
      if (config.clicks() == DataConfig.Clicks.HOST) {
        host(click);
      }
    }
  }

  /** Leaves the host of an address, without {@code www.}; text that is no address stays. */
  static void host(Utf8 click) {
    byte[] b = click.bytes;
    int scheme = -1;
    boolean dot = false;
    for (int i = click.from; i < click.to; i++) {
      if (b[i] == ' ') {
        return;
      }
      dot |= b[i] == '.';
      if (scheme < 0 && b[i] == ':' && i + 2 < click.to && b[i + 1] == '/' && b[i + 2] == '/') {
        scheme = i;
      }
    }
    if (scheme < 0 && !dot) {
      return;
    }
    int from = scheme < 0 ? click.from : scheme + 3;
    int to = from;
    while (to < click.to && b[to] != '/' && b[to] != '?' && b[to] != '#' && b[to] != ':') {
      to++;
    }
    boolean www = to - from >= 4 && b[from] == 'w' && b[from + 1] == 'w' && b[from + 2] == 'w' && b[from + 3] == '.';
    click.set(b, www ? from + 4 : from, to);
  }

  @Override
  public List<UserResult> finish(byte[] bytes, IntArrayList offsets, long overflow, Dealer dealer) {
    // Two users with one hash are next to impossible, and are kept apart all the same.
    Map<String, List<Row>> users = new TreeMap<>();
    RecordBuffer in = new RecordBuffer();
    Utf8 field = new Utf8();
    byte[] user = null;
    List<Row> rows = null;
    long kept = 0;
    String query = "";
    for (int i = 0; i < offsets.size(); i++) {
      int at = offsets.getInt(i);
      in.wrap(bytes, at, UserPartitions.length(bytes, at)).get(field);
      if (user == null || !field.sameAs(user)) {
        user = field.copy();
        rows = users.computeIfAbsent(field.toString(), u -> new ArrayList<>(offsets.size()));
      }
      long time = in.getLong();
      in.get(field);
      kept += field.isEmpty() ? 0 : 1;
      if (!field.equalsAscii(query)) { // rows of clicks repeat the query
        query = field.toString();
      }
      in.get(field);
      rows.add(new Row(time, UserPartitions.stretch(bytes, at), query, field.isEmpty() ? "" : field.toString()));
    }
    if (overflow > 0) {
      tally.dropRows("too_many_rows_of_user", kept + overflow);
      return List.of(new UserResult(users.keySet().iterator().next(), List.of(), "too_many_rows"));
    }
    List<UserResult> results = new ArrayList<>(1);
    users.forEach((name, all) -> results.add(finishUser(name, all, dealer)));
    return results;
  }

  private UserResult finishUser(String user, List<Row> rows, Dealer dealer) {
    boolean inTime = isInTime(rows);
    if (parser.sorted()) {
      noteDisorder(rows, inTime);
    }
    if (!inTime) {
      rows.sort(Comparator.comparingLong(Row::time));
    }
    UserLog log = log(rows);
    tally.searches(log.searches());
    List<Example> examples = log.examples(user, config, dealer.of(user) == Split.TRAIN ? config.cutsPerUser() : 1);
    String dropped = !examples.isEmpty() ? null : log.searches() == 0 ? "no_usable_query"
        : log.distinct() <= config.targets() ? "too_few_distinct_queries" : "too_short_history";
    return new UserResult(user, examples, dropped);
  }

  private UserLog log(List<Row> rows) {
    UserLog log = new UserLog(parser.recordsClicks());
    int repeats = 0;
    int pages = 0;
    for (Row r : rows) {
      if (!r.query.isEmpty()) {
        UserLog.Outcome outcome = log.add(r.time, r.query, r.click);
        repeats += outcome == UserLog.Outcome.REPEAT ? 1 : 0;
        pages += outcome == UserLog.Outcome.PAGING ? 1 : 0;
      }
    }
    tally.dropRows("repeat", repeats);
    tally.dropRows("paging", pages);
    return log;
  }

  private static boolean isInTime(List<Row> rows) {
    for (int i = 1; i < rows.size(); i++) {
      if (rows.get(i).time < rows.get(i - 1).time) {
        return false;
      }
    }
    return true;
  }

  private void noteDisorder(List<Row> rows, boolean inTime) {
    boolean contiguous = true;
    for (int i = 1; i < rows.size(); i++) {
      contiguous &= rows.get(i).stretch == rows.get(i - 1).stretch;
    }
    tally.note("user_not_contiguous", contiguous ? 0 : 1);
    tally.note("user_not_in_order_of_time", inTime ? 0 : 1);
  }

  @Override
  public String describe() {
    return parser.describe();
  }
}
