// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CheckpointsTest {
  @TempDir
  Path dir;
  private final List<String> warnings = new ArrayList<>();

  private Checkpoints checkpoints() {
    return new Checkpoints(dir, 2);
  }

  private void save(long step) throws IOException {
    checkpoints().save(step, folder -> {
      Files.writeString(Files.createDirectories(folder.resolve("model")).resolve("w"), "weights " + step);
      Files.writeString(folder.resolve("state.json"), "{}");
    });
  }

  private Optional<Long> latest() throws IOException {
    return checkpoints().latest(warnings::add).map(Checkpoints.Checkpoint::step);
  }

  @Test
  void newestWholeCheckpointIsTaken() throws IOException {
    assertEquals(Optional.empty(), latest());
    save(10);
    save(9);
    save(100);
    assertEquals(Optional.of(100L), latest());
    Files.writeString(dir.resolve("checkpoints/step-000000100/model/w"), "weights 101");
    assertEquals(Optional.of(10L), latest());
    Path folder = dir.resolve("checkpoints");
    assertEquals(List.of(folder.resolve("step-000000100") + ": not used, model/w is not what was written",
        "going on from " + folder.resolve("step-000000010") + " instead"), warnings);
    warnings.clear();
    Files.delete(dir.resolve("checkpoints/step-000000010/state.json"));
    assertEquals(Optional.empty(), latest());
    assertEquals(List.of(folder.resolve("step-000000100") + ": not used, model/w is not what was written",
        folder.resolve("step-000000010") + ": not used, state.json is missing", folder + ": no checkpoint is whole, beginning anew"), warnings);
    checkpoints().clear();
    assertEquals(Optional.empty(), latest());
  }

  @Test
  void damagedManifestIsNoticed() throws IOException {
    save(1);
    save(2);
    Files.writeString(dir.resolve("checkpoints/step-000000002/manifest.json"), "{\"step\": 2, ");
    assertEquals(Optional.of(1L), latest());
    Files.delete(dir.resolve("checkpoints/step-000000001/manifest.json"));
    assertEquals(Optional.empty(), latest());
  }

  /** A newer one that is damaged does not drive out the one that was gone on from. */
  @Test
  void damagedOnesAreNotAmongThoseThatAreKept() throws IOException {
    save(1);
    save(2);
    Files.writeString(dir.resolve("checkpoints/step-000000002/model/w"), "weights 3");
    Checkpoints checkpoints = checkpoints();
    assertEquals(1, checkpoints.latest(warnings::add).orElseThrow().step());
    checkpoints.save(2, folder -> Files.writeString(folder.resolve("w"), "again"));
    assertEquals(Optional.of(2L), latest());
    Files.writeString(dir.resolve("checkpoints/step-000000002/w"), "other");
    assertEquals(1, checkpoints.latest(warnings::add).orElseThrow().step());
    assertThrows(IOException.class, () -> checkpoints.save(3, folder -> {
      throw new IOException("disk full");
    }));
    checkpoints.save(3, folder -> Files.writeString(folder.resolve("w"), "weights 3"));
    Files.writeString(dir.resolve("checkpoints/step-000000003/w"), "other");
    assertEquals(Optional.of(1L), latest());
  }

  @Test
  void failedWriteAndRestOfAKilledOneLeaveTheOneBefore() throws IOException {
    save(1);
    assertThrows(IOException.class, () -> checkpoints().save(2, folder -> {
      Files.writeString(folder.resolve("w"), "half");
      throw new IOException("disk full");
    }));
    Files.createDirectories(dir.resolve("checkpoints/step-000000003.tmp"));
    assertEquals(Optional.of(1L), latest());
    assertEquals(List.of(), warnings);
    save(2);
    assertFalse(Files.exists(dir.resolve("checkpoints/step-000000003.tmp")));
  }
}
