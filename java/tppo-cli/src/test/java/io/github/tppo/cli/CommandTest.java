// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.cli;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.Arrays;

/** What tests of commands have in common: to run one in this process, and what it printed. */
abstract class CommandTest {
  String stdout;
  String stderr;

  /** Runs {@code tppo args...}; returns its exit status. */
  final int tppo(Object... args) {
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    // Subcommands print to the writers of the command that was executed.
    int status = Tppo.commandLine(TestPipeline.create()).setOut(new PrintWriter(out, true)).setErr(new PrintWriter(err, true))
        .execute(Arrays.stream(args).map(Object::toString).toArray(String[]::new));
    stdout = out.toString();
    stderr = err.toString();
    return status;
  }
}
