// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.doctor;

import com.fasterxml.jackson.annotation.JsonProperty;
import io.github.tppo.doctor.Finding.Status;
import io.github.tppo.kernels.KernelInfo;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.pytorch.global.torch;

/**
 * Looks at everything that a run stands on and says what each lack means. A machine without a GPU is healthy:
 * only what the CPU path needs can be broken.
 */
public final class Doctor {
  private static final String CPU_GOES_ON = "Everything runs on the CPU.";
  /** Instruction sets that decide how fast the kernels are, as Linux spells them. */
  private static final List<String> CPU_FLAGS = List.of("sse4_2", "avx", "f16c", "fma", "avx2", "avx512f", "avx512vl",
      "avx512_bf16", "amx_bf16", "asimd", "sve", "bf16");

  private Doctor() {}

  /**
   * The diagnosis.
   *
   * @param ok whether the CPU path works
   * @param cuda whether kernels can run on a CUDA device
   * @param findings in the order in which one depends on another
   */
  public record Diagnosis(@JsonProperty("ok") boolean ok, @JsonProperty("cuda") boolean cuda,
      @JsonProperty("findings") List<Finding> findings) { }

  /** Looks at this machine. Never throws for something that is missing. */
  public static Diagnosis examine() {
    List<Finding> findings = new ArrayList<>();
    findings.add(java());
    findings.add(system());
    findings.add(cpu());
    KernelInfo kernels = null;
    try {
      kernels = KernelInfo.query();
      findings.add(nativeLibrary(kernels));
    } catch (LinkageError e) {
      findings.add(Finding.broken("native library", deepest(e), "The kernels cannot run. Build them with mvn -B package,"
          + " or add the dependency io.github.tppo:tppo-kernels with the classifier of this platform."));
    }
    findings.add(libtorch());
    findings.add(CudaTools.toolkit());
    findings.add(CudaTools.driver());
    findings.add(devices(kernels));
    boolean ok = findings.stream().noneMatch(f -> f.status() == Status.BROKEN);
    return new Diagnosis(ok, kernels != null && !kernels.cudaDevices().isEmpty(), List.copyOf(findings));
  }

  private static Finding java() {
    Runtime.Version version = Runtime.version();
    String found = version + ", " + System.getProperty("java.vm.name") + ", " + System.getProperty("java.vendor")
        + ", heap up to " + mebibytes(Runtime.getRuntime().maxMemory());
    return Finding.ok("java", found, Map.of("version", version.toString(), "max_heap_bytes", Runtime.getRuntime().maxMemory()));
  }

  private static Finding system() {
    String platform = Loader.getPlatform();
    String found = System.getProperty("os.name") + " " + System.getProperty("os.version") + ", " + platform + ", "
        + Runtime.getRuntime().availableProcessors() + " processors";
    long memory = memory();
    return Finding.ok("system", memory > 0 ? found + ", memory " + mebibytes(memory) : found, Map.of("platform", platform,
        "processors", Runtime.getRuntime().availableProcessors(), "memory_bytes", memory));
  }

  /** Memory of the machine in bytes; 0 where the system does not tell it in a file. */
  private static long memory() {
    Matcher total = Pattern.compile("MemTotal:\\s+(\\d+) kB").matcher(text(Path.of("/proc/meminfo")));
    return total.find() ? Long.parseLong(total.group(1)) << 10 : 0;
  }

  private static Finding cpu() {
    String info = text(Path.of("/proc/cpuinfo"));
    Matcher model = Pattern.compile("(?m)^model name\\s*:\\s*(.+)$").matcher(info);
    Matcher flags = Pattern.compile("(?m)^(?:flags|Features)\\s*:\\s*(.+)$").matcher(info);
    if (!flags.find()) {
      return Finding.ok("cpu", System.getProperty("os.arch") + " (this system does not list its features)", Map.of());
    }
    List<String> all = List.of(flags.group(1).trim().split("\\s+"));
    List<String> known = CPU_FLAGS.stream().filter(all::contains).toList();
    String name = model.find() ? model.group(1).trim() : System.getProperty("os.arch");
    boolean narrow = System.getProperty("os.arch").equals("amd64") && !known.contains("avx2");
    return new Finding("cpu", Status.OK, name + ": " + String.join(" ", known),
        narrow ? "Without AVX2 the kernels use the portable code and are several times slower." : "",
        Map.of("model", name, "features", known));
  }

  private static Finding nativeLibrary(KernelInfo info) {
    Map<String, Object> details = new LinkedHashMap<>();
    details.put("version", info.version());
    details.put("build_id", info.buildId());
    details.put("variant", info.variant());
    details.put("cpu_isa", info.cpuIsa());
    details.put("cpu_isas", info.cpuIsas());
    details.put("threads", info.threads());
    details.put("file", info.file());
    return Finding.ok("native library", info.version() + " (" + info.variant() + ", build " + info.buildId()
        + "), CPU kernels for " + info.cpuIsa() + " (of " + String.join(", ", info.cpuIsas()) + "), "
        + info.threads() + " threads", details);
  }

  private static Finding libtorch() {
    try {
      Loader.load(torch.class);
      Map<String, Object> details = new LinkedHashMap<>();
      details.put("version", libtorchVersion());
      details.put("threads", torch.get_num_threads());
      details.put("cuda", torch.cuda_is_available());
      return Finding.ok("libtorch", libtorchVersion() + ", " + torch.get_num_threads() + " threads, "
          + (torch.cuda_is_available() ? "with CUDA" : "CPU only"), details);
    } catch (LinkageError e) {
      return Finding.broken("libtorch", deepest(e), "Models cannot run. Add the dependency org.bytedeco:pytorch with the"
          + " classifier of this platform; on Linux it needs glibc 2.28 or newer.");
    }
  }

  private static String libtorchVersion() {
    Properties properties = new Properties();
    try (InputStream in = torch.class.getResourceAsStream("/META-INF/maven/org.bytedeco/pytorch/pom.properties")) {
      if (in != null) {
        properties.load(in);
      }
    } catch (IOException e) {
      return "unknown version";
    }
    return properties.getProperty("version", "unknown version");
  }

  private static Finding devices(KernelInfo kernels) {
    if (kernels == null) {
      return Finding.absent("cuda devices", "not asked: the native library cannot be loaded", "");
    }
    if (kernels.cudaDevices().isEmpty()) {
      return Finding.absent("cuda devices", kernels.cudaUnavailableReason(), CPU_GOES_ON);
    }
    List<String> words = new ArrayList<>();
    for (KernelInfo.CudaDevice device : kernels.cudaDevices()) {
      words.add(device.index() + ": " + device.name() + ", compute capability " + device.capability() + ", memory "
          + mebibytes(device.totalMemory()) + " (" + mebibytes(device.freeMemory()) + " free)");
    }
    return Finding.ok("cuda devices", String.join("; ", words), Map.of("devices", kernels.cudaDevices()));
  }

  private static String deepest(Throwable failure) {
    Throwable e = failure;
    while (e.getCause() != null && e.getCause() != e) {
      e = e.getCause();
    }
    return e.getMessage() == null ? e.toString() : e.getMessage();
  }

  private static String mebibytes(long bytes) {
    return (bytes >> 20) + " MiB";
  }

  private static String text(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      return "";
    }
  }
}
