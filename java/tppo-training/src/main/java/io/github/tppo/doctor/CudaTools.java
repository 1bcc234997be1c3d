// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.doctor;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Looks for the CUDA toolkit (needed to build) and the NVIDIA driver (needed to run). */
final class CudaTools {
  private static final long TIMEOUT_SECONDS = 15;

  private CudaTools() {}

  static Finding toolkit() {
    Set<String> candidates = new LinkedHashSet<>();
    for (String variable : List.of("CUDACXX", "CUDA_HOME", "CUDA_PATH")) {
      String value = System.getenv(variable);
      if (value != null && !value.isBlank()) {
        candidates.add(variable.equals("CUDACXX") ? value : value + "/bin/nvcc");
      }
    }
    candidates.add("nvcc");
    candidates.add("/usr/local/cuda/bin/nvcc");
    for (String nvcc : candidates) {
      Optional<String> out = output(nvcc, "--version");
      Matcher release = Pattern.compile("release (\\d+\\.\\d+)").matcher(out.orElse(""));
      if (release.find()) {
        return Finding.ok("cuda toolkit", release.group(1) + " (" + nvcc + ")", Map.of("version", release.group(1), "nvcc", nvcc));
      }
    }
    return Finding.absent("cuda toolkit", "no nvcc on the PATH, in CUDA_HOME or in /usr/local/cuda",
        "CUDA kernels cannot be built here; a jar that holds them runs without the toolkit.");
  }

  static Finding driver() {
    Optional<String> out = output("nvidia-smi", "--query-gpu=driver_version,name", "--format=csv,noheader");
    if (out.isPresent() && !out.get().isBlank()) {
      String version = out.get().lines().findFirst().orElse("").split(",")[0].strip();
      return Finding.ok("nvidia driver", version + ", sees " + out.get().lines().count() + " device(s)", Map.of("version", version));
    }
    Path module = Path.of("/proc/driver/nvidia/version");
    if (Files.exists(module)) {
      return Finding.absent("nvidia driver", "the kernel module is loaded, but nvidia-smi does not answer",
          "Kernels run on the CPU. In a container, start it with the GPU passed through (--gpus all).");
    }
    return Finding.absent("nvidia driver", "no nvidia-smi and no kernel module",
        "Kernels run on the CPU. For a GPU, install the NVIDIA driver (580 or newer for CUDA 13).");
  }

  /** What a program prints, or nothing when it is not there, fails or takes too long. */
  private static Optional<String> output(String... command) {
    Process process = null;
    try {
      Path captured = Files.createTempFile("tppo-doctor", ".txt");
      try {
        process = new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(captured.toFile()).start();
        process.getOutputStream().close();
        boolean ended = process.waitFor(TIMEOUT_SECONDS, TimeUnit.SECONDS);
        return ended && process.exitValue() == 0 ? Optional.of(Files.readString(captured, StandardCharsets.ISO_8859_1)) : Optional.empty();
      } finally {
        Files.delete(captured);
      }
    } catch (IOException e) {
      return Optional.empty();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return Optional.empty();
    } finally {
      if (process != null) {
        process.destroyForcibly();
      }
    }
  }
}
