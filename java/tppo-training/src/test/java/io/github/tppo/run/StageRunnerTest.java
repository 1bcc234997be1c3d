// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StageRunnerTest {
  @TempDir
  Path dir;
  private final List<String> ran = new ArrayList<>();
  private final AtomicBoolean stop = new AtomicBoolean();
  private RuntimeException failure;
  /** The stage at whose files the process is killed while they are deleted. */
  private String killedIn;

  private Stage<SampleConfig> stage(String name, List<String> needs, String... keys) {
    return new Stage<>() {
      @Override
      public String name() {
        return name;
      }

      @Override
      public List<String> needs() {
        return needs;
      }

      @Override
      public List<String> configKeys() {
        return List.of(keys);
      }

      @Override
      public List<String> outputs() {
        if (name.equals(killedIn)) {
          throw new IllegalStateException("killed");
        }
        return List.of(name);
      }

      @Override
      public void run(RunContext<SampleConfig> context) throws IOException {
        Path out = Files.createDirectories(context.folder().path(name));
        ran.add(name + (Files.exists(out.resolve("checkpoint")) ? " from checkpoint" : ""));
        Files.writeString(out.resolve("checkpoint"), "");
        context.figure("tokens_per_s", 5);
        context.checkStop();
        if (failure != null && name.equals("b")) {
          throw failure;
        }
      }
    };
  }

  private List<String> run(SampleConfig config, String only) throws Exception {
    ran.clear();
    List<Stage<SampleConfig>> stages = List.of(stage("a", List.of(), "data"), stage("b", List.of("a"), "policy.clip"),
        stage("c", List.of("a", "b"), "seed"));
    try (RunFolder folder = RunFolder.open(dir)) {
      folder.begin(config, true);
      StageRunner<SampleConfig> runner = new StageRunner<>(stages, config, folder, Backend.CPU, Reporter.SILENT, stop::get);
      if (only == null) {
        runner.runAll();
      } else {
        runner.runCommand(only);
      }
    }
    return List.copyOf(ran);
  }

  private static SampleConfig config(String... sets) {
    return ConfigReader.read(SampleConfig.class, List.of(sets));
  }

  @Test
  void finishedStagesAreNotRunAgain() throws Exception {
    assertEquals(List.of("a", "b", "c"), run(config(), null));
    assertEquals(List.of(), run(config(), null));
  }

  @Test
  void failedStageGoesOnFromItsCheckpoint() throws Exception {
    failure = new RunException("full");
    assertThrows(RunException.class, () -> run(config(), null));
    failure = null;
    assertEquals(List.of("b from checkpoint", "c"), run(config(), null));
  }

  @Test
  void stopSavesAndGoesOn() throws Exception {
    stop.set(true);
    assertThrows(StoppedException.class, () -> run(config(), null));
    assertEquals(List.of(), ran);
    stop.set(false);
    assertEquals(List.of("a", "b", "c"), run(config(), null));
  }

  @Test
  void changedKeyRunsItsStageAndWhatFollowsAnew() throws Exception {
    run(config(), null);
    assertEquals(List.of("b", "c"), run(config("policy.clip=0.3"), null));
    assertEquals(List.of("c"), run(config("policy.clip=0.3", "seed=8"), null));
    assertEquals(List.of(), run(config("policy.clip=0.3", "seed=8", "policy.name=x"), null));
    assertEquals(List.of("a", "b", "c"), run(config("data.max_history=1"), null));
  }

  @Test
  void unfinishedStageWithChangedInputsStartsAnew() throws Exception {
    failure = new RunException("full");
    assertThrows(RunException.class, () -> run(config(), null));
    failure = null;
    assertEquals(List.of("a", "b", "c"), run(config("data.max_history=1"), null));
  }

  /** What is left of files that were being deleted is not taken for a finished stage's, also with the configuration of before. */
  @Test
  void killedWhileFilesAreDeletedTheStageBeginsAnew() throws Exception {
    run(config(), null);
    killedIn = "b";
    assertThrows(IllegalStateException.class, () -> run(config("policy.clip=0.3"), null));
    killedIn = null;
    assertEquals(List.of("b", "c"), run(config(), null));
    killedIn = "a";
    assertThrows(IllegalStateException.class, () -> run(config(), "a"));
    killedIn = null;
    assertEquals(List.of("a", "b", "c"), run(config(), null));
  }

  @Test
  void oneStageNamesWhatIsMissing() throws Exception {
    String message = assertThrows(ConfigException.class, () -> run(config(), "c")).getMessage();
    assertTrue(message.startsWith("c needs the files of a and b in "), message);
    assertTrue(message.contains("run tppo a and tppo b first"), message);
    assertTrue(assertThrows(ConfigException.class, () -> run(config(), "d")).getMessage().contains("stages are a, b, c"));
    assertEquals(List.of("a"), run(config(), "a"));
    assertEquals(List.of("a"), run(config(), "a"));
    assertEquals(List.of("b"), run(config(), "b"));
  }

  @Test
  void timesAndFiguresAreKept() throws Exception {
    run(config(), null);
    try (RunFolder folder = RunFolder.open(dir)) {
      assertEquals(List.of("a", "b", "c"), List.copyOf(folder.state().seconds().keySet()));
      assertEquals(Map.of("a", 5.0, "b", 5.0, "c", 5.0), folder.state().figures("tokens_per_s"));
      assertTrue(folder.state().finished("c"));
      assertFalse(folder.state().finished("d"));
    }
  }

  @Test
  void unknownDependencyIsAProgrammingError() {
    assertThrows(IllegalArgumentException.class, () -> new StageRunner<>(List.of(stage("b", List.of("a"))), config(), null,
        Backend.CPU, Reporter.SILENT, stop::get));
  }
}
