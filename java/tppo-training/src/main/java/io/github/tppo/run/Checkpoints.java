// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.run;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.stream.Stream;

/**
 * The checkpoints of one stage: folders {@code checkpoints/step-N}, each with a manifest of its files' sizes and
 * SHA-256. They are written aside, synced and renamed; one that is torn or was altered is noticed when it is opened,
 * and the one before it is taken. Not thread safe.
 */
public final class Checkpoints {
  private static final String PREFIX = "step-";
  private static final String MANIFEST = "manifest.json";
  private static final ObjectMapper MAPPER = new ObjectMapper();

  private record Manifest(@JsonProperty(required = true) long step, @JsonProperty(required = true) Map<String, Entry> files) {
    Manifest {
      if (files == null || files.values().stream().anyMatch(Objects::isNull)) {
        throw new IllegalArgumentException("files: found null");
      }
    }
  }

  private record Entry(@JsonProperty(required = true) long bytes, @JsonProperty(required = true) String sha256) { }

  /**
   * A checkpoint whose files are as they were written.
   *
   * @param step the step after which it was written
   * @param folder its folder
   */
  public record Checkpoint(long step, Path folder) { }

  private final Path folder;
  private final int keep;
  /** Those that {@link #latest} did not take: they are no reason to delete one that is whole. */
  private final Set<Path> damaged = new HashSet<>();

  /**
   * The checkpoints of a stage.
   *
   * @param stageDir the stage's folder; {@code checkpoints} is created below it
   * @param keep how many of the newest stay, at least 1; 2 survive the loss of one
   */
  public Checkpoints(Path stageDir, int keep) {
    if (keep < 1) {
      throw new IllegalArgumentException("keep: " + keep + ", expected at least 1");
    }
    this.folder = stageDir.resolve("checkpoints");
    this.keep = keep;
  }

  /** Writes a checkpoint and deletes those that are too many; on failure the ones before stay. */
  public Checkpoint save(long step, AtomicFiles.FolderWriter writer) throws IOException {
    Path target = folder.resolve(String.format("%s%09d", PREFIX, step));
    AtomicFiles.writeFolder(target, aside -> {
      writer.write(aside);
      Map<String, Entry> files = new TreeMap<>();
      for (Path file : files(aside)) {
        files.put(name(aside, file), new Entry(Files.size(file), sha256(file)));
      }
      OutputFile.write(aside.resolve(MANIFEST), MAPPER.writeValueAsString(new Manifest(step, files)));
    });
    damaged.remove(target);
    deleteRemains();
    List<Path> newestFirst = newestFirst();
    for (Path old : newestFirst.subList(Math.min(keep, newestFirst.size()), newestFirst.size())) {
      AtomicFiles.delete(old);
    }
    return new Checkpoint(step, target);
  }

  /**
   * The newest checkpoint that is whole.
   *
   * @param warning hears of each newer one that is not, and then what is taken instead
   */
  public Optional<Checkpoint> latest(Consumer<String> warning) throws IOException {
    damaged.clear();
    Optional<Checkpoint> found = Optional.empty();
    for (Path candidate : newestFirst()) {
      Manifest manifest = null;
      String fault;
      try {
        manifest = MAPPER.readValue(Files.readString(candidate.resolve(MANIFEST)), Manifest.class);
        fault = manifest == null ? MANIFEST + " is empty" : fault(candidate, manifest);
      } catch (JsonProcessingException e) {
        fault = MANIFEST + " is damaged";
      } catch (IOException e) {
        fault = "it cannot be read (" + e + ")";
      }
      if (fault == null) {
        found = Optional.of(new Checkpoint(manifest.step(), candidate));
        break;
      }
      warning.accept(candidate + ": not used, " + fault);
      damaged.add(candidate);
    }
    if (!damaged.isEmpty()) {
      warning.accept(found.map(c -> "going on from " + c.folder() + " instead").orElse(folder + ": no checkpoint is whole, beginning anew"));
    }
    return found;
  }

  /** Deletes all checkpoints: for a stage that is done. */
  public void clear() throws IOException {
    AtomicFiles.delete(folder);
  }

  private static String fault(Path candidate, Manifest manifest) throws IOException {
    for (Map.Entry<String, Entry> file : manifest.files().entrySet()) {
      Path path = inside(candidate, file.getKey());
      if (path == null || !Files.isRegularFile(path)) {
        return file.getKey() + " is missing";
      }
      if (Files.size(path) != file.getValue().bytes() || !sha256(path).equals(file.getValue().sha256())) {
        return file.getKey() + " is not what was written";
      }
    }
    return null;
  }

  /** The file of this name in a checkpoint, or null where the name leads out of it or is none. */
  private static Path inside(Path candidate, String name) {
    try {
      Path path = candidate.resolve(name).normalize();
      return path.startsWith(candidate) ? path : null;
    } catch (InvalidPathException e) {
      return null;
    }
  }

  /** Deletes what a kill left half written, and what is damaged. */
  private void deleteRemains() throws IOException {
    List<Path> remains = new ArrayList<>(damaged);
    try (Stream<Path> all = Files.list(folder)) {
      all.filter(p -> p.getFileName().toString().endsWith(AtomicFiles.ASIDE)).forEach(remains::add);
    }
    for (Path each : remains) {
      AtomicFiles.delete(each);
    }
    damaged.clear();
  }

  private List<Path> newestFirst() throws IOException {
    if (!Files.isDirectory(folder)) {
      return List.of();
    }
    try (Stream<Path> all = Files.list(folder)) {
      return new ArrayList<>(all.filter(p -> p.getFileName().toString().matches(PREFIX + "\\d+"))
          .sorted(Comparator.comparing(Path::getFileName).reversed()).toList());
    }
  }

  private static List<Path> files(Path root) throws IOException {
    try (Stream<Path> walk = Files.walk(root)) {
      return walk.filter(Files::isRegularFile).toList();
    }
  }

  private static String name(Path root, Path file) {
    return root.relativize(file).toString().replace('\\', '/');
  }

  /** A file's SHA-256 in hexadecimal. */
  public static String sha256(Path file) throws IOException {
    MessageDigest digest;
    try {
      digest = MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-256", e);
    }
    byte[] buffer = new byte[1 << 16];
    try (InputStream in = Files.newInputStream(file)) {
      for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
        digest.update(buffer, 0, n);
      }
    }
    return HexFormat.of().formatHex(digest.digest());
  }
}
