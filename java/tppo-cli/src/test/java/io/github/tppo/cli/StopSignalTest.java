// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.tppo.run.Pipeline;
import io.github.tppo.run.RunContext;
import io.github.tppo.run.Stage;
import io.github.tppo.run.StoppedException;
import java.io.BufferedReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** A polite kill takes the same way as Ctrl-C, which a test's process may have been told to ignore. */
@DisabledOnOs(OS.WINDOWS)
@Timeout(60)
class StopSignalTest {
  @TempDir
  Path dir;

  /** The program with one stage that runs until it is asked to stop, or for ever. */
  static final class Endless {
    public static void main(String[] args) {
      boolean deaf = args[0].equals("deaf");
      Stage<TestPipeline.Config> stage = new Stage<>() {
        @Override
        public String name() {
          return "sft";
        }

        @Override
        public List<String> needs() {
          return List.of();
        }

        @Override
        public List<String> configKeys() {
          return List.of();
        }

        @Override
        public List<String> outputs() {
          return List.of();
        }

        @Override
        public void run(RunContext<TestPipeline.Config> context) throws Exception {
          context.message("waiting");
          while (deaf || !context.stopRequested()) {
            Thread.sleep(5);
          }
          Files.writeString(context.folder().path("saved"), "");
          throw new StoppedException(name());
        }
      };
      System.exit(Tppo.commandLine(Pipeline.of(TestPipeline.Config.class, List.of(stage))).execute("run", args[1], "--out", args[2]));
    }
  }

  private Process start(String how) throws Exception {
    Path config = Files.writeString(dir.resolve("c.yaml"), "");
    return new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-Xmx128m", "-cp",
        System.getProperty("java.class.path"), Endless.class.getName(), how, config.toString(), dir.resolve("run").toString())
        .redirectErrorStream(true).start();
  }

  private static void readUntil(BufferedReader in, String word) throws Exception {
    for (String line = in.readLine(); !line.contains(word); line = in.readLine()) {
      assertTrue(line.startsWith("sft"), line);
    }
  }

  @Test
  void firstSignalSavesAndSaysHowToGoOn() throws Exception {
    Process process = start("polite");
    BufferedReader in = process.inputReader();
    readUntil(in, "waiting");
    process.toHandle().destroy();
    String rest = in.lines().collect(Collectors.joining("\n"));
    assertEquals(1, process.waitFor());
    assertTrue(rest.contains("stopping as soon as the state is saved"), rest);
    assertTrue(rest.contains("stopped during sft; what was done is kept. To go on: tppo run "), rest);
    assertTrue(Files.exists(dir.resolve("run/saved")));
  }

  @Test
  void secondSignalEndsAtOnce() throws Exception {
    Process process = start("deaf");
    BufferedReader in = process.inputReader();
    readUntil(in, "waiting");
    process.toHandle().destroy();
    readUntil(in, "stopping");
    process.toHandle().destroy();
    assertTrue(process.waitFor(20, TimeUnit.SECONDS));
    assertEquals(1, process.exitValue());
  }
}
