// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.verify;

import io.github.tppo.kernels.Device;
import io.github.tppo.kernels.KernelInfo;
import io.github.tppo.verify.VerifyReport.FileReport;
import io.github.tppo.verify.VerifyReport.Quantity;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * Runs the kernels on reference vectors: a folder of safetensors files, one per operation, that hold inputs and expected
 * outputs under fixed names. Any numbers and sizes will do.
 *
 * <p>Tolerances, since the kernels work in float32: a tensor may be off by 1e-5 of its largest magnitude, a scalar by 1e-6
 * of its own or of 1 (whichever is larger), a bfloat16 gradient by half a unit in its last place besides; whole numbers must
 * be equal.
 */
public final class KernelVectors {

  private static final String SUFFIX = ".safetensors";

  /** Runs one operation on the vectors of a file and compares. */
  @FunctionalInterface
  interface Checker {
    void check(VectorFile file) throws IOException;
  }

  private static final Map<String, Checker> CHECKERS = new TreeMap<>(Map.of(
      "adamw", AdamWVectors::check,
      "dpo", DpoVectors::check,
      "gae", GaeVectors::check,
      "policy", PolicyVectors::check,
      "reward_model_loss", RewardModelVectors::check,
      "reward_shaping", RewardShapingVectors::check,
      "value_loss", ValueVectors::check));

  private KernelVectors() {}

  /**
   * Compares every expected tensor of every file in a folder. A tensor that could not be compared is reported as not ok,
   * with the reason; so is a file that no kernel belongs to.
   *
   * @param folder holds {@code policy.safetensors}, {@code gae.safetensors} and so on; those that are there are checked
   * @param backend where to run the kernels
   * @throws IOException when the folder holds no safetensors file or one cannot be read
   */
  public static VerifyReport verify(Path folder, Device backend) throws IOException {
    List<Path> files;
    try (Stream<Path> list = Files.list(folder)) {
      files = list.filter(p -> p.getFileName().toString().endsWith(SUFFIX)).sorted().toList();
    }
    if (files.isEmpty()) {
      throw new IOException(folder + ": holds no " + SUFFIX + " file; expected one of " + CHECKERS.keySet());
    }
    List<FileReport> reports = new ArrayList<>();
    for (Path file : files) {
      reports.add(verifyFile(file, backend));
    }
    return backend.isCuda() ? VerifyReport.of("cuda", reports)
        : VerifyReport.of("cpu", reports).withCpuIsa(KernelInfo.query().cpuIsa());
  }

  private static FileReport verifyFile(Path path, Device backend) throws IOException {
    String name = path.getFileName().toString();
    Checker checker = CHECKERS.get(name.substring(0, name.length() - SUFFIX.length()));
    if (checker == null) {
      String reason = "no kernel belongs to this file; known are " + CHECKERS.keySet();
      return new FileReport(name, List.of(new Quantity(name, 0, 0, 0, false, reason)));
    }
    try (VectorFile file = VectorFile.open(path, backend)) {
      String failure = "not an expected tensor of this operation";
      try {
        checker.check(file);
      } catch (RuntimeException e) {
        // What was compared before stands; the rest is reported with the cause.
        failure = "not compared: " + e.getMessage();
      }
      return new FileReport(name, file.quantities(failure));
    }
  }
}
