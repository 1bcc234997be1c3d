// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.tppo.run.ProgressListener;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code data.eval_files}: logs whose users are all held out. */
class PrepareEvalFilesTest {
  private static final String[] SPLIT = {"valid_fraction=0.2", "eval_fraction=0.3", "cuts_per_user=3"};
  private static final String OTHER_PEOPLE = "eval_ids=other_people";
  @TempDir Path folder;
  private Path log;
  private Path fresh;

  /** The same 60 ids in both logs, of which 20 more in the fresh one, with other queries. */
  @BeforeEach
  void logs() throws IOException {
    log = Files.writeString(folder.resolve("log"), LogFiles.aolUsers(60, 8));
    fresh = Files.write(folder.resolve("fresh.gz"), LogFiles.gzip(LogFiles.utf8(
        LogFiles.aolUsers(80, 7).replace(" number ", " fresh ") + "junk\n")));
  }

  private DataStats prepare(String out, List<Path> evalFiles, String... settings) throws IOException {
    return Prepare.run(LogFiles.config(List.of(log), evalFiles, settings), folder.resolve(out), 0, ProgressListener.NONE);
  }

  private List<Example> read(String out, Split split) throws IOException {
    return Examples.read(folder.resolve(out).resolve(split.fileName()));
  }

  private static String[] with(String[] settings, String another) {
    return Stream.concat(Stream.of(settings), Stream.of(another)).toArray(String[]::new);
  }

  private static boolean isFresh(Example e) {
    return e.targets().stream().allMatch(q -> q.contains(" fresh "));
  }

  @Test
  void itsUsersAreAllHeldOutAndTheOthersAreDealtAsBefore() throws IOException {
    prepare("without", List.of(), SPLIT);
    DataStats stats = prepare("with", List.of(fresh), with(SPLIT, OTHER_PEOPLE));
    for (Split s : List.of(Split.TRAIN, Split.VALID)) {
      assertArrayEquals(Files.readAllBytes(folder.resolve("without").resolve(s.fileName())),
          Files.readAllBytes(folder.resolve("with").resolve(s.fileName())), s + " has users of files only");
    }
    List<Example> before = read("without", Split.EVAL);
    List<Example> eval = read("with", Split.EVAL);
    assertFalse(before.isEmpty());
    assertEquals(before.stream().map(e -> new Example(" files:" + e.user(), e.history(), e.targets())).toList(),
        eval.subList(0, before.size()), "first the held-out users of files, whom ids of their own keep apart");
    assertEquals(eval.size(), eval.stream().map(Example::user).distinct().count());
    List<Example> added = eval.subList(before.size(), eval.size());
    assertEquals(80, added.stream().filter(PrepareEvalFilesTest::isFresh).map(Example::user).distinct().count());
    assertEquals(80, added.size(), "one example a user, whatever cuts_per_user");
    assertEquals(4, added.get(0).history().search().size(), "rows of the same id in files are another person's");
    assertEquals(eval.size(), stats.examples(Split.EVAL));
    assertEquals(140, stats.users());
    assertEquals(60, stats.sharedIds());
    assertEquals(Map.of(), stats.usersDropped());
    assertEquals(List.of("60 ids stand in data.files and in data.eval_files; data.eval_ids: other_people takes them for ids of"
        + " different people, of whom those of data.files may train"), stats.warnings());
  }

  /** One log cut by time: who is in its later part is held out, unless told otherwise. */
  @Test
  void nobodyOfItTrains() throws IOException {
    Path later = Files.writeString(folder.resolve("later"), LogFiles.aolUsers(25, 7)
        + LogFiles.aol("u30", "a single query", 3) + LogFiles.aol("u31", "www.an-address.com", 3));
    prepare("without", List.of(), SPLIT);
    DataStats stats = prepare("with", List.of(later), SPLIT);
    List<String> ids = IntStream.concat(IntStream.range(0, 25), IntStream.of(30, 31)).mapToObj(u -> "u" + u).toList();
    long left = 0;
    for (Split s : List.of(Split.TRAIN, Split.VALID)) {
      List<Example> before = read("without", s);
      List<Example> expected = before.stream().filter(e -> !ids.contains(e.user())).toList();
      assertFalse(expected.isEmpty());
      assertEquals(expected, read("with", s));
      left += before.stream().map(Example::user).filter(ids::contains).distinct().count();
    }
    assertTrue(left > 0 && left < 27, left + " of both");
    List<Example> heldOut = read("without", Split.EVAL);
    assertEquals(heldOut, read("with", Split.EVAL).subList(0, heldOut.size()), "one person, who may give two examples");
    assertEquals(heldOut.size() + 25, stats.examples(Split.EVAL));
    assertEquals(27, stats.sharedIds());
    assertEquals(Map.of("in_eval_files", left, "too_few_distinct_queries", 1L, "no_usable_query", 1L), stats.usersDropped());
    assertEquals(List.of("27 ids stand in data.files and in data.eval_files; data.eval_ids: same_people leaves them out of"
        + " train.jsonl and valid.jsonl, " + left + " of them with examples"), stats.warnings());
  }

