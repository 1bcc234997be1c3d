// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.run;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.function.BooleanSupplier;

/**
 * Runs stages in order and remembers in {@link RunState} which are finished, so that a run goes on where it stopped.
 *
 * <p>A stage is <em>finished</em> when it ended, the keys it depends on are as they were, and no stage that it reads
 * has been run again since. An unfinished stage goes on from its own checkpoint. When the inputs of a stage changed,
 * or a finished stage's keys did, its outputs are deleted and it starts anew.
 *
 * @param <C> the root record of the configuration
 */
public final class StageRunner<C extends Record> {
  private final List<Stage<C>> stages;
  private final C config;
  private final RunFolder folder;
  private final Backend backend;
  private final Reporter reporter;
  private final BooleanSupplier stop;
  private boolean dumpRollouts;

  /**
   * A runner for a folder.
   *
   * @param stages in the order of the pipeline; each needs only earlier ones
   * @param stop whether the user asked to stop
   */
  public StageRunner(List<Stage<C>> stages, C config, RunFolder folder, Backend backend, Reporter reporter, BooleanSupplier stop) {
    this.stages = Check.list("stages", stages);
    this.config = config;
    this.folder = folder;
    this.backend = backend;
    this.reporter = reporter;
    this.stop = stop;
    for (int i = 0; i < stages.size(); i++) {
      List<String> earlier = stages.subList(0, i).stream().map(Stage::name).toList();
      if (earlier.contains(stages.get(i).name())) {
        throw new IllegalArgumentException("two stages are called " + stages.get(i).name());
      }
      if (!earlier.containsAll(stages.get(i).needs())) {
        throw new IllegalArgumentException(stages.get(i).name() + " needs " + stages.get(i).needs() + ", which must come before it");
      }
    }
  }

  /** Lets stages that train by PPO write the rollouts of every round beside their metrics, or not (the default). */
  public StageRunner<C> dumpRollouts(boolean wanted) {
    dumpRollouts = wanted;
    return this;
  }

  /**
   * Runs every stage that is not finished.
   *
   * @throws StoppedException when the user asked to stop
   */
  public void runAll() throws Exception {
    for (Stage<C> stage : stages) {
      if (!finished(stage)) {
        stage.check(stage.config(config));
      }
    }
    for (Stage<C> stage : stages) {
      if (finished(stage)) {
        reporter.message(stage.name() + ": finished earlier");
      } else {
        execute(stage);
      }
    }
  }

  /**
   * Runs the stages of one command, again when they were finished.
   *
   * @throws ConfigException when a stage that they need is not finished; names the commands to run
   */
  public void runCommand(String command) throws Exception {
    Objects.requireNonNull(command, "command");
    List<Stage<C>> chosen = stages.stream().filter(s -> s.command().equals(command)).toList();
    if (chosen.isEmpty()) {
      throw new ConfigException(command + ": no such stage; stages are "
          + String.join(", ", stages.stream().map(Stage::command).distinct().toList()));
    }
    List<String> missing = stages.stream().filter(s -> !chosen.contains(s) && !finished(s)
        && chosen.stream().anyMatch(c -> c.needs().contains(s.name()))).map(Stage::command).distinct().toList();
    if (!missing.isEmpty()) {
      throw new ConfigException(command + " needs the files of " + String.join(" and ", missing) + " in " + folder.root()
          + "; run tppo " + String.join(" and tppo ", missing) + " first with the same configuration and --out, or tppo run for all stages");
    }
    boolean again = chosen.stream().allMatch(this::finished); // else go on with what a stop or a failure left
    for (Stage<C> stage : chosen) {
      if (again || !finished(stage)) {
        execute(stage);
      }
    }
  }

  private boolean finished(Stage<C> stage) {
    RunState.Entry entry = folder.state().entry(stage.name());
    return entry != null && entry.finished() && entry.config().equals(configHash(stage)) && entry.inputs().equals(inputsHash(stage));
  }

  private void execute(Stage<C> stage) throws Exception {
    if (stop.getAsBoolean()) {
      throw new StoppedException(stage.name());
    }
    RunState state = folder.state();
    RunState.Entry before = state.entry(stage.name());
    boolean goOn = before != null && !before.finished() && before.inputs().equals(inputsHash(stage))
        && before.config().equals(configHash(stage));
    if (!goOn) {
      forget(stage);
      clear(stage);
    }
    double earlier = goOn ? before.seconds() : 0;
    Map<String, Double> figures = goOn ? before.figures() : Map.of();
    reporter.message(stage.name() + (goOn ? ": going on" : ": begins"));
    state.put(stage.name(), new RunState.Entry(configHash(stage), inputsHash(stage), false, earlier, figures));
    long start = System.nanoTime();
    try {
      stage.run(new RunContext<>(stage.config(config), folder, backend, reporter, stop, stage.name(), dumpRollouts));
      for (String output : stage.outputs()) { // before the state says that it is there
        if (Files.exists(folder.path(output))) {
          AtomicFiles.sync(folder.path(output));
        }
      }
    } catch (Exception | Error e) {
      reporter.close();
      try {
        record(stage, false, earlier, start);
      } catch (RuntimeException unwritten) {
        e.addSuppressed(unwritten);
      }
      throw e;
    }
    reporter.close();
    double seconds = record(stage, true, earlier, start);
    reporter.message(String.format(Locale.ROOT, "%s: done in %.1f s", stage.name(), seconds));
  }

  /** Keeps what came of a stage, and the time that all its attempts took. */
  private double record(Stage<C> stage, boolean finished, double earlier, long start) {
    double seconds = earlier + (System.nanoTime() - start) * 1e-9;
    RunState.Entry now = folder.state().entry(stage.name());
    folder.state().put(stage.name(), new RunState.Entry(now.config(), now.inputs(), finished, seconds, now.figures()));
    return seconds;
  }

  /**
   * Has a stage begin anew, and those that read its files, even if every setting is as before: a log may have changed. That is on the
   * disk before the first of its files is deleted: after a kill in between nobody takes what is left of them for whole.
   */
  private void forget(Stage<C> stage) {
    for (Stage<C> each : stages) {
      RunState.Entry entry = folder.state().entry(each.name());
      if (entry != null && (each == stage || each.needs().contains(stage.name()))) {
        folder.state().put(each.name(), new RunState.Entry(entry.config(), "", false, 0, Map.of()));
      }
    }
  }

  private void clear(Stage<C> stage) throws IOException {
    for (String output : stage.outputs()) {
      AtomicFiles.delete(folder.path(output));
    }
  }

  private String configHash(Stage<C> stage) {
    ObjectNode keys = JsonNodeFactory.instance.objectNode();
    JsonNode tree = ConfigWriter.tree(stage.config(config));
    for (String key : stage.configKeys()) {
      JsonNode value = tree.at("/" + key.replace('.', '/'));
      if (value.isMissingNode()) {
        throw new IllegalArgumentException(stage.name() + " depends on " + key + ", which is no key of the configuration");
      }
      keys.set(key, value);
    }
    return sha256(keys.toString());
  }

  /** Hash over what the stages before were run with: it changes when one of them was run with something else. */
  private String inputsHash(Stage<C> stage) {
    StringBuilder text = new StringBuilder();
    for (String need : stage.needs()) {
      RunState.Entry entry = folder.state().entry(need);
      text.append(need).append(entry == null ? "" : entry.config() + entry.inputs()).append('\n');
    }
    return sha256(text.toString());
  }

  private static String sha256(String text) {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      return HexFormat.of().formatHex(digest.digest(text.getBytes(StandardCharsets.UTF_8)));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-256", e);
    }
  }
}
