// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.run;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/**
 * Files and folders that are either wholly there or not at all, whenever the process is killed: written aside,
 * synced to the device, renamed into place, and the rename synced. On failure (disk full, permissions) what stood
 * before stays and what was written aside is removed.
 */
public final class AtomicFiles {
  /** The end of the name of everything that is being written aside. */
  static final String ASIDE = ".tmp";
  private static final String REPLACED = ".old";

  private AtomicFiles() {}

  /** Writes something to a stream, which the caller closes. */
  @FunctionalInterface
  public interface StreamWriter {
    void write(OutputStream out) throws IOException;
  }

  /** Writes files into an empty folder. */
  @FunctionalInterface
  public interface FolderWriter {
    void write(Path folder) throws IOException;
  }

  /** Writes a file as UTF-8 text. */
  public static void write(Path file, String text) throws IOException {
    write(file, out -> out.write(text.getBytes(StandardCharsets.UTF_8)));
  }

  /** Writes a file; its folder is created when it is missing. */
  public static void write(Path file, StreamWriter writer) throws IOException {
    Path target = file.toAbsolutePath();
    Files.createDirectories(target.getParent());
    Path aside = target.resolveSibling(target.getFileName() + ASIDE);
    try {
      try (OutputFile written = OutputFile.create(aside)) {
        OutputStream out = new BufferedOutputStream(written, 1 << 16);
        writer.write(out);
        out.flush();
        written.sync(true);
      }
      move(aside, target);
      syncFolder(target.getParent());
    } finally {
      Files.deleteIfExists(aside);
    }
  }

  /**
   * Replaces a folder by a newly written one. A kill between the two renames leaves no folder under the name,
   * but the one before under {@code NAME.old}: {@link #restoreFolder} puts it back.
   */
  public static void writeFolder(Path folder, FolderWriter writer) throws IOException {
    Path target = folder.toAbsolutePath();
    Path aside = target.resolveSibling(target.getFileName() + ASIDE);
    Path old = target.resolveSibling(target.getFileName() + REPLACED);
    restoreFolder(target);
    delete(aside);
    Files.createDirectories(aside);
    try {
      writer.write(aside);
      sync(aside);
      if (Files.exists(target)) {
        move(target, old);
      }
      move(aside, target);
      syncFolder(target.getParent());
      delete(old);
    } catch (IOException | RuntimeException e) {
      delete(aside);
      restoreFolder(target);
      throw e;
    }
  }

  /** Puts back the folder that {@link #writeFolder} had moved away when it was killed. */
  public static void restoreFolder(Path folder) throws IOException {
    Path target = folder.toAbsolutePath();
    Path old = target.resolveSibling(target.getFileName() + REPLACED);
    if (Files.exists(old) && !Files.exists(target)) {
      move(old, target);
    } else {
      delete(old);
    }
  }

  /** Deletes a file or a folder with all that is in it; does nothing when there is none. Links are not followed. */
  public static void delete(Path path) throws IOException {
    if (!Files.exists(path, java.nio.file.LinkOption.NOFOLLOW_LINKS)) {
      return;
    }
    List<Path> deepestFirst;
    try (Stream<Path> walk = Files.walk(path)) {
      deepestFirst = walk.sorted(Comparator.reverseOrder()).toList();
    }
    for (Path each : deepestFirst) {
      Files.delete(each);
    }
  }

  private static void move(Path from, Path to) throws IOException {
    try {
      Files.move(from, to, StandardCopyOption.ATOMIC_MOVE);
    } catch (AtomicMoveNotSupportedException e) {
      throw new IOException(to + ": this file system cannot rename atomically; put the run's folder on a local disk", e);
    }
  }

  /** Waits until a file, or a folder with all that is in it, is on the device; what may not be written was not written here. */
  static void sync(Path path) throws IOException {
    List<Path> all;
    try (Stream<Path> walk = Files.walk(path)) {
      all = walk.toList();
    }
    for (Path each : all) {
      if (Files.isDirectory(each)) {
        syncFolder(each);
      } else if (Files.isWritable(each)) {
        try (OutputFile file = OutputFile.append(each)) {
          file.sync(true);
        }
      }
    }
  }

  private static void syncFolder(Path folder) {
    try (FileChannel channel = FileChannel.open(folder, StandardOpenOption.READ)) {
      channel.force(true);
    } catch (IOException e) {
      // Only some systems let a folder be opened and synced; the rename itself is atomic on all.
    }
  }
}
