// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.run;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Objects;

/**
 * The folder of one run, held by one process at a time. Closing it lets the lock go; so does the end of the
 * process, however it ends.
 */
public final class RunFolder implements AutoCloseable {
  private static final ObjectMapper MAPPER = new ObjectMapper();

  private final Path root;
  private final FileChannel lockChannel;
  private final RunState state;

  private RunFolder(Path root, FileChannel lockChannel, RunState state) {
    this.root = root;
    this.lockChannel = lockChannel;
    this.state = state;
  }

  /**
   * Opens a run's folder, creating it when it is missing, and locks it.
   *
   * @throws RunException when another run holds it, or when its state cannot be read
   */
  public static RunFolder open(Path root) throws IOException {
    Objects.requireNonNull(root, "root");
    if (Files.exists(root) && !Files.isDirectory(root)) {
      throw new ConfigException("--out " + root + ": a file is there, expected a folder or nothing");
    }
    Files.createDirectories(root);
    FileChannel channel = lock(root);
    try {
      return new RunFolder(root, channel, RunState.load(root.resolve("state.json")));
    } catch (IOException | RuntimeException e) {
      channel.close();
      throw e;
    }
  }

  private static FileChannel lock(Path root) throws IOException {
    FileChannel channel = FileChannel.open(root.resolve(".lock"), StandardOpenOption.CREATE,
        StandardOpenOption.READ, StandardOpenOption.WRITE);
    FileLock lock;
    try {
      lock = channel.tryLock();
    } catch (OverlappingFileLockException e) {
      lock = null;
    } catch (IOException e) {
      channel.close();
      throw e;
    }
    if (lock == null) {
      ByteBuffer owner = ByteBuffer.allocate(32);
      channel.read(owner, 0);
      channel.close();
      String process = new String(owner.array(), 0, owner.position(), StandardCharsets.UTF_8).strip();
      throw new RunException(root + ": another run is using this folder" + (process.isEmpty() ? "" : " (process " + process + ")")
          + "; wait for it, stop it, or choose another --out");
    }
    try {
      channel.truncate(0);
      channel.write(ByteBuffer.wrap((ProcessHandle.current().pid() + "\n").getBytes(StandardCharsets.UTF_8)), 0);
    } catch (IOException e) {
      channel.close();
      throw OutputFile.failure(root.resolve(".lock"), e);
    }
    return channel;
  }

  /**
   * Writes {@code config.json}. When one is there from an earlier start, the two must agree.
   *
   * @param allowChange whether a changed configuration replaces the old one
   * @return the keys that changed, as {@code key: old -> new}; empty for a new run and for an unchanged one
   * @throws ConfigException with every changed key, unless changes are allowed
   */
  public List<String> begin(Record config, boolean allowChange) throws IOException {
    Path file = configFile();
    JsonNode now = read(ConfigWriter.json(config), file);
    List<String> changed = List.of();
    if (Files.exists(file)) {
      changed = ConfigWriter.differences(read(Files.readString(file), file), now);
      if (!changed.isEmpty() && !allowChange) {
        throw new ConfigException(file + ": the run was begun with another configuration:" + System.lineSeparator() + "  "
            + String.join(System.lineSeparator() + "  ", changed) + System.lineSeparator()
            + "choose another --out for a new run, or give --allow-config-change to run what depends on these keys again");
      }
    }
    if (!Files.exists(file) || !changed.isEmpty()) {
      AtomicFiles.write(file, ConfigWriter.json(config));
    }
    return changed;
  }

  private static JsonNode read(String json, Path file) {
    try {
      return MAPPER.readTree(json);
    } catch (JsonProcessingException e) {
      throw new RunException(file + ": not valid JSON (" + e.getOriginalMessage() + "); delete it or choose another --out", e);
    }
  }

  /** The folder itself. */
  public Path root() {
    return root;
  }

  /** A path below the folder, such as {@code data/train.jsonl}. */
  public Path path(String relative) {
    return root.resolve(Objects.requireNonNull(relative, "relative"));
  }

  /** {@code config.json}: the full resolved configuration. */
  public Path configFile() {
    return root.resolve("config.json");
  }

  /** {@code data}: examples and their counts. */
  public Path data() {
    return root.resolve("data");
  }

  /** {@code generate}: samples of the SFT policy. */
  public Path generate() {
    return root.resolve("generate");
  }

  /** {@code labels}: labelled responses. */
  public Path labels() {
    return root.resolve("labels");
  }

  /** {@code replies}: what a judge's server answered, kept when labels are made anew. */
  public Path replies() {
    return root.resolve("replies");
  }

  /** {@code evaluate}: responses on held-out users, with their scores. */
  public Path evaluate() {
    return root.resolve("evaluate");
  }

  /** The folder of a trained model: {@code sft}, {@code reward-token}, {@code reward-sentence}, {@code ppo}, {@code dpo}, {@code tppo}. */
  public Path model(String name) {
    return root.resolve(Objects.requireNonNull(name, "name"));
  }

  /** {@code results.json}: the run's figures. */
  public Path resultsFile() {
    return root.resolve("results.json");
  }

  /** {@code report.html}: the run's page. */
  public Path reportFile() {
    return root.resolve("report.html");
  }

  /** How far the run has come. */
  public RunState state() {
    return state;
  }

  @Override
  public void close() throws IOException {
    lockChannel.close();
  }
}
