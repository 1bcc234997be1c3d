// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.tppo.data.LogFiles.Prepared;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The four forms, each on a small invented log. */
class PrepareFormsTest {
  @TempDir Path folder;

  private Prepared prepare(String rows, String... settings) throws IOException {
    return LogFiles.prepare(folder, "log", LogFiles.utf8(rows), settings);
  }

  @Test
  void aolRowsBecomeHistoryClicksAndTargets() throws IOException {
    Prepared p = prepare(LogFiles.AOL_HEADER
        + "7\tViolin Lessons\t2006-03-01 10:00:00\t1\thttp://www.bows.com/a?b\n"
        + "7\tviolin lessons\t2006-03-01 10:00:00\t2\thttp://strings.org\n"
        + "7\tviolin lessons\t2006-03-01 10:00:00\t2\thttp://strings.org\n"
        + "7\tviolin lessons\t2006-03-01 10:05:00\n"
        + "7\tkettle\t2006-03-02 10:00:00\t\n"
        + "7\tviolin lessons\t2006-03-02 11:00:00\t1\thttp://strings.org\n"
        + "7\tlantern\t2006-03-03 10:00:00\t1\thttp://lamps.com\n"
        + "7\tsaddle\t2006-03-04 10:00:00\t\t\n"
        + "7\tlantern\t2006-03-05 10:00:00\t\t\n"
        + "7\tcompass\t2006-03-06 10:00:00\t\t\n");
    Example e = p.user("7");
    assertEquals(List.of("violin lessons", "kettle", "violin lessons", "lantern"), e.history().search());
    assertEquals(List.of("bows.com", "strings.org", "lamps.com"), e.history().click());
    assertEquals(List.of("saddle", "lantern", "compass"), e.targets());
    assertEquals(Map.of("repeat", 1L, "paging", 1L), p.stats().rowsDropped());
    assertEquals(8, p.stats().rowsKept());
    assertEquals(7, p.stats().searches());
  }

  @Test
  void clicksAsTextOrNotAtAll() throws IOException {
    String log = LogFiles.aol("u", "a1", 1).replace("\t\t\n", "\t1\thttp://www.x.com/Page\n") + LogFiles.aol("u", "a2", 2)
        + LogFiles.aol("u", "a3", 3) + LogFiles.aol("u", "a4", 4);
    assertEquals(List.of("x.com"), prepare(log).user("u").history().click());
    assertEquals(List.of("http://www.x.com/page"), prepare(log, "clicks=text").user("u").history().click());
    assertEquals(List.of(), prepare(log, "clicks=none").user("u").history().click());
  }

  @Test
  void exciteRowsMayComeInAnyOrder() throws IOException {
    String[] rows = {"AAAA\t970916105432\t+garden +hose\n", "BBBB\t970916001949\tfoot bath\n", "AAAA\t970916001949\tViolin\n",
        "BBBB\t970916001954\tkettle\n", "AAAA\t970916200000\tlantern\n", "AAAA\t970916200001\tlantern\n",
        "AAAA\t970916210000\tsaddle\n", "BBBB\t970916220000\t\n", "BBBB\t970916220001\torchid\n", "BBBB\t970916230001\tsaddle\n",
        "BBBB\t970916\tsaddle\n"};
    Prepared first = prepare(String.join("", rows), "form=excite");
    assertEquals(List.of("violin"), first.user("AAAA").history().search());
    assertEquals(List.of("+garden +hose", "lantern", "saddle"), first.user("AAAA").targets());
    assertEquals(Map.of("empty_query", 1L, "bad_time", 1L, "repeat", 1L), first.stats().rowsDropped());
    assertEquals(Map.of(), first.stats().usersNoted());
    Collections.reverse(Arrays.asList(rows));
    assertEquals(first.train(), prepare(String.join("", rows), "form=excite").train());
  }

  private static final String CSV = "when,\"who\",link,what\n"
      + "24/03/2006 21:13,u1,,\"garden, hose\"\n"
      + "24/03/2006 21:14,u1,https://shop.com/x,\"the \"\"best\"\" kettle\"\n"
      + "24/03/2006 21:15,u1,,lantern\n"
      + "24/03/2006 21:16,u1,,saddle\n"
      + "24/03/2006 21:17,u1,,\"stray\n"
      + "24/03/2006 21:17,u1,,\"two\" words\n"
      + "24/03/2006 21:18,u1,,one,too many\n"
      + "24/03/2006 21:19,u1\n"
      + "30/02/2006 21:19,u1,,never\n";

