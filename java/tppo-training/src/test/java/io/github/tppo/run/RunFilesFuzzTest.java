// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.run;

import com.code_intelligence.jazzer.junit.FuzzTest;
import io.github.tppo.HostileInput;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.MethodSource;

/** A run's configuration, its state and the manifest of its checkpoints, with any content. */
class RunFilesFuzzTest {
  static Stream<byte[]> yaml() {
    return bytes("seed: 3\ndata:\n  form: aol\n  files: [a.txt, 'b.txt']\npolicy:\n  class_values: [0, 1e-5, 2_0]\n  kl_coef: 0.2\n",
        "# nothing\n", "a: &x [1]\nb: *x\n", "seed: 1e999999999\n");
  }

  static Stream<byte[]> json() {
    return bytes("{\"seed\": 3, \"data\": {\"form\": \"excite\", \"files\": [\"a\"]}, \"sampling\": {\"temperature\": 0.7}}", "[[[[", "{\"seed\":null}");
  }

  static Stream<byte[]> states() {
    return bytes("{\"prepare\":{\"config\":\"a\",\"inputs\":\"b\",\"finished\":true,\"seconds\":1.5,\"figures\":{\"x\":1}}}", "{}", "null",
        "{\"prepare\":null}");
  }

  static Stream<byte[]> manifests() {
    return bytes("{\"step\":7,\"files\":{\"a\":{\"bytes\":0,\"sha256\":\"e3b0\"}}}", "null", "{\"step\":1,\"files\":{\"../a\":null}}");
  }

  private static Stream<byte[]> bytes(String... texts) {
    return Stream.of(texts).map(t -> t.getBytes(StandardCharsets.UTF_8));
  }

  @MethodSource("yaml")
  @FuzzTest
  void yamlConfiguration(byte[] yaml) throws IOException {
    HostileInput.checkFile(yaml, "run.yaml", file -> ConfigReader.read(TppoConfig.class, file, List.of()), ConfigException.class);
  }

  @MethodSource("json")
  @FuzzTest
  void jsonConfiguration(byte[] json) throws IOException {
    HostileInput.checkFile(json, "run.json", file -> ConfigReader.read(TppoConfig.class, file, List.of()), ConfigException.class);
  }

  @MethodSource("states")
  @FuzzTest
  void state(byte[] json) throws IOException {
    HostileInput.checkFile(json, "state.json", file -> {
      RunState state = RunState.load(file);
      state.seconds();
      state.figures("x");
      state.finished("prepare");
    }, RunException.class, IOException.class);
  }

  @MethodSource("manifests")
  @FuzzTest
  void manifest(byte[] json) throws IOException {
    Files.createDirectories(HostileInput.folder().resolve("stage/checkpoints/step-000000007"));
    Files.write(HostileInput.folder().resolve("stage/checkpoints/step-000000007/a"), new byte[0]);
    Checkpoints checkpoints = new Checkpoints(HostileInput.folder().resolve("stage"), 2);
    HostileInput.checkFile(json, "stage/checkpoints/step-000000007/manifest.json", file -> checkpoints.latest(warning -> { }));
  }
}
