// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.data;

import it.unimi.dsi.fastutil.ints.IntArrayList;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/** Logs with one query a row: AOL, Excite and delimited ones, which differ by their {@link RowParser}. */
final class RowForm implements LogForm {
  static final String NO_USER = "no_user";

  /** A stored row; an empty query says only that the user exists. */
  private record Row(String user, long time, int stretch, String query, String click) { }

  private final DataConfig config;
  private final RowParser parser;
  private final Tally tally;
  private final QueryCleaner cleaner;
  private final LogRow row = new LogRow();
  private final RecordBuffer record = new RecordBuffer();
  private String lastUser = "";
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
  public boolean header(String line, long lineNumber) throws DataException {
    return parser.header(line, lineNumber);
  }

  @Override
  public String take(String line, RecordSink store) throws IOException {
    String reason = parser.parse(line, row);
    if (reason != null) {
      return reason;
    }
    String user = row.user.strip();
    if (user.isEmpty()) {
      return NO_USER;
    }
    if (!user.equals(lastUser)) {
      lastUser = user;
      lastKey = UserHash.of(config.seed(), user);
      stretch++;
      known = false;
    }
    String query = cleaner.clean(row.query);
    if (query == null) {
      if (!known) {
        encode(user, "", "");
        store.addPresence(lastKey, stretch, record.bytes(), record.length());
      }
      return cleaner.reason();
    }
    encode(user, query, clicked(row.click));
    store.add(lastKey, stretch, record.bytes(), record.length());
    return null;
  }

  private void encode(String user, String query, String click) {
    known = true;
    record.clear().putString(user).putLong(row.time).putString(query).putString(click);
  }

  private String clicked(String click) {
    if (config.clicks() == DataConfig.Clicks.NONE || click.isBlank()) {
      return "";
    }
    String clean = QueryCleaner.normalise(click);
    if (clean == null) {
      return "";
    }
    return config.clicks() == DataConfig.Clicks.HOST ? host(clean) : clean;
  }

  /** The host of an address without {@code www.}; text that is no address stays. */
  static String host(String click) {
    int scheme = click.indexOf("://");
    if (click.indexOf(' ') >= 0 || (scheme < 0 && click.indexOf('.') < 0)) {
      return click;
    }
    int from = scheme < 0 ? 0 : scheme + 3;
    int to = from;
    while (to < click.length() && "/?#:".indexOf(click.charAt(to)) < 0) {
      to++;
    }
    String host = click.substring(from, to);
    return host.startsWith("www.") ? host.substring(4) : host;
  }

  @Override
  public List<UserResult> finish(byte[] bytes, IntArrayList offsets, long overflow, Split.Dealer dealer) {
    List<Row> rows = new ArrayList<>(offsets.size());
    RecordBuffer in = new RecordBuffer();
    for (int i = 0; i < offsets.size(); i++) {
      int at = offsets.getInt(i);
      in.wrap(bytes, at, UserPartitions.length(bytes, at));
      rows.add(new Row(in.getString(), in.getLong(), UserPartitions.stretch(bytes, at), in.getString(), in.getString()));
    }
    if (overflow > 0) {
      long kept = rows.stream().filter(r -> !r.query.isEmpty()).count();
      tally.dropRows("too_many_rows_of_user", kept + overflow);
      return List.of(new UserResult(rows.get(0).user, List.of(), "too_many_rows"));
    }
    // Two users with one hash are next to impossible, and are kept apart all the same.
    rows.sort(Comparator.comparing(Row::user));
    List<UserResult> results = new ArrayList<>(1);
    for (int from = 0, to; from < rows.size(); from = to) {
      for (to = from + 1; to < rows.size() && rows.get(to).user.equals(rows.get(from).user); to++) { }
      results.add(finishUser(rows.subList(from, to), dealer));
    }
    return results;
  }

  private UserResult finishUser(List<Row> rows, Split.Dealer dealer) {
    String user = rows.get(0).user;
    if (parser.sorted()) {
      noteDisorder(rows);
    }
    rows.sort(Comparator.comparingLong(Row::time));
    UserLog log = new UserLog(parser.recordsClicks());
    for (Row r : rows) {
      if (r.query.isEmpty()) {
        continue;
      }
      switch (log.add(r.time, r.query, r.click)) {
        case REPEAT -> tally.dropRows("repeat", 1);
        case PAGING -> tally.dropRows("paging", 1);
        default -> { }
      }
    }
    tally.searches(log.searches());
    List<Example> examples = log.examples(user, config, dealer.of(user) == Split.TRAIN ? config.cutsPerUser() : 1);
    String dropped = !examples.isEmpty() ? null : log.searches() == 0 ? "no_usable_query"
        : log.distinct() <= config.targets() ? "too_few_distinct_queries" : "too_short_history";
    return new UserResult(user, examples, dropped);
  }

  private void noteDisorder(List<Row> rows) {
    boolean contiguous = true;
    boolean inTime = true;
    for (int i = 1; i < rows.size(); i++) {
      contiguous &= rows.get(i).stretch == rows.get(i - 1).stretch;
      inTime &= rows.get(i).time >= rows.get(i - 1).time;
    }
    tally.note("user_not_contiguous", contiguous ? 0 : 1);
    tally.note("user_not_in_order_of_time", inTime ? 0 : 1);
  }

  @Override
  public String describe() {
    return parser.describe();
  }
}
