// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.tppo.run.ProgressListener;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PrepareTest {
  private static final String[] SPLIT = {"valid_fraction=0.2", "eval_fraction=0.3"};
  @TempDir Path folder;

  private Path file(String name, String log) throws IOException {
    Path file = folder.resolve(name);
    Files.createDirectories(file.getParent());
    Files.writeString(file, log);
    return file;
  }

  private List<Example> split(Path out, Split split) throws IOException {
    return Examples.read(out.resolve(split.fileName()));
  }

  private static Set<String> users(List<Example> examples) {
    return examples.stream().map(Example::user).collect(Collectors.toSet());
  }

  private static String[] with(String[] a, String... b) {
    List<String> all = new ArrayList<>(Arrays.asList(a));
    all.addAll(Arrays.asList(b));
    return all.toArray(String[]::new);
  }

  @Test
  void noUserIsInTwoSplitsAndSharesAreKept() throws IOException {
    Path log = file("log", LogFiles.aolUsers(1000, 8));
    Path out = folder.resolve("out");
    DataStats stats = Prepare.run(LogFiles.config(List.of(log), with(SPLIT, "cuts_per_user=3")), out, 0, ProgressListener.NONE);
    Set<String> seen = new HashSet<>();
    for (Split s : Split.values()) {
      List<Example> examples = split(out, s);
      Set<String> users = users(examples);
      for (String u : users) {
        assertTrue(seen.add(u), u + " is in two splits");
      }
      assertEquals(users.size() * (s == Split.TRAIN ? 3 : 1), examples.size(), "only training users are cut more than once");
      assertEquals(examples.size(), stats.examples(s));
      assertEquals(users.size(), stats.usersPerSplit().get(s.key()));
    }
    assertEquals(1000, seen.size());
    assertEquals(200, stats.usersPerSplit().get("valid"), 50);
    assertEquals(300, stats.usersPerSplit().get("eval"), 60);
  }

  /** The files' order, their cut and the order of rows within them change nothing. */
  @Test
  void theResultDoesNotDependOnTheOrderOfTheInput() throws IOException {
    List<String> rows = new ArrayList<>(LogFiles.aolUsers(300, 8).lines().skip(1).toList());
    Path whole = file("whole", String.join("\n", rows));
    Collections.shuffle(rows, new Random(1));
    Path a = file("parts/b.txt", String.join("\n", rows.subList(0, 700)));
    Path b = file("parts/a.txt", String.join("\n", rows.subList(700, rows.size())));
    List<List<Path>> inputs = List.of(List.of(whole), List.of(a, b), List.of(b, a, b), List.of(folder.resolve("parts/*.t?t")),
        List.of(folder.resolve("parts/**"), a));
    List<String> results = new ArrayList<>();
    for (int i = 0; i < inputs.size(); i++) {
      Path out = folder.resolve("out" + i);
      DataStats stats = Prepare.run(LogFiles.config(inputs.get(i), SPLIT), out, 0, ProgressListener.NONE);
      assertEquals(2400, stats.rowsKept());
      StringBuilder all = new StringBuilder();
      for (Split s : Split.values()) {
        all.append(Files.readString(out.resolve(s.fileName()))).append('\f');
      }
      results.add(all.toString());
    }
    assertEquals(1, new HashSet<>(results).size());
  }

  @Test
  void theSeedDealsTheUsersAnew() throws IOException {
    Path log = file("log", LogFiles.aolUsers(200, 6));
    Prepare.run(LogFiles.config(List.of(log), SPLIT), folder.resolve("a"), 0, ProgressListener.NONE);
    Prepare.run(LogFiles.config(List.of(log), with(SPLIT, "seed=2")), folder.resolve("b"), 0, ProgressListener.NONE);
    assertNotEquals(users(split(folder.resolve("a"), Split.EVAL)), users(split(folder.resolve("b"), Split.EVAL)));
  }

  @Test
  void limitsTakeTheFirstInTheOrderOfTheHash() throws IOException {
    Path log = file("log", LogFiles.aolUsers(200, 6));
    Path all = folder.resolve("all");
    Path few = folder.resolve("few");
    Prepare.run(LogFiles.config(List.of(log), SPLIT), all, 0, ProgressListener.NONE);
    DataStats stats = Prepare.run(LogFiles.config(List.of(log), with(SPLIT, "max_train=20", "max_valid=5", "max_eval=7")), few,
        0, ProgressListener.NONE);
    assertEquals(split(all, Split.TRAIN).subList(0, 20), split(few, Split.TRAIN));
    assertEquals(split(all, Split.VALID).subList(0, 5), split(few, Split.VALID));
    assertEquals(split(all, Split.EVAL).subList(0, 7), split(few, Split.EVAL));
    assertEquals(200 - 32, stats.examplesOverLimit());
  }

  @Test
  void statsAreWrittenInSnakeCaseAndAddUp() throws IOException {
    Path log = file("log", LogFiles.aolUsers(50, 6) + "junk\n");
    List<Long> progress = new ArrayList<>();
    DataStats stats = Prepare.run(LogFiles.config(List.of(log), SPLIT), folder.resolve("out"), 0, (done, total, note) -> {
      assertEquals(1000, total);
      progress.add(done);
    });
    JsonNode json = new ObjectMapper().readTree(folder.resolve("out/stats.json").toFile());
    assertEquals(new ObjectMapper().valueToTree(stats).toString(), json.toString());
    assertEquals(301, json.at("/rows_read").asLong());
    assertEquals(300, json.at("/rows_kept").asLong());
    assertEquals(1, json.at("/rows_dropped/wrong_column_count").asLong());
    assertEquals(302, json.at("/files/0/first_line/wrong_column_count").asLong());
    assertEquals(3, json.at("/lengths/target_query_words/p50").asLong());
    assertEquals(progress.stream().sorted().toList(), progress);
    assertEquals(1000, progress.get(progress.size() - 1));
  }

  /** Far more rows than the buffers hold, in no order at all, in bounded extra memory. */
  @Test
  void aLogInNoOrderStreams() throws IOException {
    int users = 10_000;
    int rows = 200_000;
    Path log = folder.resolve("big.gz");
    try (OutputStream out = new BufferedOutputStream(new GZIPOutputStream(Files.newOutputStream(log)))) {
      for (int i = 0; i < rows; i++) {
        // User i mod users: the rows of a user lie as far apart as they can.
        String row = "user-with-a-long-name-" + i % users + "\t" + i / users + "\t"
            + LogFiles.query(i % users, i / users) + " and some more words to fill the row\n";
        out.write(LogFiles.utf8(row));
      }
    }
    Path out = folder.resolve("out");
    DataConfig config = LogFiles.config(List.of(log), "form=delimited", "header=false", "delimiter=tab",
        "columns.user=1", "columns.time=2", "columns.query=3", "time_pattern=epoch_seconds", "max_train=1000");
    boolean[] spilled = new boolean[1];
    DataStats stats = Prepare.run(config, out, 0, (done, total, note) -> spilled[0] |= Files.exists(out.resolve("prepare.tmp")));
    assertEquals(rows, stats.rowsKept());
    assertEquals(users, stats.usersPerSplit().get("train") + stats.examplesOverLimit());
    assertTrue(spilled[0], "rows went to temporary files");
    for (Example e : split(out, Split.TRAIN)) {
      assertEquals(17, e.history().search().size());
      assertTrue(e.targets().get(2).contains("number 19"), e.toString());
    }
  }
}
