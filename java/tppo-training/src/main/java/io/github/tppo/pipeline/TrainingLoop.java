// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.pipeline;

import io.github.tppo.run.AtomicFiles;
import io.github.tppo.run.MetricsWriter;
import io.github.tppo.run.ProgressListener;
import io.github.tppo.run.RunContext;
import io.github.tppo.run.TppoConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/** Steps, metrics and checkpoints of a stage that trains a model. */
final class TrainingLoop {
  private static final long CHECKPOINT_NANOS = 60_000_000_000L;
  private static final String STEP_FILE = "step";

  private TrainingLoop() {}

  /**
   * Trains to the end, from the stage's checkpoint if there is one; the checkpoint is deleted by the caller once the
   * trained model is saved.
   *
   * @param stageDir where metrics and checkpoint go
   * @return the metrics of the last step taken now; empty if none was left to take
   */
  static Map<String, Double> run(RunContext<TppoConfig> context, Path stageDir, String task, Trainable trainable)
      throws IOException {
    Path checkpoint = checkpoint(stageDir);
    AtomicFiles.restoreFolder(checkpoint);
    long done = 0;
    if (Files.isDirectory(checkpoint)) {
      done = Long.parseLong(Files.readString(checkpoint.resolve(STEP_FILE)).strip());
      trainable.load(checkpoint);
    }
    ProgressListener progress = context.progress(task);
    progress.update(done, trainable.totalSteps(), "");
    Map<String, Double> metrics = Map.of();
    try (MetricsWriter writer = MetricsWriter.open(stageDir, done)) {
      long saved = System.nanoTime();
      while (done < trainable.totalSteps()) {
        if (context.stopRequested() || System.nanoTime() - saved > CHECKPOINT_NANOS) {
          writer.sync();
          save(checkpoint, trainable, done);
          saved = System.nanoTime();
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

  /** The folder of the stage's checkpoint. */
  static Path checkpoint(Path stageDir) {
    return stageDir.resolve("checkpoint");
  }

  private static void save(Path checkpoint, Trainable trainable, long done) throws IOException {
    AtomicFiles.writeFolder(checkpoint, folder -> {
      trainable.save(folder);
      Files.writeString(folder.resolve(STEP_FILE), Long.toString(done));
    });
  }
}
