// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class UserLogTest {
  private static UserLog log(String queries) {
    UserLog log = new UserLog(true);
    int time = 0;
    for (String q : queries.split(" ")) {
      log.add(++time, q, "");
    }
    return log;
  }

  private static List<Example> cut(String queries, int cuts, String... settings) {
    return log(queries).examples("u", LogFiles.config(List.of(Path.of("log")), settings), cuts);
  }

  @Test
  void theNewestDistinctQueriesAreTargetsInOrder() {
    Example e = cut("a b c d e", 1).get(0);
    assertEquals(List.of("a", "b"), e.history().search());
    assertEquals(List.of("c", "d", "e"), e.targets());
  }

  @Test
  void aQueryThatComesBackCountsOnceAmongTheTargets() {
    Example e = cut("a b c d c d c", 1).get(0);
    assertEquals(List.of("a"), e.history().search());
    assertEquals(List.of("b", "c", "d"), e.targets());
  }

  @Test
  void aTargetMayStandInTheHistory() {
    Example e = cut("c a b c d", 1).get(0);
    assertEquals(List.of("c", "a"), e.history().search());
    assertEquals(List.of("b", "c", "d"), e.targets());
  }

  @Test
  void tooLittleGivesNothing() {
    assertEquals(List.of(), cut("a b c", 1));
    assertEquals(List.of(), cut("a b a b a b", 1));
    assertEquals(List.of(), cut("a b c d e", 1, "min_history=3"));
    assertEquals(1, cut("a b c d e", 1, "min_history=2").size());
  }

  @Test
  void olderCutPointsFollowTheNewestFirst() {
    List<Example> all = cut("a b c d e f", 9);
    assertEquals(List.of(List.of("d", "e", "f"), List.of("c", "d", "e"), List.of("b", "c", "d")),
        all.stream().map(Example::targets).toList());
    assertEquals(List.of("a"), all.get(2).history().search());
    assertEquals(all.subList(0, 2), cut("a b c d e f", 2));
    assertEquals(List.of(all.get(0), all.get(2)), cut("a b c d e f", 9, "cut_stride=2"));
  }

  @Test
  void theHistoryIsCutToItsNewestEntries() {
    assertEquals(List.of("c", "d"), cut("a b c d e f g", 1, "history_limit=2").get(0).history().search());
  }

  @Test
  void clicksOfTargetsStayHidden() {
    UserLog log = new UserLog(true);
    for (String q : "a b c d e".split(" ")) {
      log.add(1, q, q + ".com");
    }
    History h = log.examples("u", LogFiles.config(List.of(Path.of("log"))), 1).get(0).history();
    assertEquals(List.of("a.com", "b.com"), h.click());
  }

  @Test
  void repeatsAndPagesAreToldApart() {
    UserLog log = new UserLog(true);
    assertEquals(UserLog.Outcome.SEARCH, log.add(5, "a", ""));
    assertEquals(UserLog.Outcome.REPEAT, log.add(5, "a", ""));
    assertEquals(UserLog.Outcome.PAGING, log.add(6, "a", ""));
    assertEquals(UserLog.Outcome.CLICK, log.add(6, "a", "x.com"));
    assertEquals(UserLog.Outcome.REPEAT, log.add(7, "a", "x.com"));
    UserLog clickless = new UserLog(false);
    clickless.add(5, "a", "");
    assertEquals(UserLog.Outcome.REPEAT, clickless.add(6, "a", ""));
  }

  @Test
  void anyLogKeepsTheRules() {
    Random random = new Random(11);
    for (int round = 0; round < 500; round++) {
      List<String> queries = new ArrayList<>();
      for (int i = random.nextInt(30); i >= 0; i--) {
        queries.add("q" + random.nextInt(8));
      }
      int cuts = 1 + random.nextInt(5);
      List<Example> examples = cut(String.join(" ", queries), cuts, "history_limit=4");
      assertTrue(examples.size() <= cuts);
      for (Example e : examples) {
        assertEquals(3, new HashSet<>(e.targets()).size());
        assertTrue(!e.history().search().isEmpty() && e.history().search().size() <= 4);
        // What directly precedes the first target is the history's newest entry and differs from it.
        assertTrue(!e.targets().get(0).equals(e.history().search().get(e.history().search().size() - 1)));
      }
    }
  }
}
