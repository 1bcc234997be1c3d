// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.pipeline;

import io.github.tppo.run.Check;
import io.github.tppo.run.Checkpoints;
import io.github.tppo.run.ConfigException;
import io.github.tppo.run.MetricsWriter;
import io.github.tppo.run.ProgressListener;
import io.github.tppo.run.RunContext;
import io.github.tppo.run.TppoConfig;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;

/** Steps, metrics and checkpoints of a stage that trains a model. */
final class TrainingLoop {
  /** The system property with the seconds between two checkpoints. */
  private static final String SECONDS = "tppo.checkpoint_seconds";
  /** The newest, and the one before in case the newest is damaged. */
  private static final int KEPT_CHECKPOINTS = 2;

  private TrainingLoop() {}

  /**
   * Trains to the end, from the stage's newest whole checkpoint if there is one; the caller clears them once the trained
   * model is saved.
   *
   * @param stageDir where metrics and checkpoints go
   * @return the metrics of the last step taken now; empty if none was left to take
   */
  static Map<String, Double> run(RunContext<TppoConfig> context, Path stageDir, String task, Trainable trainable)
      throws IOException {
    Checkpoints checkpoints = new Checkpoints(stageDir, KEPT_CHECKPOINTS);
    Optional<Checkpoints.Checkpoint> last = checkpoints.latest(context::message);
    long done = 0;
    if (last.isPresent()) {
      done = last.get().step();
      trainable.load(last.get().folder());
    }
    ProgressListener progress = context.progress(task);
    progress.update(done, trainable.totalSteps(), "");
    Map<String, Double> metrics = Map.of();
    try (MetricsWriter writer = MetricsWriter.open(stageDir, done)) {
      long nanos = nanos(System.getProperty(SECONDS, "60"));
      long saved = System.nanoTime();
      long savedStep = done;
      while (done < trainable.totalSteps()) {
        boolean stop = context.stopRequested();
        if (done > savedStep && (stop || System.nanoTime() - saved > nanos)) {
          writer.sync();
          checkpoints.save(done, trainable::save);
          saved = System.nanoTime();
          savedStep = done;
        }
        if (stop) {
          context.checkStop();
        }
        metrics = trainable.step(done);
        done++;
        writer.write(done, metrics);
        progress.update(done, trainable.totalSteps(), trainable.note(metrics));
        if (trainable.finished(metrics)) {
          break;
        }
      }
    }
    return metrics;
  }

  /** No key of the configuration: what comes of a run does not depend on it. */
  static long nanos(String seconds) {
    try {
      double value = Double.parseDouble(seconds);
      Check.notNegative(SECONDS, value);
      return (long) (value * 1e9);
    } catch (IllegalArgumentException e) {
      throw new ConfigException("-D" + SECONDS + "=" + seconds + ": expected seconds between two checkpoints, 0 for one after every step", e);
    }
  }

  /** Deletes the checkpoints of a stage whose model is saved. */
  static void clear(Path stageDir) throws IOException {
    new Checkpoints(stageDir, KEPT_CHECKPOINTS).clear();
  }
}
