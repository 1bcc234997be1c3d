// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.cli;

import io.github.tppo.kernels.Device;
import io.github.tppo.kernels.KernelInfo;
import io.github.tppo.kernels.Kernels;
import io.github.tppo.run.Backend;
import io.github.tppo.run.ConfigException;
import io.github.tppo.verify.KernelVectors;
import io.github.tppo.verify.ModelVectors;
import io.github.tppo.verify.TokenizerVectors;
import io.github.tppo.verify.VerifyReport;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code tppo verify}: comparisons with reference values. */
@Command(name = "verify", mixinStandardHelpOptions = true, versionProvider = Version.class, usageHelpAutoWidth = true,
    description = "Compares kernels, a model or a tokenizer with reference values. Exit status 1 when something differs.",
    subcommands = {VerifyCommand.KernelsCommand.class, VerifyCommand.ModelCommand.class, VerifyCommand.TokenizerCommand.class})
final class VerifyCommand implements Runnable {
  @Spec
  private CommandSpec spec;

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "verify what? kernels, model or tokenizer");
  }

  /** What the three have in common. */
  abstract static class Verification implements Callable<Integer> {
    @Option(names = "--json", description = "Print one JSON object.")
    private boolean json;

    @Spec
    private CommandSpec spec;

    abstract VerifyReport verify() throws Exception;

    @Override
    public final Integer call() throws Exception {
      VerifyReport report = verify();
      PrintWriter out = spec.commandLine().getOut();
      if (json) {
        Json.print(out, report);
      } else {
        print(report, out);
      }
      return report.ok() ? 0 : Tppo.FAILED;
    }

    private static void print(VerifyReport report, PrintWriter out) {
      for (VerifyReport.FileReport file : report.files()) {
        out.println(file.file());
        for (VerifyReport.Quantity q : file.quantities()) {
          String line = String.format(Locale.ROOT, "  %-4s %-28s n %-8d max abs %.3g  max rel %.3g", q.ok() ? "ok" : "BAD",
              q.name(), q.n(), q.maxAbs(), q.maxRel());
          out.println(q.reason() == null ? line : line + "  " + q.reason());
        }
      }
      out.println((report.ok() ? "ok" : "not ok") + " on " + report.backend()
          + (report.cpuIsa() == null ? "" : " (" + report.cpuIsa() + ")"));
      out.flush();
    }
  }

  @Command(name = "kernels", mixinStandardHelpOptions = true, versionProvider = Version.class, usageHelpAutoWidth = true,
      description = "Runs every kernel on reference vectors (safetensors files of inputs and expected outputs).")
  static final class KernelsCommand extends Verification {
    @Option(names = "--vectors", paramLabel = "DIR", required = true, description = "The folder of the reference vectors.")
    private Path vectors;

    @Option(names = "--backend", paramLabel = "auto|cpu|cuda", defaultValue = "auto", description = "Where to compute.")
    private Backend backend;

    @Option(names = "--cpu-isa", paramLabel = "NAME", description = {"Instruction set of the CPU kernels: auto for the best one,"
        + " x86-64-v4-bf16, x86-64-v4, x86-64-v3, neon or portable. Without it, that of the system property tppo.cpu_isa, which does the same for"
        + " every command (TPPO_JAVA_OPTS=-Dtppo.cpu_isa=NAME), or the best one."})
    private String cpuIsa;

    @Override
    VerifyReport verify() throws Exception {
      boolean cuda = backend.forKernels() == Backend.CUDA;
      if (cpuIsa != null) {
        if (cuda) {
          throw new ConfigException("--cpu-isa " + cpuIsa + ": the kernels run on CUDA; add --backend cpu");
        }
        chooseCpuIsa();
      }
      return KernelVectors.verify(vectors, cuda ? Device.cuda(0) : Device.CPU);
    }

    private void chooseCpuIsa() {
      try {
        Kernels.setCpuIsa(cpuIsa);
      } catch (IllegalArgumentException | UnsupportedOperationException e) {
        throw new ConfigException("--cpu-isa " + cpuIsa + ": expected auto or what this machine and build offer: "
            + String.join(", ", KernelInfo.query().cpuIsas()));
      }
    }
  }

  @Command(name = "model", mixinStandardHelpOptions = true, versionProvider = Version.class, usageHelpAutoWidth = true,
      description = "Compares a checkpoint's logits, generated ids and log-probabilities with expected ones.")
  static final class ModelCommand extends Verification {
    @Option(names = "--model", paramLabel = "DIR", required = true, description = "A checkpoint in Hugging Face form.")
    private Path model;

    @Option(names = "--expected", paramLabel = "FILE", required = true, description = "expected.safetensors.")
    private Path expected;

    @Option(names = "--backend", paramLabel = "auto|cpu|cuda", defaultValue = "auto", description = "Where to compute.")
    private Backend backend;

    @Override
    VerifyReport verify() throws Exception {
      if (backend == Backend.CUDA) {
        throw new ConfigException("--backend cuda: models run on the CPU in this version; give --backend cpu or auto");
      }
      return ModelVectors.verify(model, expected);
    }
  }

  @Command(name = "tokenizer", mixinStandardHelpOptions = true, versionProvider = Version.class, usageHelpAutoWidth = true,
      description = "Compares a tokenizer's ids, offsets and texts with expected ones.")
  static final class TokenizerCommand extends Verification {
    @Option(names = "--tokenizer", paramLabel = "FILE", required = true, description = "tokenizer.json.")
    private Path tokenizer;

    @Option(names = "--expected", paramLabel = "FILE", required = true, description = "tokens.jsonl.")
    private Path expected;

    @Override
    VerifyReport verify() throws Exception {
      return TokenizerVectors.verify(tokenizer, expected);
    }
  }
}
