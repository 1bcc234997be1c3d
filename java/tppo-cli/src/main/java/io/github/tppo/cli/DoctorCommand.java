// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.cli;

import io.github.tppo.doctor.Doctor;
import io.github.tppo.doctor.Finding;
import java.io.PrintWriter;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code tppo doctor}: what is there, what is not, and what that means. */
@Command(name = "doctor", mixinStandardHelpOptions = true, versionProvider = Version.class, usageHelpAutoWidth = true,
    description = "Shows Java, the native library, libtorch, the CPU's features, and CUDA toolkit, driver and devices, and"
        + " says what each lack means. Exit status 0 when a run on the CPU can work.")
final class DoctorCommand implements Callable<Integer> {
  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  @Spec
  private CommandSpec spec;

  @Override
  public Integer call() throws Exception {
    Doctor.Diagnosis diagnosis = Doctor.examine();
    PrintWriter out = spec.commandLine().getOut();
    if (json) {
      Json.print(out, diagnosis);
    } else {
      out.println("tppo " + Version.text());
      for (Finding finding : diagnosis.findings()) {
        out.println(String.format(Locale.ROOT, "%-7s %-15s %s", finding.status().name().toLowerCase(Locale.ROOT), finding.name(),
            finding.found()));
        if (!finding.means().isEmpty()) {
          out.println(" ".repeat(24) + finding.means());
        }
      }
      out.println(!diagnosis.ok() ? "Not ready: mend what is marked broken."
          : "Ready to run on the CPU" + (diagnosis.cuda() ? " and on CUDA." : "."));
    }
    out.flush();
    return diagnosis.ok() ? 0 : Tppo.FAILED;
  }
}
