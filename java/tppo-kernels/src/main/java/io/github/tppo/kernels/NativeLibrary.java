// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

import io.github.tppo.kernels.internal.Tppo;
import java.io.File;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Properties;
import org.bytedeco.javacpp.Loader;

/**
 * Loads the native library once and makes sure that it is the one that belongs to these classes.
 *
 * <p>JavaCPP reports every failure as "no jniTppo in java.library.path", takes another variant without a word when one
 * cannot be loaded, and knows the files in its cache by size and time only; and a truncated library ends the whole
 * process. So the jar that counts is determined here, its libraries are compared with the hashes beside them before
 * anything is loaded, and what was loaded is asked for its build id afterwards.
 */
final class NativeLibrary {

  /** Beside the libraries: version, variant, build id and the SHA-256 of every library. */
  private static final String PROPERTIES = "tppo.properties";

  /** Extensions of the platform, best first. */
  private static final List<String> EXTENSIONS = List.of("-cuda13", "");

  private static final String EXTENSION_PROPERTY = "org.bytedeco.javacpp.platform.extension";

  /** In the order in which they are loaded. */
  private static final List<String> LIBRARIES =
      List.of(System.mapLibraryName("tppo"), System.mapLibraryName("jniTppo"));

  private static final Class<?> BINDING = Tppo.class;

  /** System property with the instruction set to use instead of the best one. */
  private static final String CPU_ISA = "tppo.cpu_isa";

  /** Names that {@code tppo_set_cpu_isa} knows, best first; which of them there are depends on machine and build. */
  private static final List<String> KNOWN_ISAS =
      List.of("x86-64-v4-bf16", "x86-64-v4", "x86-64-v3", "neon", "portable");

  private NativeLibrary() {}

  /**
   * Loads the library; later calls do nothing.
   *
   * @throws UnsatisfiedLinkError the library is missing, cannot be loaded, is not the one that was built with
   *     these classes, or lacks the instruction set of the system property {@code tppo.cpu_isa}; the message says
   *     which and what to do. Every later call fails alike.
   */
  static void load() {
    if (Holder.FAILURE != null) {
      UnsatisfiedLinkError error = new UnsatisfiedLinkError(Holder.FAILURE.getMessage());
      error.initCause(Holder.FAILURE.getCause());
      throw error;
    }
  }

  /** Returns the file that the binding was loaded from. */
  static String file() {
    load();
    return Holder.file;
  }

  /** Returns the instruction sets of the CPU kernels that this machine and build offer, best first. */
  static List<String> cpuIsas() {
    load();
    return Holder.cpuIsas;
  }

  /** Returns the version of these classes. */
  static String version() {
    return read(NativeLibrary.class.getResource("version.properties")).getProperty("version");
  }

  /** Loads on first use; a failure is kept, so that it is told in full every time. */
  private static final class Holder {
    private static String file;
    private static List<String> cpuIsas = List.of();
    private static final UnsatisfiedLinkError FAILURE = tryLoad();

    private static UnsatisfiedLinkError tryLoad() {
      String platform = platform();
      String folder = folder(platform);
      if (folder == null) {
        return failure(platform + System.getProperty(EXTENSION_PROPERTY, ""), "is not on the class path", null);
      }
      try {
        Properties expected = read(BINDING.getResource(folder + "/" + PROPERTIES));
        String version = expected.getProperty("version");
        String problem = version().replace("-SNAPSHOT", "").equals(version) ? damage(folder, expected)
            : "has version " + version + " but the classes have version " + version()
                + "; use one version of tppo-kernels for both jars";
        if (problem == null) {
          file = Loader.load(BINDING);
          problem = strangers(folder, expected);
        }
        if (problem != null) {
          return failure(folder, problem, null);
        }
        // Nobody computes before this is done, so trying them all disturbs nobody.
        cpuIsas = KNOWN_ISAS.stream().filter(isa -> Tppo.tppo_set_cpu_isa(isa) == Tppo.TPPO_OK).toList();
        return chooseCpuIsa(System.getProperty(CPU_ISA, "auto"));
      } catch (IOException | UncheckedIOException | LinkageError e) {
        return failure(folder, "cannot be loaded: " + deepest(e), e);
      }
    }

