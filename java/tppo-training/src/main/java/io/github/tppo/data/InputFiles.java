// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.data;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.PathMatcher;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/** Resolves the paths and globs of a configuration to files, sorted by path, each once. */
final class InputFiles {
  private InputFiles() { }

  /**
   * Finds the files.
   *
   * @param key the configuration key that gives the patterns, for messages
   * @throws DataException if a path does not exist, is no readable file, or a glob matches nothing
   */
  static List<Path> resolve(String key, List<Path> patterns) throws IOException {
    if (patterns.isEmpty()) {
      throw new DataException(key + ": empty, expected at least one path or glob of a log");
    }
    // By real path, so that a file which two patterns name is read once; sorted, so that their order means nothing.
    Map<Path, Path> found = new TreeMap<>();
    for (Path pattern : patterns) {
      if (Files.exists(pattern) || !isGlob(pattern.toString())) {
        add(key, found, pattern);
      } else {
        expand(key, found, pattern);
      }
    }
    return List.copyOf(found.values());
  }

  private static boolean isGlob(String s) {
    return s.chars().anyMatch(c -> "*?[{".indexOf(c) >= 0);
  }

  private static void add(String key, Map<Path, Path> found, Path file) throws IOException {
    String problem = !Files.exists(file) ? "no such file"
        : Files.isDirectory(file) ? "is a directory; name its files, for example " + file.resolve("*")
        : !Files.isReadable(file) ? "cannot be read (permissions)" : null;
    if (problem != null) {
      throw new DataException(key + ": " + file + ": " + problem);
    }
    found.putIfAbsent(file.toRealPath(), file);
  }

  private static void expand(String key, Map<Path, Path> found, Path pattern) throws IOException {
    // The folders that exist are taken as they are, whatever characters their names hold; the rest is the glob.
    Path root = pattern.getParent();
    while (root != null && !Files.isDirectory(root)) {
      root = root.getParent();
    }
    Path start = root == null ? Path.of("") : root;
    Path glob = root == null ? pattern : root.relativize(pattern);
    PathMatcher matcher = FileSystems.getDefault().getPathMatcher("glob:" + glob);
    int depth = glob.toString().contains("**") ? Integer.MAX_VALUE : glob.getNameCount();
    int before = found.size();
    try (Stream<Path> walk = Files.walk(start, depth)) {
      for (Path p : (Iterable<Path>) walk.filter(Files::isRegularFile)::iterator) {
        if (matcher.matches(start.relativize(p))) {
          add(key, found, p);
        }
      }
    } catch (UncheckedIOException e) {
      throw new DataException(key + ": " + pattern + ": " + e.getCause().getMessage(), e);
    }
    if (found.size() == before) {
      throw new DataException(key + ": " + pattern + ": matches no file");
    }
  }
}
