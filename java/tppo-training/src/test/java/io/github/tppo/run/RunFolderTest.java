// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RunFolderTest {
  @TempDir
  Path dir;

  /** Holds a run's folder until its input ends: the other process of the lock's test. */
  static final class Holder {
    public static void main(String[] args) throws IOException {
      try (RunFolder folder = RunFolder.open(Path.of(args[0]))) {
        System.out.println("locked " + folder.root());
        System.in.read();
      }
    }
  }

  @Test
  void secondRunOnOneFolderIsRefused() throws IOException {
    try (RunFolder first = RunFolder.open(dir)) {
      String message = assertThrows(RunException.class, () -> RunFolder.open(dir)).getMessage();
      assertTrue(message.contains("another run is using this folder (process " + ProcessHandle.current().pid() + ")"), message);
      assertEquals(dir, first.root());
    }
    RunFolder.open(dir).close();
  }

  @Test
  void lockHoldsBetweenProcessesAndEndsWithAKill() throws Exception {
    Process holder = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-Xmx64m",
        "-cp", System.getProperty("java.class.path"), Holder.class.getName(), dir.toString()).redirectErrorStream(true).start();
    try {
      assertEquals("locked " + dir, holder.inputReader().readLine());
      String message = assertThrows(RunException.class, () -> RunFolder.open(dir)).getMessage();
      assertTrue(message.contains("process " + holder.pid()), message);
    } finally {
      holder.destroyForcibly().waitFor();
    }
    RunFolder.open(dir).close();
  }

  @Test
  void changedConfigurationIsRefusedKeyByKey() throws IOException {
    SampleConfig config = SampleConfig.defaults();
    SampleConfig other = ConfigReader.read(SampleConfig.class, List.of("seed=8", "policy.clip=0.3"));
    try (RunFolder folder = RunFolder.open(dir)) {
      assertEquals(List.of(), folder.begin(config, false));
      assertEquals(List.of(), folder.begin(config, false));
      String message = assertThrows(ConfigException.class, () -> folder.begin(other, false)).getMessage();
      assertTrue(message.contains("seed: 7 -> 8") && message.contains("policy.clip: 0.2 -> 0.3")
          && message.contains("--allow-config-change"), message);
      assertEquals(ConfigWriter.json(config), Files.readString(folder.configFile()));
      assertEquals(List.of("seed: 7 -> 8", "policy.clip: 0.2 -> 0.3"), folder.begin(other, true));
      assertEquals(List.of(), folder.begin(other, false));
    }
  }

  @Test
  void unreadableStateIsNamed() throws IOException {
    Files.writeString(dir.resolve("state.json"), "{\"sft\": {\"finished\": tr");
    String message = assertThrows(RunException.class, () -> RunFolder.open(dir)).getMessage();
    assertTrue(message.contains("state.json: not the state of a run"), message);
    Files.delete(dir.resolve("state.json"));
    RunFolder.open(dir).close();
  }

  @Test
  void fileInPlaceOfTheFolderIsAUsageError() throws IOException {
    Path file = Files.writeString(dir.resolve("f"), "");
    assertThrows(ConfigException.class, () -> RunFolder.open(file));
  }
}
