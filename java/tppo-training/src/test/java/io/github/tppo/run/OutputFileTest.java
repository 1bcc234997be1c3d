// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.tppo.text.Tokenizer;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;

/** INVARIANTS 13: where the disk is full, the message names the file, and what stood there before stays. */
@EnabledOnOs(OS.LINUX)
class OutputFileTest {
  private static final Path FULL = Path.of("/dev/full");

  @TempDir
  Path root;
  private Path dir;
  private final List<Path> links = new ArrayList<>();

  @BeforeEach
  void folder() throws IOException {
    dir = Files.createDirectories(root.resolve("run"));
  }

  @AfterEach
  void removeLinks() throws IOException {
    for (Path link : links) {
      Files.deleteIfExists(link);
    }
  }

  private static void namesTheFile(Path file, Executable write) {
    String message = assertThrows(IOException.class, write).getMessage();
    assertEquals(file + ": cannot be written: No space left on device", message);
  }

  /** Whatever is written to a file of this name is refused as it is on a full disk. */
  private Path full(String name) throws IOException {
    Path link = Files.createSymbolicLink(dir.resolve(name), FULL);
    links.add(link);
    return link;
  }

  @Test
  void appendedAndReplacedFiles() throws IOException {
    Path file = dir.resolve("f");
    OutputFile.write(file, "one");
    try (OutputFile more = OutputFile.append(file)) {
      more.write("two".getBytes());
      more.write('3');
      more.sync(true);
    }
    assertEquals("onetwo3", Files.readString(file));
    OutputFile.write(file, "1");
    assertEquals("1", Files.readString(file));
    Path full = full("g");
    namesTheFile(full, () -> OutputFile.write(full, "text"));
    try (OutputFile append = OutputFile.append(full)) {
      namesTheFile(full, () -> append.write(65));
    }
  }

  @Test
  void filesThatAreWrittenAside() throws IOException {
    Path file = dir.resolve("state.json");
    AtomicFiles.write(file, "before");
    Path aside = full("state.json.tmp");
    namesTheFile(aside, () -> AtomicFiles.write(file, "after"));
    assertEquals("before", Files.readString(file));
    assertFalse(Files.exists(aside, LinkOption.NOFOLLOW_LINKS));
    AtomicFiles.write(file, "after");
    assertEquals("after", Files.readString(file));
  }

  @Test
  void stateOfARun() throws IOException {
    RunState state = RunState.load(dir.resolve("state.json"));
    RunState.Entry entry = new RunState.Entry("", "", true, 1, Map.of());
    state.put("sft", entry);
    Path aside = full("state.json.tmp");
    Throwable cause = assertThrows(RuntimeException.class, () -> state.put("generate", entry)).getCause();
    assertEquals(aside + ": cannot be written: No space left on device", cause.getMessage());
    assertTrue(RunState.load(dir.resolve("state.json")).finished("sft"));
  }

  @Test
  void checkpointsLeaveTheOneBefore() throws IOException {
    Checkpoints checkpoints = new Checkpoints(dir, 2);
    checkpoints.save(1, folder -> OutputFile.write(folder.resolve("w"), "1"));
    Path aside = dir.resolve("checkpoints/step-000000002.tmp");
    namesTheFile(aside.resolve("w"), () -> checkpoints.save(2, folder -> {
      Files.createSymbolicLink(folder.resolve("w"), FULL);
      OutputFile.write(folder.resolve("w"), "2");
    }));
    namesTheFile(aside.resolve("manifest.json"), () -> checkpoints.save(2, folder ->
        Files.createSymbolicLink(folder.resolve("manifest.json"), FULL)));
    assertFalse(Files.exists(aside));
    assertEquals(1, checkpoints.latest(warning -> {
      throw new AssertionError(warning);
    }).orElseThrow().step());
  }

  @Test
  void metricsAndEvents() throws IOException {
    Path aside = full("metrics.jsonl.tmp");
    namesTheFile(aside, () -> {
      Files.writeString(dir.resolve("metrics.jsonl"), "{\"step\":1,\"time_s\":0.1,\"lr\":1.0}\n");
      MetricsWriter.open(dir, 1);
    });
    Path events = full("events.out.tfevents.1");
    namesTheFile(events, () -> {
      try (TensorBoardWriter writer = new TensorBoardWriter(events, 1)) {
        writer.write(1, 2, Map.of("lr", 1.0));
      }
    });
    assertEquals("{\"step\":1,\"time_s\":0.1,\"lr\":1.0}\n", Files.readString(dir.resolve("metrics.jsonl")));
  }

  @Test
  void tokenizers() throws IOException {
    Path file = full("tokenizer_config.json");
    namesTheFile(file, () -> Tokenizer.copyShipped(dir));
  }

  @Test
  void foldersThatMayNotBeWritten() throws IOException {
    Files.setPosixFilePermissions(dir, PosixFilePermissions.fromString("r-xr-xr-x"));
    boolean root = Files.isWritable(dir); // who may write everywhere but among what the kernel shows, which may be mounted for reading alone
    Path folder = root ? Path.of("/sys") : dir;
    FileSystemException e = assertThrows(FileSystemException.class, () -> AtomicFiles.write(folder.resolve("state.json"), ""));
    assertTrue(root || e instanceof AccessDeniedException, e::toString);
    assertEquals(folder.resolve("state.json.tmp").toString(), e.getFile());
  }

  /** What stands where a file or a folder should be is named, too. */
  @Test
  void filesAndFoldersInTheWay() throws IOException {
    Path file = Files.writeString(dir.resolve("file"), "");
    Path below = file.resolve("metrics.jsonl");
    assertTrue(assertThrows(FileSystemException.class, () -> AtomicFiles.write(below, "")).getMessage().contains(file.toString()));
    assertTrue(assertThrows(FileSystemException.class, () -> new Checkpoints(file, 2).save(1, aside -> { })).getMessage().contains(file.toString()));
    Path folder = Files.createDirectories(dir.resolve("results.json/full"));
    assertTrue(assertThrows(FileSystemException.class, () -> AtomicFiles.write(folder.getParent(), "")).getMessage().contains("results.json"));
    assertTrue(Files.isDirectory(folder));
    assertFalse(Files.exists(dir.resolve("results.json.tmp")));
  }
}
