// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.consumer;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.UnaryOperator;

/** The jars that Maven resolved, spoilt copies of them, and JVMs that run with a choice of them. */
final class Jars {

  private static final String FOLDER = "io/github/tppo/kernels/internal/";

  /** What a JVM left behind. */
  record Outcome(int exitStatus, String output) {

    /** Returns the value of a line "name=value". */
    String value(String name) {
      return output.lines().filter(line -> line.startsWith(name + "="))
          .map(line -> line.substring(name.length() + 1)).findFirst()
          .orElseThrow(() -> new AssertionError("no " + name + " in:\n" + output));
    }
  }

  /** All but the native libraries of the kernels, and the consumer's own classes. */
  private final List<Path> base = new ArrayList<>();
  private final Path work;
  private Path cpu;
  private Path cuda;

  /**
   * Sorts the class path of this JVM.
   *
   * @param work an empty folder
   */
  Jars(Path work) {
    this.work = work;
    String classPath = System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
    for (String entry : classPath.split(File.pathSeparator)) {
      Path path = Path.of(entry);
      String name = path.getFileName().toString();
      if (!name.startsWith("tppo-kernels-")) {
        base.add(path);
      } else if (!Files.isRegularFile(path)) {
        throw new AssertionError(path + " is no jar");
      } else if (name.endsWith("-linux-x86_64-cuda13.jar")) {
        cuda = path;
      } else if (name.endsWith("-linux-x86_64.jar")) {
        cpu = path;
      } else {
        base.add(path);
      }
    }
  }

  Path cpu() {
    return cpu;
  }

  /** Null where no toolkit was found. */
  Path cuda() {
    return cuda;
  }

  /** Copies a native jar with one of its files changed. */
  Path spoilt(Path jar, String file, UnaryOperator<byte[]> change) throws IOException {
    Path copy = Files.createTempDirectory(work, "spoilt").resolve(jar.getFileName());
    Files.copy(jar, copy);
    String folder = FOLDER + (jar.equals(cuda) ? "linux-x86_64-cuda13/" : "linux-x86_64/");
    try (FileSystem zip = FileSystems.newFileSystem(copy)) {
      Path entry = zip.getPath(folder + file);
      Files.write(entry, change.apply(Files.readAllBytes(entry)));
    }
    return copy;
  }

  /** Runs the consumer with some native jars and a cache of its own. */
  Outcome run(List<Path> natives, String... options) throws IOException, InterruptedException {
    return run(Consumer.class, Files.createTempDirectory(work, "cache"), natives, options);
  }

  /** Runs a program with some native jars and a cache. */
  Outcome run(Class<?> program, Path cache, List<Path> natives, String... options)
      throws IOException, InterruptedException {
    List<String> entries = new ArrayList<>();
    natives.forEach(jar -> entries.add(jar.toString()));
    base.forEach(entry -> entries.add(entry.toString()));
    List<String> command = new ArrayList<>();
    command.addAll(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(),
        "-Dorg.bytedeco.javacpp.cachedir=" + cache, "-XX:ErrorFile=" + work.resolve("crash.log")));
    command.addAll(List.of(options));
    command.addAll(List.of("-cp", String.join(File.pathSeparator, entries), program.getName()));
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    if (!process.waitFor(60, TimeUnit.SECONDS)) {
      process.destroyForcibly();
      throw new AssertionError("still running:\n" + output);
    }
    return new Outcome(process.exitValue(), output);
  }
}
