// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AtomicFilesTest {
  @TempDir
  Path dir;

  @Test
  void failedWriteLeavesWhatWasThere() throws IOException {
    Path file = dir.resolve("a/b.txt");
    AtomicFiles.write(file, "one");
    assertThrows(IOException.class, () -> AtomicFiles.write(file, out -> {
      out.write(65);
      throw new IOException("disk full");
    }));
    assertEquals("one", Files.readString(file));
    assertEquals(List.of("b.txt"), names(dir.resolve("a")));
  }

  @Test
  void failedFolderLeavesTheOneBefore() throws IOException {
    Path folder = dir.resolve("model");
    AtomicFiles.writeFolder(folder, aside -> Files.writeString(aside.resolve("w"), "1"));
    AtomicFiles.writeFolder(folder, aside -> Files.writeString(aside.resolve("w"), "2"));
    assertThrows(IOException.class, () -> AtomicFiles.writeFolder(folder, aside -> {
      Files.writeString(aside.resolve("w"), "3");
      throw new IOException("disk full");
    }));
    assertEquals("2", Files.readString(folder.resolve("w")));
    assertEquals(List.of("model"), names(dir));
  }

  @Test
  void folderMovedAwayByAKilledProcessIsPutBack() throws IOException {
    Path folder = dir.resolve("model");
    Files.createDirectories(dir.resolve("model.old"));
    Files.writeString(dir.resolve("model.old/w"), "1");
    Files.createDirectories(dir.resolve("model.tmp"));
    AtomicFiles.restoreFolder(folder);
    assertEquals("1", Files.readString(folder.resolve("w")));
    AtomicFiles.writeFolder(folder, aside -> Files.writeString(aside.resolve("w"), "2"));
    assertEquals("2", Files.readString(folder.resolve("w")));
    assertEquals(List.of("model"), names(dir));
  }

  @Test
  void deletingDoesNotFollowLinks() throws IOException {
    Path kept = Files.writeString(dir.resolve("kept"), "");
    Path folder = Files.createDirectories(dir.resolve("gone/deep"));
    Files.createSymbolicLink(folder.resolve("link"), kept);
    AtomicFiles.delete(dir.resolve("gone"));
    AtomicFiles.delete(dir.resolve("gone"));
    assertFalse(Files.exists(dir.resolve("gone")));
    assertEquals(List.of("kept"), names(dir));
  }

  private static List<String> names(Path folder) throws IOException {
    try (Stream<Path> list = Files.list(folder)) {
      return list.map(p -> p.getFileName().toString()).sorted().toList();
    }
  }
}
