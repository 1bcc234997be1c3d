// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.tppo.run.AtomicFiles;
import java.io.Closeable;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.LongConsumer;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Writes the weights of a checkpoint folder as transformers does: {@code model.safetensors} or, above the bound of
 * {@link WeightFormat#shardBytes}, files {@code model-00001-of-0000N.safetensors} with {@code model.safetensors.index.json}.
 *
 * <p>All files are written and synced in a folder aside before the first of them is moved in. A kill during the moves leaves the weights of
 * before, the new ones, or, where shards of the same names are replaced, no index, which every reader refuses; never a mixture.
 */
final class WeightFiles {

  private static final String ASIDE = "weights.tmp";
  private static final Pattern SHARD = Pattern.compile("model-\\d{5}-of-\\d{5}\\.safetensors");

  private static final String LOCK = ".lock";

  private WeightFiles() {
  }

  /** The right to write weights into a folder, which one process or thread has at a time; what is left aside goes with it. */
  static final class Claim implements Closeable {
    private final Path aside;
    private final FileChannel channel;

    private Claim(Path aside, FileChannel channel) {
      this.aside = aside;
      this.channel = channel;
    }

    @Override
    public void close() throws IOException {
      try (channel) {
        AtomicFiles.delete(aside);
      }
    }
  }

  /**
   * Claims a folder, and removes what a killed process has left in it.
   *
   * @throws IOException when another process or thread is writing weights there
   */
  static Claim claim(Path folder) throws IOException {
    Path aside = folder.resolve(ASIDE);
    Files.createDirectories(aside);
    Path lock = aside.resolve(LOCK);
    FileChannel channel = FileChannel.open(lock, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    try {
      // The one before may have taken the file away between its opening here and the lock on it.
      if (!isLocked(channel) || !Files.exists(lock)) {
        throw new IOException(folder + ": weights are being written there already; wait for that to end, or give another folder");
      }
      try (Stream<Path> rest = Files.list(aside)) {
        for (Path file : (Iterable<Path>) rest.filter(file -> !file.equals(lock))::iterator) {
          AtomicFiles.delete(file);
        }
      }
      return new Claim(aside, channel);
    } catch (IOException | RuntimeException e) {
      channel.close();
      throw e;
    }
  }

  private static boolean isLocked(FileChannel channel) throws IOException {
    try {
      return channel.tryLock() != null;
    } catch (OverlappingFileLockException e) {
      return false; // by this process
    }
  }

  /**
   * Writes tensors in the order of {@code shapes} and removes the weights that were there before; in a folder that was {@link #claim}ed.
   *
   * @param progress told the bytes of each part that was written
   */
  static void write(Path folder, Map<String, long[]> shapes, SafeTensorsWriter.Source source, WeightFormat format, LongConsumer progress)
      throws IOException {
    Path aside = folder.resolve(ASIDE);
    List<Map<String, SafeTensorsWriter.Spec>> shards = split(shapes, format);
    SafeTensorsWriter.Source counted = (name, from, count) -> {
      progress.accept(count * format.bytesOfOne());
      return source.read(name, from, count);
    };
    for (int i = 0; i < shards.size(); i++) {
      SafeTensorsWriter.write(aside.resolve(name(i, shards.size())), shards.get(i), counted, SafeTensorsWriter.METADATA);
    }
    if (shards.size() > 1) {
      AtomicFiles.write(aside.resolve(SafeTensors.INDEX_NAME), index(shards));
    }
    moveIn(aside, folder, shards.size());
  }

  /** Fills files in the order of the tensors, as transformers does. */
  private static List<Map<String, SafeTensorsWriter.Spec>> split(Map<String, long[]> shapes, WeightFormat format) {
    List<Map<String, SafeTensorsWriter.Spec>> shards = new ArrayList<>();
    long free = -1;
    for (Map.Entry<String, long[]> entry : shapes.entrySet()) {
      SafeTensorsWriter.Spec spec = format.spec(entry.getValue());
      if (shards.isEmpty() || spec.bytes() > free && !shards.get(shards.size() - 1).isEmpty()) {
        shards.add(new LinkedHashMap<>());
        free = format.shardBytes();
      }
      shards.get(shards.size() - 1).put(entry.getKey(), spec);
      free -= spec.bytes();
    }
    return shards;
  }

  private static String name(int shard, int shards) {
    return shards == 1 ? SafeTensors.FILE_NAME : String.format(Locale.ROOT, "model-%05d-of-%05d.safetensors", shard + 1, shards);
  }

  private static String index(List<Map<String, SafeTensorsWriter.Spec>> shards) {
    ObjectNode json = SafeTensorsHeader.JSON.createObjectNode();
    ObjectNode metadata = json.putObject("metadata");
    ObjectNode files = json.putObject("weight_map");
    long parameters = 0;
    long bytes = 0;
    for (int i = 0; i < shards.size(); i++) {
      for (Map.Entry<String, SafeTensorsWriter.Spec> entry : shards.get(i).entrySet()) {
        files.put(entry.getKey(), name(i, shards.size()));
        parameters += entry.getValue().elements();
        bytes += entry.getValue().bytes();
      }
    }
    metadata.put("total_parameters", parameters);
    metadata.put("total_size", bytes);
    return json.toPrettyString();
  }

  /** Readers take {@code model.safetensors} before an index, so its coming and going is the moment at which the weights change. */
  private static void moveIn(Path aside, Path folder, int shards) throws IOException {
    Set<String> fresh = new LinkedHashSet<>();
    for (int i = 0; i < shards; i++) {
      fresh.add(name(i, shards));
    }
    Set<String> stale = weights(folder);
    Path index = folder.resolve(SafeTensors.INDEX_NAME);
    if (shards > 1 && fresh.stream().anyMatch(stale::contains)) {
      Files.deleteIfExists(index);
    }
    for (String name : fresh) {
      Files.move(aside.resolve(name), folder.resolve(name), StandardCopyOption.ATOMIC_MOVE);
    }
    if (shards > 1) {
      Files.move(aside.resolve(SafeTensors.INDEX_NAME), index, StandardCopyOption.ATOMIC_MOVE);
    } else {
      Files.deleteIfExists(index);
    }
    stale.removeAll(fresh);
    for (String name : stale) {
      Files.delete(folder.resolve(name));
    }
  }

  /** The weight files of a folder. */
  private static Set<String> weights(Path folder) throws IOException {
    Set<String> names = new LinkedHashSet<>();
    try (Stream<Path> files = Files.list(folder)) {
      for (Path file : (Iterable<Path>) files::iterator) {
        String name = file.getFileName().toString();
        if (name.equals(SafeTensors.FILE_NAME) || SHARD.matcher(name).matches()) {
          names.add(name);
        }
      }
    }
    return names;
  }
}
