// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.tppo.serve.TinyModels;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The program as a process, for what only a process shows. */
class StandardOutputTest {
  @TempDir
  Path dir;

  private int tppo(Path stdout, Path stderr, String... args) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-Xmx256m", "-cp",
        System.getProperty("java.class.path"), Tppo.class.getName()));
    command.addAll(List.of(args));
    ProcessBuilder builder = new ProcessBuilder(command).redirectOutput(stdout.toFile()).redirectError(stderr.toFile());
    builder.environment().put("LC_ALL", "C"); // as under cron, and in most containers
    return builder.start().waitFor();
  }

  @Test
  void itIsUtf8WhateverTheLocale() throws Exception {
    Path model = TinyModels.policy(Files.createDirectories(dir.resolve("model")), 4);
    Path in = Files.writeString(dir.resolve("in.jsonl"), "aü");
    Path out = dir.resolve("out");
    assertEquals(0, tppo(out, dir.resolve("err"), "suggest", "--skip-bad", "--model", model.toString(), "--history", in.toString()));
    String line = new String(Files.readAllBytes(out), StandardCharsets.UTF_8);
    assertTrue(line.contains("Unrecognized token 'aü'"), line);
  }

  @Test
  void outputThatCannotBeWrittenIsAFailure() throws Exception {
    Path full = Path.of("/dev/full");
    assumeTrue(Files.exists(full), "no device that is always full");
    Path err = dir.resolve("err");
    assertEquals(1, tppo(full, err, "--version"));
    assertEquals("tppo: cannot write to standard output", Files.readString(err).strip());
    Path model = TinyModels.policy(Files.createDirectories(dir.resolve("model")), 4);
    Path in = Files.writeString(dir.resolve("in.jsonl"), "{\"search\": [\"a\"]}");
    assertEquals(1, tppo(full, err, "suggest", "--model", model.toString(), "--history", in.toString()));
    assertEquals("tppo suggest: cannot write to standard output", Files.readString(err).strip());
  }
}
