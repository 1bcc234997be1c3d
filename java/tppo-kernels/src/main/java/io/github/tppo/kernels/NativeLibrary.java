// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

import io.github.tppo.kernels.internal.Tppo;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.URL;
import java.nio.file.Path;
import java.util.List;
import java.util.Properties;
import org.bytedeco.javacpp.Loader;

/**
 * Loads the native library once and makes sure that it is the one that belongs to these classes.
 *
 * <p>JavaCPP reports every failure as "no jniTppo in java.library.path", may serve a library of an older build from its
 * cache, and takes the CPU library with the CUDA binding when the CUDA one cannot be loaded. So the deepest cause is
 * named here, and version, build id and variant of the library are compared with what its jar says.
 */
final class NativeLibrary {

    /** Written by the build into the folder of the libraries. */
    private static final String PROPERTIES = "tppo.properties";

    private static final Class<?> BINDING = Tppo.class;

    /** System property with the instruction set to use instead of the best one. */
    private static final String CPU_ISA = "tppo.cpu_isa";

    /** Names that {@code tppo_set_cpu_isa} knows, best first; which of them there are depends on machine and build. */
    private static final List<String> KNOWN_ISAS = List.of("x86-64-v4", "x86-64-v3", "neon", "portable");

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
            try {
                file = Loader.load(BINDING);
            } catch (LinkageError e) {
                return failure("cannot be loaded: " + deepest(e), e);
            }
            String mismatch = handshake(file);
            if (mismatch != null) {
                return failure(mismatch, null);
            }
            // Nobody computes before this is done, so trying them all disturbs nobody.
            cpuIsas = KNOWN_ISAS.stream().filter(isa -> Tppo.tppo_set_cpu_isa(isa) == Tppo.TPPO_OK).toList();
            return chooseCpuIsa(System.getProperty(CPU_ISA, "auto"));
        }

        private static UnsatisfiedLinkError chooseCpuIsa(String isa) {
            if (Tppo.tppo_set_cpu_isa(isa) == Tppo.TPPO_OK) {
                return null;
            }
            return new UnsatisfiedLinkError("the system property " + CPU_ISA + " is \"" + isa + "\"; this machine and build"
                    + " offer auto, " + String.join(", ", cpuIsas));
        }
    }

    /** Compares the library with the properties beside it; returns what does not fit, or null. */
    private static String handshake(String file) {
        String version = Tppo.tppo_version().getString();
        String expectedVersion = version().replace("-SNAPSHOT", "");
        if (!version.equals(expectedVersion)) {
            return "has version " + version + " but the classes have version " + expectedVersion
                    + "; use one version of tppo-kernels for both jars";
        }
        Path folder = Path.of(file).getParent();
        String platform = folder == null ? null : folder.getFileName().toString();
        var resource = platform == null ? null : BINDING.getResource(platform + "/" + PROPERTIES);
        if (resource == null) {
            return "was loaded from " + file + ", where the jar has no " + PROPERTIES
                    + "; remove the folder from java.library.path or rebuild with mvn verify";
        }
        Properties expected = read(resource);
        String variant = Tppo.tppo_variant().getString();
        if (!variant.equals(expected.getProperty("variant"))) {
            return "has variant " + variant + " although the jar for " + platform + " holds variant "
                    + expected.getProperty("variant") + ": the library of that jar could not be loaded;"
                    + " -Dorg.bytedeco.javacpp.platform.extension= (empty) selects the CPU jar";
        }
        String buildId = Tppo.tppo_build_id().getString();
        if (!buildId.equals(expected.getProperty("build_id"))) {
            return "has build id " + buildId + " but its jar says " + expected.getProperty("build_id")
                    + ": a stale copy in the cache; delete ~/.javacpp/cache or rebuild with mvn clean verify";
        }
        return null;
    }

    private static UnsatisfiedLinkError failure(String what, Throwable cause) {
        String platform = platform();
        String extension = System.getProperty("org.bytedeco.javacpp.platform.extension", "");
        String classifier = platform + (extension.isBlank() ? "" : extension);
        UnsatisfiedLinkError error = new UnsatisfiedLinkError("The native library of tppo-kernels " + what
                + "\n  platform: " + platform
                + "\n  jar looked for: tppo-kernels-" + version() + "-" + classifier + ".jar"
                + " (or -" + platform + "-cuda13)"
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
