// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.tppo.kernels.KernelInfo;
import io.github.tppo.kernels.Kernels;
import io.github.tppo.run.RunFolder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TppoTest extends CommandTest {
  @TempDir
  Path dir;
  private Path config;
  private Path out;

  @BeforeEach
  void writeConfig() throws IOException {
    config = Files.writeString(dir.resolve("c.yaml"), "steps: 2\n");
    out = dir.resolve("run");
  }

  @Test
  void everyCommandHasHelp() {
    for (String command : new String[] {"quickstart", "init", "run", "prepare", "report", "verify", "search", "agreement", "checkpoint", "suggest", "serve", "doctor"}) {
      assertEquals(0, tppo(command, "--help"));
      assertTrue(stdout.startsWith("Usage: tppo " + command), stdout);
      assertTrue(stdout.contains("--version"), stdout);
    }
    assertEquals(0, tppo("--help"));
    assertTrue(stdout.contains("Exit status: 0 done, 1 the run failed or was stopped, 2 usage"), stdout);
  }

  @Test
  void versionIsTheBuilds() {
    assertEquals(0, tppo("--version"));
    assertTrue(stdout.matches("tppo \\d+\\.\\d+\\.\\d+.*\\R"), stdout);
  }

  @Test
  void misuseExitsWithTwoAndNamesTheOption() {
    assertEquals(2, tppo());
    assertEquals(2, tppo("rnu"));
    assertTrue(stderr.contains("Did you mean: run") || stderr.contains("rnu"), stderr);
    assertEquals(2, tppo("run"));
    assertTrue(stderr.contains("CONFIG"), stderr);
    assertEquals(2, tppo("run", config, "--backnd", "cpu"));
    assertTrue(stderr.contains("--backnd"), stderr);
    assertEquals(2, tppo("run", config, "--backend", "gpu"));
    assertTrue(stderr.contains("--backend") && stderr.contains("gpu"), stderr);
    assertEquals(2, tppo("verify"));
    assertEquals(2, tppo("verify", "kernels"));
    assertTrue(stderr.contains("--vectors"), stderr);
  }

  @Test
  void configurationErrorExitsWithTwoAndNamesKeyAndFile() throws IOException {
    Files.writeString(config, "setps: 2\n");
    assertEquals(2, tppo("run", config, "--out", out));
    assertEquals("tppo run: " + config + ":1: setps: unknown key; did you mean steps?", stderr.strip());
    assertFalse(Files.exists(out), "nothing is begun with a wrong configuration");
    assertEquals(2, tppo("run", dir.resolve("no.yaml"), "--out", out));
    assertTrue(stderr.contains("no such file"), stderr);
    Files.writeString(config, "search: {trials: 2, space: {tppo: ['policy.alpa=1|2']}}\n");
    assertEquals(2, tppo("search", config, "--out", out));
    assertTrue(stderr.contains("policy.alpa: unknown key; did you mean policy.alpha?"), stderr);
    assertFalse(Files.exists(out), "nor with a wrong variation of a good one");
    Files.writeString(config, "steps: -1\n");
    assertEquals(2, tppo("run", config, "--out", out));
    assertTrue(stderr.contains("steps: -1, expected 0 or more"), stderr);
  }

  @Test
  void runPrintsTheHeadlineAndResumes() throws IOException {
    assertEquals(0, tppo("run", config, "--out", out, "--set", "steps=4", "--backend", "CPU"));
    assertTrue(stdout.contains("relevance rate, token template"), stdout);
    assertTrue(stdout.contains("20.50  [19.00, 22.00]"), stdout);
    assertTrue(stdout.contains("report: " + out.resolve("report.html")), stdout);
    assertTrue(stderr.contains("prepare: 4/4 (100 %)"), stderr);
    assertTrue(Files.readString(out.resolve("config.json")).contains("\"steps\" : 4"));
    assertEquals(0, tppo("run", config, "--out", out, "--set", "steps=4"));
    assertTrue(stderr.contains("report: finished earlier"), stderr);
    assertEquals(2, tppo("run", config, "--out", out));
    assertTrue(stderr.contains("steps: 4 -> 2"), stderr);
    assertEquals(0, tppo("run", config, "--out", out, "--allow-config-change", "--json"));
    assertTrue(stderr.contains("changed since the last start: steps: 4 -> 2"), stderr);
    assertTrue(stdout.startsWith("{\"relevance_rate\""), stdout);
  }

  @Test
  void oneStageNamesWhatItNeeds() {
    assertEquals(2, tppo("report", config, "--out", out));
    assertTrue(stderr.contains("run tppo prepare first"), stderr);
    assertEquals(0, tppo("prepare", config, "--out", out));
    assertEquals(0, tppo("report", config, "--out", out));
  }

  @Test
  void failureExitsWithOneAndNoStackTrace() {
    assertEquals(1, tppo("run", config, "--out", out, "--set", "end=fail"));
    assertTrue(stderr.endsWith("tppo run: the disk is full" + System.lineSeparator()), stderr);
    assertEquals(1, tppo("run", config, "--out", dir.resolve("b"), "--set", "end=break"));
    assertTrue(stderr.contains("NullPointerException: oops") && stderr.contains("--debug"), stderr);
    assertFalse(stderr.contains("\tat "), stderr);
    assertEquals(1, tppo("run", config, "--out", dir.resolve("d"), "--set", "end=break", "--debug"));
    assertTrue(stderr.contains("\tat "), stderr);
  }

  @Test
  void stoppedRunSaysHowToGoOn() {
    assertEquals(1, tppo("run", config, "--out", out, "--set", "end=stop"));
    assertTrue(stderr.contains("To go on: tppo run " + config + " --out " + out + " --set 'end=stop'"), stderr);
    assertEquals(1, tppo("run", config, "--out", out, "--set", "end=stop", "--dump-rollouts"));
    assertTrue(stderr.contains(" --set 'end=stop' --dump-rollouts"), stderr);
  }

  @Test
  void rolloutsAreAskedForWherePoliciesAreTrained() {
    for (String command : List.of("prepare", "report", "search")) {
      assertEquals(2, tppo(command, config, "--out", out, "--dump-rollouts"));
      assertTrue(stderr.startsWith("tppo " + command + ": --dump-rollouts: this command writes no rollouts; tppo run"), stderr);
      assertFalse(Files.exists(out));
    }
    assertEquals(0, tppo("run", config, "--out", out, "--dump-rollouts"));
  }

  @Test
  void secondRunOnOneFolderIsRefused() throws IOException {
    try (RunFolder folder = RunFolder.open(out)) {
      assertEquals(1, tppo("run", config, "--out", folder.root()));
      assertTrue(stderr.contains("another run is using this folder"), stderr);
    }
  }

  @Test
  void quickstartBringsItsInput() throws IOException {
    assertEquals(0, tppo("quickstart", "--out", out));
    assertEquals("a\tb\n", Files.readString(out.resolve("input/log.tsv")));
    assertTrue(Files.readString(out.resolve("config.json")).contains("\"steps\" : 5"));
    assertTrue(stdout.contains("report: "), stdout);
    assertEquals(0, tppo("quickstart", "--out", out));
    assertTrue(stderr.contains("report: finished earlier"), stderr);
    assertEquals(2, tppo("quickstart", "--out", out, "--set", "setps=1"));
    assertTrue(stderr.startsWith("tppo quickstart: --set setps=1: setps: unknown key; did you mean steps?"), stderr);
  }

  @Test
  void initWritesWhatRunReads() throws IOException {
    Path file = dir.resolve("new/tppo.yaml");
    assertEquals(0, tppo("init", file));
    assertTrue(Files.readString(file).contains("# How many steps to do.\nsteps: 3\n"));
    assertEquals(0, tppo("run", file, "--out", out));
    assertEquals(2, tppo("init", file));
    assertTrue(stderr.contains("--force"), stderr);
    assertEquals(0, tppo("init", file, "--force"));
    assertEquals(0, tppo("init", "-"));
    assertEquals(Files.readString(file), stdout);
  }

  @Test
  void verifyRunsTheKernelsOfEveryInstructionSet() throws IOException {
    Path vectors = Path.of("../tppo-kernels/src/test/resources/fixtures/kernels");
    try {
      for (String isa : KernelInfo.query().cpuIsas()) {
        assertEquals(0, tppo("verify", "kernels", "--vectors", vectors, "--backend", "cpu", "--cpu-isa", isa, "--json"), stderr);
        assertTrue(stdout.startsWith("{\"ok\":true,\"backend\":\"cpu\",\"cpu_isa\":\"" + isa + "\",\"files\":["), stdout);
      }
      assertEquals(0, tppo("verify", "kernels", "--vectors", vectors, "--backend", "cpu", "--cpu-isa", "portable"));
      assertTrue(stdout.endsWith("ok on cpu (portable)" + System.lineSeparator()), stdout);
      assertEquals(2, tppo("verify", "kernels", "--vectors", vectors, "--backend", "cpu", "--cpu-isa", "z80"));
      assertTrue(stderr.contains("--cpu-isa z80: expected auto or what this machine and build offer: "), stderr);
      assertEquals("portable", KernelInfo.query().cpuIsa());
    } finally {
      Kernels.setCpuIsa("auto");
    }
  }

  @Test
  void verifyFailsByItsFullName() {
    assertEquals(1, tppo("verify", "tokenizer", "--tokenizer", dir.resolve("no"), "--expected", dir.resolve("no")));
    assertTrue(stderr.startsWith("tppo verify tokenizer: "), stderr);
  }

  @Test
  void suggestNamesAFolderWithoutAPolicy() {
    assertEquals(2, tppo("suggest"));
    assertTrue(stderr.contains("--model"), stderr);
    assertEquals(2, tppo("suggest", "--model", dir));
    assertTrue(stderr.contains("--model " + dir + ": has no config.json"), stderr);
  }

  @Test
  void pathsInMessagesAreWords() {
    assertEquals("x: no such file", Failures.message(new java.nio.file.NoSuchFileException("x")));
    assertEquals("x: permission denied", Failures.message(new java.io.UncheckedIOException(new java.nio.file.AccessDeniedException("x"))));
    assertTrue(Failures.message(new ExceptionInInitializerError(new UnsatisfiedLinkError("libgomp.so.1: not found")))
        .contains("libgomp.so.1: not found; tppo doctor"));
  }
}
