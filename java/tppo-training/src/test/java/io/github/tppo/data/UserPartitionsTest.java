// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class UserPartitionsTest {
  @TempDir Path temp;

  private static Utf8 utf8(String text) {
    Utf8 utf8 = new Utf8();
    utf8.set(text);
    return utf8;
  }

  private static Map<Long, List<String>> all(UserPartitions store, Map<Long, Long> overflows) throws IOException {
    Map<Long, List<String>> found = new LinkedHashMap<>();
    store.forEachKey((bytes, offsets, overflow) -> {
      List<String> records = new ArrayList<>();
      long key = 0;
      for (int at : offsets.toIntArray()) {
        RecordBuffer in = new RecordBuffer().wrap(bytes, at, UserPartitions.length(bytes, at));
        key = in.getLong();
        Utf8 text = new Utf8();
        in.get(text);
        records.add(text.toString());
      }
      found.put(key, records);
      if (overflow > 0) {
        overflows.put(key, overflow);
      }
    }, share -> { });
    return found;
  }

  /** 256 buffers with such a record each would be more than what is promised. */
  @Test
  void aRecordLargerThanABufferGoesToDiskAtOnce() throws IOException {
    Path folder = temp.resolve("large");
    byte[] large = new byte[100_000];
    try (UserPartitions store = new UserPartitions(folder, 10, 1 << 30)) {
      store.add(1, 0, large, large.length);
      try (var files = Files.list(folder)) {
        assertEquals(UserPartitions.HEADER + large.length, Files.size(files.findFirst().orElseThrow()));
      }
      store.add(1, 0, large, 3);
      store.forEachKey((bytes, offsets, overflow) -> assertEquals(List.of(large.length, 3),
          offsets.intStream().mapToObj(at -> UserPartitions.length(bytes, at)).toList()), share -> { });
    }
    assertFalse(Files.exists(folder));
  }

  /** Some records of a few hundred keys, in memory, spilled, and dealt again: always the same answer. */
  @Test
  void recordsComeBackByKeyInOrder() throws IOException {
    for (long maxPartition : new long[] {1 << 30, 20_000, 2_000}) {
      for (int length : new int[] {5, 3000}) {
        Path folder = temp.resolve(maxPartition + "-" + length);
        Random random = new Random(2);
        Map<Long, List<String>> expected = new TreeMap<>(Long::compareUnsigned);
        RecordBuffer record = new RecordBuffer();
        try (UserPartitions store = new UserPartitions(folder, 1 << 20, maxPartition)) {
          for (int i = 0; i < 6000; i++) {
            // Half of the keys share their first byte, so that one partition is large.
            long n = random.nextInt(300);
            long key = (n % 2 == 0 ? 0xabL << 56 : n << 56) + (n << 47) + n;
            String text = i + "x".repeat(random.nextInt(length));
            record.clear().putLong(key).put(utf8(text));
            store.add(key, 0, record.bytes(), record.length());
            expected.computeIfAbsent(key, k -> new ArrayList<>()).add(text);
          }
          Map<Long, List<String>> found = all(store, new TreeMap<>());
          assertEquals(new ArrayList<>(expected.keySet()), new ArrayList<>(found.keySet()));
          assertEquals(expected, found);
        }
        assertFalse(Files.exists(folder), "temporary files are gone");
      }
    }
  }

  @Test
  void aBusyKeyIsCutAndCounted() throws IOException {
    Map<Long, Long> overflows = new TreeMap<>();
    try (UserPartitions store = new UserPartitions(temp.resolve("t"), 10, 1 << 20)) {
      RecordBuffer record = new RecordBuffer();
      for (int i = 0; i < 25; i++) {
        record.clear().putLong(1).put(utf8("r" + i));
        store.add(1, 0, record.bytes(), record.length());
        store.addPresence(1, 0, record.bytes(), record.length());
      }
      record.clear().putLong(2).put(utf8("presence"));
      store.addPresence(2, 0, record.bytes(), record.length());
      store.addPresence(2, 0, record.bytes(), record.length());
      Map<Long, List<String>> found = all(store, overflows);
      assertEquals(10, found.get(1L).size());
      assertEquals(List.of("presence"), found.get(2L));
    }
    assertEquals(Map.of(1L, 15L), overflows);
  }

  @Test
  void anUnfinishedStoreLeavesNothingBehind() throws IOException {
    Path folder = temp.resolve("t");
    try (UserPartitions store = new UserPartitions(folder, 10, 1 << 20)) {
      byte[] record = new byte[40_000];
      for (int i = 0; i < 20; i++) {
        store.add((long) i << 60, 0, record, record.length);
      }
      assertTrue(Files.exists(folder));
    }
    assertFalse(Files.exists(folder));
  }
}
