// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.cli;

import io.github.tppo.eval.Agreement;
import io.github.tppo.eval.AgreementLevel;
import io.github.tppo.pipeline.AnnotationSheet;
import io.github.tppo.run.ConfigException;
import io.github.tppo.run.RunException;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code tppo agreement}: a judge's labels against a person's. */
@Command(name = "agreement", mixinStandardHelpOptions = true, versionProvider = Version.class, usageHelpAutoWidth = true,
    description = "Compares a judge's labels with a person's, word by word and response by response: agreement rate, Cohen's kappa,"
        + " 95 %% intervals and the disagreements. With --sheet it writes responses for a person to score.")
final class AgreementCommand implements Callable<Integer> {
  @Option(names = "--labels", paramLabel = "FILE", required = true, description = "Labels of tppo label: labels/token.jsonl of a run.")
  private Path labels;

  @ArgGroup(multiplicity = "1")
  private Task task;

  @Option(names = "--samples", paramLabel = "N", defaultValue = "60",
      description = "With --sheet: number of responses, drawn at random (default: ${DEFAULT-VALUE}).")
  private int samples;

  @Option(names = "--seed", paramLabel = "N", defaultValue = "1", description = "With --sheet: seed of the draw (default: ${DEFAULT-VALUE}).")
  private long seed;

  @Option(names = "--show", paramLabel = "N", defaultValue = "20",
      description = "Print so many of the disagreements (default: ${DEFAULT-VALUE}).")
  private int show;

  @Option(names = "--disagreements", paramLabel = "FILE", description = "Write all disagreements to a file, one JSON object a line.")
  private Path disagreements;

  @Option(names = "--json", description = "Print one JSON object, with all disagreements.")
  private boolean json;

  @Spec
  private CommandSpec spec;

  /** What to do with the labels. */
  private static final class Task {
    @Option(names = "--human", paramLabel = "FILE", description = "The same responses scored by a person (docs/agreement.md shows the form).")
    private Path human;

    @Option(names = "--sheet", paramLabel = "FILE", description = "Write responses with empty scores to this file.")
    private Path sheet;
  }

  @Override
  public Integer call() throws Exception {
    exists("--labels", labels, "tppo label writes labels/token.jsonl in a run's folder");
    if (task.sheet != null) {
      sheet();
      return 0;
    }
    exists("--human", task.human, "tppo agreement --sheet writes one to fill in");
    Agreement agreement = Agreement.of(task.human, labels);
    Agreement.Responses responses = agreement.responses();
    String skipped = responses.notLabelled() + " not in " + labels + ", " + responses.otherText() + " there with another text";
    if (agreement.words().compared() + agreement.sentences().compared() == 0) {
      throw new RunException(task.human + ": nothing to compare: of its responses " + responses.compared() + " are in " + labels
          + " with the same text but have no score, " + skipped);
    }
    if (disagreements != null) {
      agreement.writeDisagreements(disagreements);
    }
    if (json) {
      Json.print(spec.commandLine().getOut(), agreement);
    } else {
      print(agreement, skipped);
    }
    return 0;
  }

  private void sheet() throws IOException {
    if (samples < 1) {
      throw new ConfigException("--samples " + samples + ": expected 1 or more");
    }
    if (Files.exists(task.sheet)) {
      throw new ConfigException("--sheet " + task.sheet + ": is there already and may hold scores; choose another name");
    }
    int written = AnnotationSheet.write(labels, task.sheet, samples, seed);
    PrintWriter out = spec.commandLine().getOut();
    out.println(task.sheet + ": " + written + " responses; put 1 (relevant) or 0 in place of each null, then tppo agreement --human "
        + task.sheet + " --labels " + labels);
    out.flush();
  }

  private static void exists(String option, Path file, String hint) {
    if (!Files.isRegularFile(file)) {
      throw new ConfigException(option + " " + file + ": no such file; " + hint);
    }
  }

  private void print(Agreement agreement, String skipped) {
    PrintWriter out = spec.commandLine().getOut();
    out.println("responses: " + agreement.responses().compared() + " compared; " + skipped);
    out.println("words:     " + figures(agreement.words()) + "; " + agreement.wordsUnscored() + " not scored by one or both, "
        + agreement.wordsUnmatched() + " not matched");
    out.println("sentences: " + figures(agreement.sentences()) + "; " + agreement.sentencesUnscored() + " not scored by one or both");
    List<Agreement.Disagreement> all = agreement.disagreements();
    out.println("disagreements: " + all.size() + (all.size() > show ? ", the first " + show + " of them:" : ""));
    for (Agreement.Disagreement each : all.subList(0, Math.min(Math.max(0, show), all.size()))) {
      out.println("  line " + each.line() + ", user " + each.user() + ", sample " + each.stream() + ": "
          + (each.word() == null ? "the whole" : "\"" + each.word() + "\" in \"" + each.query() + "\"")
          + ": human " + each.human() + ", judge " + each.judge());
    }
    if (disagreements != null) {
      out.println("all disagreements: " + disagreements);
    }
    out.flush();
  }

  private static String figures(AgreementLevel level) {
    if (level.compared() == 0) {
      return "none compared";
    }
    return String.format(Locale.ROOT, "%d compared, agreement %.2f %% %s, kappa %s", level.compared(), 100 * level.agreement(),
        interval(level.agreementCi95(), 100), level.kappa() == null ? "not defined (one score throughout)"
            : String.format(Locale.ROOT, "%.3f %s", level.kappa(), interval(level.kappaCi95(), 1)));
  }

  private static String interval(List<Double> ends, double scale) {
    return String.format(Locale.ROOT, scale == 1 ? "[%.3f, %.3f]" : "[%.2f, %.2f]", scale * ends.get(0), scale * ends.get(1));
  }
}