    private static UnsatisfiedLinkError chooseCpuIsa(String isa) {
      if (Tppo.tppo_set_cpu_isa(isa) == Tppo.TPPO_OK) {
        return null;
      }
      return new UnsatisfiedLinkError("the system property " + CPU_ISA + " is \"" + isa
          + "\"; this machine and build offer auto, " + String.join(", ", cpuIsas));
    }
  }

  /** Returns the folder of the libraries that JavaCPP takes first, or null if there is none. */
  private static String folder(String platform) {
    String chosen = System.getProperty(EXTENSION_PROPERTY);
    List<String> extensions = chosen == null ? EXTENSIONS : List.of(chosen);
    return extensions.stream().map(platform::concat)
        .filter(folder -> BINDING.getResource(folder + "/" + PROPERTIES) != null).findFirst().orElse(null);
  }

  /** Returns which library is missing or not the one that was put into the jar, or null. */
  private static String damage(String folder, Properties expected) throws IOException {
    for (String library : LIBRARIES) {
      URL resource = BINDING.getResource(folder + "/" + library);
      if (resource == null) {
        return "is damaged: " + library + " is missing from its jar; get the jar anew";
      }
      String hash = expected.getProperty(library);
      boolean cached = !resource.getProtocol().equals("file");
      File file = cached ? Loader.cacheResource(resource) : new File(URI.create(resource.toString()));
      if (cached && !sha256(file).equals(hash)) {
        // Of an older build of equal size and time, or spoilt: once more from the jar.
        Files.delete(file.toPath());
        file = Loader.cacheResource(resource);
      }
      if (!sha256(file).equals(hash)) {
        return "is damaged: " + library + " has " + file.length() + " bytes and another SHA-256 than "
            + PROPERTIES + " beside it says (" + resource + "); get the jar anew or build with mvn verify";
      }
    }
    return null;
  }

  /** Returns what was loaded instead of the libraries of the folder, or null. */
  private static String strangers(String folder, Properties expected) {
    Path parent = Path.of(Holder.file).getParent();
    if (parent == null || !parent.endsWith(folder)) {
      return "could not be loaded; " + Holder.file + " was, instead";
    }
    String variant = Tppo.tppo_variant().getString();
    String buildId = Tppo.tppo_build_id().getString();
    if (!variant.equals(expected.getProperty("variant")) || !buildId.equals(expected.getProperty("build_id"))) {
      return "could not be loaded: another " + LIBRARIES.get(0) + " (variant " + variant + ", build id " + buildId
          + ") came before it. Look for one in LD_LIBRARY_PATH, in java.library.path, and in other class"
          + " loaders of this process";
    }
    return null;
  }

  private static UnsatisfiedLinkError failure(String classifier, String what, Throwable cause) {
    String platform = platform();
    UnsatisfiedLinkError error = new UnsatisfiedLinkError("The native library of tppo-kernels " + what
        + "\n  platform: " + platform
        + "\n  jar looked for: tppo-kernels-" + version() + "-" + classifier + ".jar"
        + (classifier.equals(platform) ? " (or -" + platform + EXTENSIONS.get(0) + ")"
            : " (-D" + EXTENSION_PROPERTY + "= selects the one for the CPU)")
        + "\n  dependency to add: io.github.tppo:tppo-kernels:" + version() + ":" + classifier);
    error.initCause(cause);
    return error;
  }

  private static String platform() {
    try {
      return Loader.Detector.getPlatform();
    } catch (LinkageError e) {
      return System.getProperty("os.name") + "-" + System.getProperty("os.arch");
    }
  }

  private static String deepest(Throwable thrown) {
    Throwable cause = thrown;
    while (cause.getCause() != null && cause.getCause() != cause) {
      cause = cause.getCause();
    }
    return cause.getMessage() == null ? cause.toString() : cause.getMessage();
  }

  private static String sha256(File file) throws IOException {
    try (InputStream in = new FileInputStream(file)) {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      byte[] buffer = new byte[1 << 16];
      for (int n; (n = in.read(buffer)) >= 0;) {
        digest.update(buffer, 0, n);
      }
      return HexFormat.of().formatHex(digest.digest());
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
  }

  private static Properties read(URL resource) {
    Properties properties = new Properties();
    try (InputStream in = resource.openStream()) {
      properties.load(in);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read " + resource, e);
    }
    return properties;
  }
}
