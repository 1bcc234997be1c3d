// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.consumer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.Arrays;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PackagedJarsTest {

  private static final UnaryOperator<byte[]> TRUNCATED = bytes -> Arrays.copyOf(bytes, 5000);
  private static final UnaryOperator<byte[]> ONE_BIT = bytes -> {
    bytes[bytes.length / 2] ^= 1;
    return bytes;
  };
  /** Chooses the CPU jar; with a value, the jar of that extension. */
  private static final String CPU_ONLY = "-Dorg.bytedeco.javacpp.platform.extension=";

  @TempDir
  Path work;
  private Jars jars;

  @BeforeEach
  void findJars() {
    jars = new Jars(work);
    assertNotNull(jars.cpu());
  }

  /** The recursion of generalised advantage estimation with gamma 1 and lambda 0.95, by hand. */
  private static void assertComputed(Jars.Outcome outcome) {
    assertEquals(0, outcome.exitStatus(), outcome.output());
    double[][] rewards = {{0, 1, 2}, {0, 1}};
    double[][] values = {{0.5f, 0.5f, 1}, {0.2f, 0.4f}};
    String[] printed = outcome.value("advantages").trim().split(" ");
    for (int i = 0; i < 2; i++) {
      double advantage = 0;
      for (int t = rewards[i].length - 1; t >= 0; t--) {
        double next = t + 1 < rewards[i].length ? values[i][t + 1] : 0;
        advantage = rewards[i][t] + next - values[i][t] + 0.95 * advantage;
        assertEquals(advantage, Double.parseDouble(printed[3 * i + t]), 1e-6, outcome.output());
      }
    }
  }

  private static void assertFails(Jars.Outcome outcome, String classifier, String cause) {
    String output = outcome.output();
    assertEquals(1, outcome.exitStatus(), output);
    assertTrue(output.contains("UnsatisfiedLinkError: The native library of tppo-kernels " + cause), output);
    assertTrue(output.contains("platform: linux-x86_64\n"), output);
    assertTrue(output.contains("-" + classifier + ".jar"), output);
    String dependency = "dependency to add: io.github.tppo:tppo-kernels:[^:\n]+:" + classifier + "\n";
    assertTrue(output.matches("(?s).*" + dependency + ".*"), output);
  }

  @Test
  void theCpuJarAlone() throws Exception {
    Jars.Outcome outcome = jars.run(List.of(jars.cpu()));
    assertComputed(outcome);
    assertEquals("cpu", outcome.value("variant"));
    assertTrue(outcome.value("file").startsWith(work.toRealPath().toString()), outcome.output());
    assertTrue(outcome.value("reason").contains("built without CUDA"), outcome.output());
  }

  @Test
  void bothVariantsInAnyOrder() throws Exception {
    assumeTrue(jars.cuda() != null, "no CUDA toolkit, so no jar");
    Jars.Outcome cpu = jars.run(List.of(jars.cpu()));
    for (List<Path> both : List.of(List.of(jars.cpu(), jars.cuda()), List.of(jars.cuda(), jars.cpu()))) {
      Jars.Outcome outcome = jars.run(both);
      assertComputed(outcome);
      assertEquals("cuda13", outcome.value("variant"));
      assertEquals(cpu.value("advantages"), outcome.value("advantages"));
      Jars.Outcome forced = jars.run(both, CPU_ONLY);
      assertComputed(forced);
      assertEquals("cpu", forced.value("variant"));
    }
  }

  @Test
  void theCudaJarAloneRunsOnTheCpuAndSaysWhatItLacks() throws Exception {
    assumeTrue(jars.cuda() != null, "no CUDA toolkit, so no jar");
    Jars.Outcome outcome = jars.run(List.of(jars.cuda()));
    assertComputed(outcome);
    assertEquals("cuda13", outcome.value("variant"));
    boolean driver = Files.exists(Path.of("/dev/nvidiactl"));
    assertEquals(driver, outcome.value("reason").isEmpty(), outcome.output());
    assertEquals(driver, !outcome.value("devices").equals("0"), outcome.output());
    assertTrue(driver || outcome.value("reason").contains("driver"), outcome.output());
  }

  @ParameterizedTest
  @ValueSource(strings = {"libtppo.so", "libjniTppo.so"})
  void aDamagedLibraryIsNamedAndNotLoaded(String library) throws Exception {
    for (UnaryOperator<byte[]> damage : List.of(TRUNCATED, ONE_BIT)) {
      Jars.Outcome outcome = jars.run(List.of(jars.spoilt(jars.cpu(), library, damage)));
      assertFails(outcome, "linux-x86_64", "is damaged: " + library);
    }
    assumeTrue(jars.cuda() != null, "no CUDA toolkit, so no jar");
    Path spoilt = jars.spoilt(jars.cuda(), library, TRUNCATED);
    assertFails(jars.run(List.of(spoilt)), "linux-x86_64-cuda13", "is damaged: " + library);
    Jars.Outcome both = jars.run(List.of(jars.cpu(), spoilt));
    assertFails(both, "linux-x86_64-cuda13", "is damaged: " + library);
    assertTrue(both.output().contains(CPU_ONLY + " selects"), both.output());
    assertComputed(jars.run(List.of(jars.cpu(), spoilt), CPU_ONLY));
  }

  @Test
  void noNativeJar() throws Exception {
    assertFails(jars.run(List.of()), "linux-x86_64", "is not on the class path");
    Jars.Outcome outcome = jars.run(List.of(jars.cpu()), CPU_ONLY + "-cuda13");
    assertFails(outcome, "linux-x86_64-cuda13", "is not on the class path");
  }

  @Test
  void aJarOfAnotherVersion() throws Exception {
    Path other = jars.spoilt(jars.cpu(), "tppo.properties", replace("(?m)^version=.*$", "version=9.8.7"));
    assertFails(jars.run(List.of(other)), "linux-x86_64", "has version 9.8.7 but the classes have version ");
  }

  @Test
  void aLibraryOfAnotherBuild() throws Exception {
    Path other = jars.spoilt(jars.cpu(), "tppo.properties", replace("(?m)^build_id=.*$", "build_id=0123456789ab"));
    String cause = "could not be loaded: another libtppo.so (variant cpu, build id ";
    assertFails(jars.run(List.of(other)), "linux-x86_64", cause);
  }

  private static UnaryOperator<byte[]> replace(String pattern, String replacement) {
    return bytes -> {
      String text = new String(bytes, StandardCharsets.UTF_8);
      String replaced = text.replaceFirst(pattern, replacement);
      assertFalse(replaced.equals(text), text);
      return replaced.getBytes(StandardCharsets.UTF_8);
    };
  }

  /** As left by an older build: JavaCPP takes a cached file of equal size and time for the one in the jar. */
  @ParameterizedTest
  @ValueSource(strings = {"libtppo.so", "libjniTppo.so"})
  void aStaleFileInTheCacheIsReplaced(String library) throws Exception {
    Path cache = Files.createDirectory(work.resolve("cache"));
    assertComputed(jars.run(Consumer.class, cache, List.of(jars.cpu())));
    Path cached = find(cache, library);
    FileTime time = Files.getLastModifiedTime(cached);
    byte[] good = Files.readAllBytes(cached);
    Files.write(cached, new byte[good.length]);
    Files.setLastModifiedTime(cached, time);
    assertComputed(jars.run(Consumer.class, cache, List.of(jars.cpu())));
    assertTrue(Arrays.equals(good, Files.readAllBytes(find(cache, library))));
  }

  private static Path find(Path folder, String name) throws IOException {
    try (Stream<Path> files = Files.walk(folder)) {
      return files.filter(file -> file.endsWith(name)).findFirst().orElseThrow();
    }
  }

  @Test
  void twoClassLoaders() throws Exception {
    Path cache = Files.createDirectory(work.resolve("cache"));
    Jars.Outcome outcome = jars.run(TwoLoaders.class, cache, List.of(jars.cpu()));
    assertComputed(outcome);
    assertEquals(2, outcome.output().lines().filter(line -> line.equals("variant=cpu")).count(), outcome.output());
  }
}