  @Test
  void delimitedRowsByColumnName() throws IOException {
    Prepared p = prepare(CSV, "form=delimited", "columns.user=who", "columns.time=when", "columns.query=what",
        "columns.click=link", "time_pattern=dd/MM/yyyy HH:mm");
    assertEquals(List.of("garden, hose"), p.user("u1").history().search());
    assertEquals(List.of("the \"best\" kettle", "lantern", "saddle"), p.user("u1").targets());
    assertEquals(Map.of("bad_quotes", 2L, "wrong_column_count", 2L, "bad_time", 1L), p.stats().rowsDropped());
    assertEquals(1, p.stats().headerLines());
  }

  @Test
  void delimitedRowsByColumnNumber() throws IOException {
    String tsv = "1000\tx\t\"garden hose\" sale\tu1\n1001\tx\tkettle\tu1\n1002\tx\tlantern\tu1\n1003\tx\t\"saddle\tu1\n";
    Prepared p = prepare(tsv, "form=delimited", "delimiter=tab", "header=false", "columns.user=4", "columns.time=1",
        "columns.query=3", "time_pattern=epoch_seconds");
    assertEquals(List.of("\"garden hose\" sale"), p.user("u1").history().search());
    assertEquals(List.of("kettle", "lantern", "\"saddle"), p.user("u1").targets());
  }

  @Test
  void aMissingColumnIsNamedWithThoseThatExist() {
    String message = assertThrows(DataException.class, () -> prepare(CSV, "form=delimited", "columns.user=user")).getMessage();
    assertTrue(message.contains("log:1: data.columns.user: \"user\", expected one of the header's columns [when, who, link, what]"),
        message);
    message = assertThrows(IllegalArgumentException.class, () -> prepare(CSV, "form=delimited", "header=false")).getMessage();
    assertTrue(message.contains("data.columns.user: \"user\", expected a column number"), message);
  }

  private static String line(String user, String search, String targets) {
    return "{\"user\": \"" + user + "\", \"history\": {\"search\": " + search + ", \"click\": [\"Kettle - Shop\"], "
        + "\"purchase\": [], \"visit\": [\"www.shop.com/kettle\"], \"other\": 1}, \"target_queries\": " + targets + "}\n";
  }

  @Test
  void industrialLinesKeepTheirLists() throws IOException {
    Prepared p = prepare(line("u1", "[\"Violin\", \"violin\", \"www.x.com\", \"kettle\", 5, {\"text\": \"lantern\", \"t\": \"x\"}]",
        "[\"A1\", \"a1\", \"a2\", \"x.com\", \"a3\", \"a4\"]"), "form=industrial", "history_limit=2");
    assertEquals(new Example("u1", new History(List.of("kettle", "lantern"), List.of("kettle - shop"), List.of(),
        List.of("www.shop.com/kettle")), List.of("a1", "a2", "a3")), p.user("u1"));
    assertEquals(Map.of("not_a_string", 1L, "repeat", 2L, "url_query", 2L), p.stats().entriesDropped());
  }

  @Test
  void industrialLinesThatAreNoneAreCounted() throws IOException {
    String good = line("u1", "[\"kettle\"]", "[\"a\", \"b\", \"c\"]");
    Prepared p = prepare(good + line("u2", "[]", "[\"a\", \"b\"]") + good + "{\"user\": \n" + good.strip() + " x\n" + "[1]\n"
        + line("u3", "\"kettle\"", "[]") + line("", "[]", "[]") + "{\"user\": \"u4\"}\n"
        + "{\"user\": 12, \"history\": {}, \"target_queries\": [\"a\", \"b\", \"c\\ud800\", \"d\"]}\n", "form=industrial");
    assertEquals(Map.of("bad_json", 2L, "duplicate_user", 1L, "no_user", 1L, "wrong_shape", 3L), p.stats().rowsDropped());
    assertEquals(Map.of("too_few_targets", 1L, "too_short_history", 1L), p.stats().usersDropped());
    assertEquals(Map.of("unpaired_surrogate", 1L), p.stats().entriesDropped());
    assertEquals(List.of("u1"), p.train().stream().map(Example::user).toList());
    assertEquals(2, prepare(good + line("u2", "[]", "[\"a\", \"b\"]"), "form=industrial", "min_targets=1").train().size());
  }
}