  @Test
  void logsOfOtherIdsGiveTheSameEitherWay() throws IOException {
    Path others = Files.writeString(folder.resolve("others"), LogFiles.aolUsers(9, 7).replace("\nu", "\nv"));
    DataStats same = prepare("same", List.of(others), SPLIT);
    assertEquals(same, prepare("other", List.of(others), with(SPLIT, OTHER_PEOPLE)));
    assertEquals(0, same.sharedIds());
    assertEquals(List.of(), same.warnings());
    for (Split s : Split.values()) {
      assertEquals(read("same", s), read("other", s));
    }
  }

  @Test
  void aLogOfNobodyElseIsRefused() throws IOException {
    String message = fault(fresh);
    assertTrue(message.contains("data.files: no training example: of 60 users, dropped {in_eval_files=60}"), message);
    assertTrue(message.contains("data.eval_ids"), message);
  }

  @Test
  void withoutAFractionEvalHoldsNoOtherUsers() throws IOException {
    prepare("out", List.of(fresh), "eval_fraction=0", OTHER_PEOPLE);
    assertEquals(80, read("out", Split.EVAL).stream().filter(PrepareEvalFilesTest::isFresh).count());
    assertEquals(80, read("out", Split.EVAL).size());
    assertEquals(60, read("out", Split.TRAIN).size());
  }

  @Test
  void statsTellTheRowsOfBoth() throws IOException {
    List<Long> progress = new ArrayList<>();
    DataStats stats = Prepare.run(LogFiles.config(List.of(log), List.of(fresh), with(SPLIT, OTHER_PEOPLE)), folder.resolve("out"), 0,
        (done, total, note) -> progress.add(done));
    assertEquals(60 * 8 + 80 * 7 + 1, stats.rowsRead());
    assertEquals(List.of(false, true), stats.files().stream().map(DataStats.FileStats::heldOut).toList());
    assertEquals(List.of(480L, 561L), stats.files().stream().map(DataStats.FileStats::rowsRead).toList());
    assertEquals(1, stats.files().get(1).rowsDropped().get(RowParser.WRONG_COLUMN_COUNT));
    assertEquals(stats.rowsRead(), stats.rowsKept() + stats.rowsDropped().values().stream().mapToLong(n -> n).sum());
    assertEquals(progress.stream().sorted().toList(), progress);
    assertEquals(1000, progress.get(progress.size() - 1));
    assertFalse(Files.exists(folder.resolve("out/prepare.tmp")));
  }

  @Test
  void aFileThatIsTrainedOnIsRefused() {
    String message = assertThrows(DataException.class, () -> prepare("out", List.of(folder.resolve("lo*")))).getMessage();
    assertTrue(message.contains("data.eval_files: " + log + ": is one of data.files too"), message);
  }

  @Test
  void faultsNameTheKey() throws IOException {
    Path missing = folder.resolve("missing");
    assertTrue(fault(missing).contains("data.eval_files: " + missing + ": no such file"));
    Path other = Files.writeString(folder.resolve("other"), "no log at all\n".repeat(200));
    assertTrue(fault(other).contains("data.eval_files: " + other + ": 200 of 200 rows are not of the form aol"));
    Path few = Files.writeString(folder.resolve("few"), LogFiles.aolUsers(5, 2));
    assertTrue(fault(few).contains("data.eval_files: no held-out example"), fault(few));
    Path none = Files.writeString(folder.resolve("none"), LogFiles.AOL_HEADER);
    assertTrue(fault(none).contains("data.eval_files: no rows"), fault(none));
  }

  private String fault(Path evalFile) {
    return assertThrows(DataException.class, () -> prepare("out", List.of(evalFile))).getMessage();
  }
}
