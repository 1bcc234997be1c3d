// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class NativeLibraryTest {

    /** Run in a JVM of its own, since a library is loaded once; prints what is used, or the failure, twice. */
    static final class Child {
        public static void main(String[] args) {
            for (int i = 0; i < 2; i++) {
                try {
                    System.out.println("uses " + KernelInfo.query().cpuIsa());
                } catch (UnsatisfiedLinkError e) {
                    System.out.println(e.getMessage());
                }
            }
        }
    }

    @Test
    void aMissingLibraryIsNamedWithItsCauseAndTheDependencyToAddEveryTime() throws IOException, InterruptedException {
        String output = child("-Dorg.bytedeco.javacpp.platform=linux-nowhere");
        String expected = "dependency to add: io.github.tppo:tppo-kernels:" + NativeLibrary.version() + ":linux-nowhere";
        assertEquals(2, output.split(expected, -1).length - 1, output);
        assertTrue(output.contains("jniTppo"), output);
        assertTrue(output.contains("platform: linux-nowhere"), output);
    }

    @Test
    void theSystemPropertyChoosesTheInstructionSet() throws IOException, InterruptedException {
        List<String> offered = KernelInfo.query().cpuIsas();
        for (String isa : offered) {
            assertEquals("uses " + isa + "\nuses " + isa + "\n", child("-Dtppo.cpu_isa=" + isa));
        }
        String refusal = "the system property tppo.cpu_isa is \"z80\"; this machine and build offer auto, "
                + String.join(", ", offered) + "\n";
        assertEquals(refusal + refusal, child("-Dtppo.cpu_isa=z80"));
    }

    private static String child(String option) throws IOException, InterruptedException {
        String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
        String cache = System.getProperty("org.bytedeco.javacpp.cachedir", "");
        Process process = new ProcessBuilder(java, "-Dorg.bytedeco.javacpp.cachedir=" + cache, option, "-cp",
                System.getProperty("java.class.path"), Child.class.getName()).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertTrue(process.waitFor(60, TimeUnit.SECONDS));
        return output.replace("\r\n", "\n");
    }
}
