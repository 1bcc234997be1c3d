// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.api;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.tppo.data.DataException;
import io.github.tppo.judge.JudgeException;
import io.github.tppo.model.Decoder;
import io.github.tppo.model.Workers;
import io.github.tppo.run.ConfigException;
import io.github.tppo.run.RunException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Whatever a program gives the public methods of training, it gets a result or an exception that says what is wrong. */
class TrainingApiTest {

  @AfterAll
  static void settingsAsBefore() {
    Workers.setThreads(0);
  }

  @Test
  void noCallIsAnsweredWithACrashAHangOrARiddle(@TempDir Path folder) throws Exception {
    TrainingSamples types = new TrainingSamples(folder);
    Samples samples = types.create();
    TrainingCalls.register(samples, types);
    ProgramCalls.register(samples, types);
    try (HostileCalls calls = new HostileCalls(samples, 1,
        List.of(ConfigException.class, DataException.class, RunException.class, JudgeException.class))) {
      assertEquals("", String.join("\n", calls.faults(HostileCalls.classes(Decoder.class))));
      assertTrue(calls.calls() > 5_000, () -> calls.calls() + " calls only");
    }
  }
}
