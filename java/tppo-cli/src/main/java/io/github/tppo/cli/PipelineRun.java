// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.cli;

import io.github.tppo.run.ConfigReader;
import io.github.tppo.run.Pipeline;
import io.github.tppo.run.Reporter;
import io.github.tppo.run.RunException;
import io.github.tppo.run.RunFolder;
import io.github.tppo.run.Stage;
import io.github.tppo.run.StageRunner;
import io.github.tppo.run.StoppedException;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import picocli.CommandLine;

/** Runs stages of a pipeline for a command: opens the folder, shows progress, hears Ctrl-C, prints where things are. */
final class PipelineRun<C extends Record> {
  private final Pipeline<C> pipeline;
  private final Path configFile;
  private final RunOptions options;
  private final CommandLine command;

  PipelineRun(Pipeline<C> pipeline, Path configFile, RunOptions options, CommandLine command) {
    this.pipeline = pipeline;
    this.configFile = configFile;
    this.options = options;
    this.command = command;
  }

  int all() throws Exception {
    return run(null);
  }

  int one(String stage) throws Exception {
    return run(stage);
  }

  private int run(String only) throws Exception {
    C config = ConfigReader.read(pipeline.config(), configFile, options.overrides);
    Map<String, C> runs = pipeline.runs(config);
    Map<String, List<Stage<C>>> stages = new LinkedHashMap<>(); // what cannot be is said before a folder remembers the configuration
    runs.forEach((name, run) -> {
      stages.put(name, pipeline.stages(run));
      stages.get(name).forEach(stage -> stage.config(run));
    });
    Path out = options.out != null ? options.out : Path.of("runs", baseName(configFile));
    PrintWriter err = command.getErr();
    try (RunFolder folder = RunFolder.open(out); Reporter reporter = reporter(err)) {
      begin(folder, config, reporter);
      StopSignal stop = StopSignal.install("stopping as soon as the state is saved; again to end at once", reporter::message);
      List<Path> folders = new ArrayList<>();
      for (Map.Entry<String, C> run : runs.entrySet()) {
        if (run.getKey().isEmpty()) {
          run(stages.get(""), run.getValue(), folder, only, reporter, stop);
          continue;
        }
        reporter.message(run.getKey());
        try (RunFolder below = RunFolder.open(folder.path(run.getKey()))) {
          begin(below, run.getValue(), reporter);
          run(stages.get(run.getKey()), run.getValue(), below, only, reporter, stop);
          folders.add(below.root());
        }
      }
      if (!folders.isEmpty() && (only == null || only.equals("evaluate") || only.equals("report"))) {
        pipeline.combine(config, folder, folders);
      }
      reporter.close();
      finish(folder, only);
      return 0;
    } catch (StoppedException e) {
      throw new RunException(e.getMessage() + "; what was done is kept. To go on: " + again(out), e);
    }
  }

  private void begin(RunFolder folder, C config, Reporter reporter) throws IOException {
    for (String change : folder.begin(config, options.allowConfigChange)) {
      reporter.message("changed since the last start: " + change);
    }
  }

  private void run(List<Stage<C>> stages, C config, RunFolder folder, String only, Reporter reporter, StopSignal stop) throws Exception {
    StageRunner<C> runner = new StageRunner<>(stages, config, folder, options.backend, reporter, stop)
        .dumpRollouts(options.dumpRollouts);
    if (only == null) {
      runner.runAll();
    } else {
      runner.runCommand(only);
    }
  }

  private void finish(RunFolder folder, String only) throws IOException {
    PrintWriter out = command.getOut();
    if (options.json && Files.exists(folder.resultsFile())) {
      out.print(Files.readString(folder.resultsFile()));
    } else if (only == null || only.equals("report") || only.equals("evaluate")) {
      ResultsSummary.print(folder, out);
    }
    out.flush();
  }

  private String again(Path out) {
    StringBuilder line = new StringBuilder(command.getCommandSpec().qualifiedName(" "));
    if (!command.getCommandName().equals("quickstart")) {
      line.append(' ').append(configFile);
    }
    line.append(" --out ").append(out);
    options.overrides.forEach(override -> line.append(" --set '").append(override.replace("'", "'\\''")).append('\''));
    return line.append(options.dumpRollouts ? " --dump-rollouts" : "").toString();
  }

  private static String baseName(Path file) {
    String name = file.getFileName().toString();
    int dot = name.lastIndexOf('.');
    return dot > 0 ? name.substring(0, dot) : name;
  }

  /** Bars on a terminal, lines elsewhere. The launcher tells whether standard error is a terminal, and how wide. */
  static Reporter reporter(PrintWriter err) {
    String told = System.getProperty("tppo.tty");
    boolean terminal = told != null ? Boolean.parseBoolean(told) : System.console() != null;
    if (!terminal) {
      return new PlainReporter(err, System::nanoTime);
    }
    int width = Integer.getInteger("tppo.columns", 80);
    return new TerminalReporter(System.err, width);
  }
}
