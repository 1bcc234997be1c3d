// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NativeLibraryTest {

  /** Run in a JVM of its own, since a library is loaded once; prints what is used, or the failure, twice. */
  static final class Child {
    public static void main(String[] args) {
      for (int i = 0; i < 2; i++) {
        try {
          System.out.println("uses " + KernelInfo.query().cpuIsa());
        } catch (UnsatisfiedLinkError e) {
          System.out.println(e.getMessage());
        }
      }
    }
  }

  @Test
  void aMissingLibraryIsNamedWithItsCauseAndTheDependencyToAddEveryTime() throws Exception {
    String classPath = System.getProperty("java.class.path");
    String output = runChild(classPath, "-Dorg.bytedeco.javacpp.platform=linux-nowhere");
    String artifact = "io.github.tppo:tppo-kernels:" + NativeLibrary.version() + ":linux-nowhere";
    String expected = "dependency to add: " + artifact;
    assertEquals(2, output.split(expected, -1).length - 1, output);
    assertTrue(output.contains("is not on the class path"), output);
    assertTrue(output.contains("platform: linux-nowhere"), output);
  }

  @Test
  void theSystemPropertyChoosesTheInstructionSet() throws Exception {
    List<String> offered = KernelInfo.query().cpuIsas();
    for (String isa : offered) {
      String expected = "uses " + isa + "\nuses " + isa + "\n";
      assertEquals(expected, runChild(System.getProperty("java.class.path"), "-Dtppo.cpu_isa=" + isa));
    }
    String refusal = "the system property tppo.cpu_isa is \"z80\"; this machine and build offer auto, "
        + String.join(", ", offered) + "\n";
    assertEquals(refusal + refusal, runChild(System.getProperty("java.class.path"), "-Dtppo.cpu_isa=z80"));
  }

  /** A truncated library would end the process if it were loaded. */
  @Test
  void aTruncatedLibraryIsNamed(@TempDir Path copy) throws Exception {
    Path folder = Path.of(KernelInfo.query().file()).getParent();
    Path classes = folder.resolve("../../../../../..").normalize();
    Path copied = copy.resolve(classes.relativize(folder));
    Files.createDirectories(copied);
    for (String name : List.of("tppo.properties", "libjniTppo.so", "libtppo.so")) {
      Files.copy(folder.resolve(name), copied.resolve(name));
    }
    String classPath = copy + File.pathSeparator + System.getProperty("java.class.path");
    assertTrue(runChild(classPath).startsWith("uses "), "a whole copy can be loaded");
    Path library = copied.resolve("libtppo.so");
    Files.write(library, Arrays.copyOf(Files.readAllBytes(library), 5000));
    String output = runChild(classPath);
    assertTrue(output.contains("is damaged: libtppo.so has 5000 bytes"), output);
    assertTrue(output.contains(library.toString()), output);
  }

  private static String runChild(String classPath, String... options) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    for (String property : List.of("cachedir", "platform.extension")) {
      String name = "org.bytedeco.javacpp." + property;
      command.add("-D" + name + "=" + System.getProperty(name, ""));
    }
    command.addAll(List.of(options));
    command.addAll(List.of("-cp", classPath, Child.class.getName()));
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertTrue(process.waitFor(60, TimeUnit.SECONDS));
    return output.replace("\r\n", "\n");
  }
}
