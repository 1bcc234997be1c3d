// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
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

  /** One line a key, however deep it lies, also for keys that one of the two configurations has not. */
  @Test
  void everyChangedKeyIsNamed() throws IOException {
    TppoConfig before = ConfigReader.read(TppoConfig.class, List.of("experiment.arms={ppo: [policy.clip_low=0.1], old: []}", "data.files=[/a]"));
    TppoConfig after = ConfigReader.read(TppoConfig.class, List.of("experiment.arms={ppo: [policy.clip_low=0.2], 'new': []}", "data.files=[/a, /b]",
        "sft.shape.hidden_size=32", "sft.optimizer.learning_rate=0.5", "judge.chat.base_url=http://localhost:1/v1", "threads=1", "lora.r=2"));
    try (RunFolder folder = RunFolder.open(dir)) {
      folder.begin(before, false);
      String message = assertThrows(ConfigException.class, () -> folder.begin(after, false)).getMessage();
      TppoConfig defaults = ConfigReader.read(TppoConfig.class, List.of());
      List<String> keys = List.of("data.files: [\"/a\"] -> [\"/a\",\"/b\"]",
          "sft.shape.hidden_size: " + defaults.sft().shape().hiddenSize() + " -> 32",
          "sft.optimizer.learning_rate: " + defaults.sft().optimizer().learningRate() + " -> 0.5",
          "lora.r: 0 -> 2",
          "judge.chat.base_url: \"" + defaults.judge().chat().baseUrl() + "\" -> \"http://localhost:1/v1\"",
          "experiment.arms.ppo: [\"policy.clip_low=0.1\"] -> [\"policy.clip_low=0.2\"]",
          "experiment.arms.old: [] -> (no such key)", "experiment.arms.new: (no such key) -> []", "threads: " + defaults.threads() + " -> 1");
      keys.forEach(key -> assertTrue(message.lines().anyMatch(line -> line.strip().equals(key)), key + " in " + message));
      assertEquals(keys.size() + 2, message.lines().count(), message);
      assertEquals(ConfigWriter.json(before), Files.readString(folder.configFile()));
      assertEquals(Set.copyOf(keys), Set.copyOf(folder.begin(after, true)));
    }
    String json = Files.readString(dir.resolve("config.json"));
    Files.writeString(dir.resolve("config.json"), json.replaceFirst("\"threads\"", "\"fibres\""));
    try (RunFolder folder = RunFolder.open(dir)) {
      String message = assertThrows(ConfigException.class, () -> folder.begin(after, false)).getMessage();
      assertTrue(message.contains("fibres: 1 -> (no such key)") && message.contains("threads: (no such key) -> 1"), message);
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
