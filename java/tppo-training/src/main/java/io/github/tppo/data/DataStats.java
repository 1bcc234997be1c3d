// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.data;

import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import io.github.tppo.run.Check;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What the prepare stage read and made: the content of stats.json (keys in snake case). It depends only on the
 * configuration and the input, and {@code rows_read = rows_kept + sum(rows_dropped)} always holds.
 *
 * @param form form of the log, as in the configuration
 * @param rowsRead lines that should hold a row, headers aside
 * @param rowsKept rows that entered some user's history as a search or a click
 * @param rowsDropped rows by the reason for which they were dropped
 * @param headerLines lines that name columns
 * @param entriesDropped industrial form: entries inside kept rows, by reason
 * @param searches searches of all users after cleaning
 * @param users users seen in well-formed rows
 * @param usersDropped users without an example, by reason
 * @param usersNoted users that are not as the form promises, and were used all the same
 * @param usersPerSplit users with an example: train, valid, eval
 * @param examples examples written: train, valid, eval
 * @param examplesOverLimit examples left out because of max_train, max_valid or max_eval
 * @param sharedIds ids of {@code files} that stand in {@code eval_files} too; {@code users} counts each of them twice
 * @param lengths distribution of lengths over all written examples
 * @param files one entry a file: those of {@code files}, then those of {@code eval_files}, each in the order of their paths
 * @param warnings what a person should know
 */
@JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
public record DataStats(String form, long rowsRead, long rowsKept, Map<String, Long> rowsDropped, long headerLines,
    Map<String, Long> entriesDropped, long searches, long users, Map<String, Long> usersDropped,
    Map<String, Long> usersNoted, Map<String, Long> usersPerSplit, Map<String, Long> examples, long examplesOverLimit,
    long sharedIds, Map<String, Quantiles> lengths, List<FileStats> files, List<String> warnings) {

  /** Makes the maps and lists unmodifiable, keeping their order. */
  public DataStats {
    rowsDropped = fixed(rowsDropped);
    entriesDropped = fixed(entriesDropped);
    usersDropped = fixed(usersDropped);
    usersNoted = fixed(usersNoted);
    usersPerSplit = fixed(usersPerSplit);
    examples = fixed(examples);
    lengths = fixed(lengths);
    files = Check.list("files", files);
    warnings = Check.list("warnings", warnings);
  }

  /**
   * Counts of one file, before rows of a user are looked at together (repeats and paging are not in here).
   *
   * @param file its path as given
   * @param heldOut whether it is one of {@code eval_files}
   * @param bytes its size on disk
   * @param rowsRead its rows
   * @param rowsDropped rows by reason
   * @param firstLine line number of the first row dropped for each reason
   */
  @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
  public record FileStats(String file, boolean heldOut, long bytes, long rowsRead,
      Map<String, Long> rowsDropped, Map<String, Long> firstLine) {
    /** Makes the maps unmodifiable. */
    public FileStats {
      rowsDropped = fixed(rowsDropped);
      firstLine = fixed(firstLine);
    }
  }

  /** Number, mean, quantiles and largest of some lengths. */
  public record Quantiles(long count, double mean, int p5, int p25, int p50, int p75, int p95, int max) { }

  /** Examples of a split. */
  public long examples(Split split) {
    return examples.getOrDefault(split.key(), 0L);
  }

  private static <V> Map<String, V> fixed(Map<String, V> map) {
    return map == null ? Map.of() : Collections.unmodifiableMap(new LinkedHashMap<>(map));
  }
}
