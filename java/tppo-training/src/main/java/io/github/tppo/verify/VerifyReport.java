// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.verify;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyOrder;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.util.List;

/**
 * The outcome of a comparison with reference values, in the form that {@code tppo verify --json} prints.
 *
 * @param ok      whether every quantity of every file agrees; false when nothing was compared
 * @param backend where it was computed: {@code cpu} or {@code cuda}
 * @param cpuIsa  instruction set of the CPU kernels that were compared, null where there were none
 * @param files   one entry per file of reference values
 */
@JsonPropertyOrder({"ok", "backend", "cpu_isa", "files"})
@JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
@JsonInclude(JsonInclude.Include.NON_NULL)
public record VerifyReport(boolean ok, String backend, String cpuIsa, List<FileReport> files) {

  /** A report that is ok when there is a quantity and all are ok. */
  public static VerifyReport of(String backend, List<FileReport> files) {
    boolean some = files.stream().anyMatch(f -> !f.quantities().isEmpty());
    boolean all = files.stream().flatMap(f -> f.quantities().stream()).allMatch(Quantity::ok);
    return new VerifyReport(some && all, backend, null, List.copyOf(files));
  }

  /** Returns a copy that names the instruction set. */
  VerifyReport withCpuIsa(String value) {
    return new VerifyReport(ok, backend, value, files);
  }

  /**
   * The comparisons of one file.
   *
   * @param file       the file's name
   * @param quantities one entry per expected value of the file
   */
  @JsonPropertyOrder({"file", "quantities"})
  public record FileReport(String file, List<Quantity> quantities) {
  }

  /**
   * The comparison of one expected tensor or list.
   *
   * @param name   its name in the file
   * @param n      how many elements were compared
   * @param maxAbs the largest absolute difference; for ids, texts and offsets the number that differ
   * @param maxRel the largest difference relative to the expected values; for ids, texts and offsets the share that differ
   * @param ok     whether that is close enough
   * @param reason why not, or null
   */
  @JsonPropertyOrder({"name", "n", "max_abs", "max_rel", "ok", "reason"})
  @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
  @JsonInclude(JsonInclude.Include.NON_NULL)
  public record Quantity(String name, long n, double maxAbs, double maxRel, boolean ok, String reason) {
  }
}
