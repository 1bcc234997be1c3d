// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.cli;

import io.github.tppo.run.ConfigException;
import io.github.tppo.pipeline.TppoPipeline;
import io.github.tppo.run.Pipeline;
import java.io.BufferedWriter;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.OutputStreamWriter;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;
import picocli.CommandLine.UnmatchedArgumentException;

/** The program {@code tppo}. Exit status: 0 done, 1 the run failed or was stopped, 2 usage or configuration error. */
@Command(name = "tppo", mixinStandardHelpOptions = true, versionProvider = Version.class,
    description = "Trains a policy that writes a user's next search queries, by token-level PPO.",
    synopsisSubcommandLabel = "COMMAND", usageHelpAutoWidth = true,
    footer = {"", "Exit status: 0 done, 1 the run failed or was stopped, 2 usage or configuration error.",
        "First time? tppo quickstart"})
public final class Tppo implements Runnable {
  static final int FAILED = 1;

  @Option(names = "--debug", scope = ScopeType.INHERIT, description = "Show the stack trace of a failure (also: TPPO_DEBUG=1).")
  private boolean debug;

  @Spec
  private CommandSpec spec;

  private Tppo() {}

  /** Runs a command and ends the process with its status. */
  public static void main(String[] args) {
    PrintWriter out = standardOutput();
    int status;
    try {
      status = commandLine(TppoPipeline.create()).setOut(out).execute(args);
      if (out.checkError() && status == 0) {
        System.err.println("tppo: cannot write to standard output");
        status = FAILED;
      }
    } catch (Throwable e) {
      // Errors pass picocli by: a library that cannot be loaded, memory that is not there.
      System.err.println("tppo: " + Failures.message(e));
      if (System.getenv("TPPO_DEBUG") != null) {
        e.printStackTrace();
      }
      status = FAILED;
    }
    System.exit(status);
  }

  /** In UTF-8 whatever the locale, since programs read it; and not {@link System#out}, which tells nobody that it cannot write. */
  private static PrintWriter standardOutput() {
    return new PrintWriter(new BufferedWriter(new OutputStreamWriter(new FileOutputStream(FileDescriptor.out), StandardCharsets.UTF_8)), true);
  }

  /** The commands, over a pipeline. */
  static CommandLine commandLine(Pipeline<?> pipeline) {
    Tppo root = new Tppo();
    CommandLine commands = new CommandLine(root);
    commands.addSubcommand(new QuickstartCommand(pipeline));
    commands.addSubcommand(new InitCommand(pipeline));
    commands.addSubcommand(new RunCommand(pipeline));
    for (String name : pipeline.commands()) {
      CommandLine command = new CommandLine(new StageCommand(pipeline, name));
      command.getCommandSpec().name(name).usageMessage().description(StageCommand.description(name));
      commands.addSubcommand(name, command);
    }
    commands.addSubcommand(new AgreementCommand());
    commands.addSubcommand(new SearchCommand());
    commands.addSubcommand(new TokenizerCommand());
    commands.addSubcommand(new SuggestCommand());
    commands.addSubcommand(new ServeCommand());
    commands.addSubcommand(new VerifyCommand());
    commands.addSubcommand(new CheckpointCommand());
    commands.addSubcommand(new DoctorCommand());
    commands.setCaseInsensitiveEnumValuesAllowed(true);
    commands.setExecutionExceptionHandler((e, line, parsed) -> root.failed(e, line));
    commands.setParameterExceptionHandler((e, args) -> Tppo.misused(e));
    return commands;
  }

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "which command?");
  }

  private int failed(Exception e, CommandLine line) {
    PrintWriter err = line.getErr();
    err.println(line.getCommandSpec().qualifiedName(" ") + ": " + Failures.message(e));
    if (debug || System.getenv("TPPO_DEBUG") != null) {
      e.printStackTrace(err);
    } else if (Failures.unexpected(e)) {
      err.println("This should not happen; --debug shows where it did.");
    }
    err.flush();
    return e instanceof ConfigException ? ConfigException.EXIT_STATUS : FAILED;
  }

  private static int misused(ParameterException e) {
    CommandLine line = e.getCommandLine();
    PrintWriter err = line.getErr();
    String name = line.getCommandSpec().qualifiedName(" ");
    err.println(name + ": " + e.getMessage());
    UnmatchedArgumentException.printSuggestions(e, err);
    err.println(name + " --help shows what it takes.");
    err.flush();
    return ConfigException.EXIT_STATUS;
  }
}
