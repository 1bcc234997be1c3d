// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.data;

import io.github.tppo.run.AtomicFiles;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/** Writes each user's examples to the file of its split, up to the split's limit. */
final class SplitWriter {
  /** What hands over the users, one by one. */
  interface Users {
    void writeTo(SplitWriter out) throws IOException;
  }

  private final Map<Split, OutputStream> files = new EnumMap<>(Split.class);
  private final DataConfig config;
  private final PrepareCounts counts;

  private SplitWriter(DataConfig config, PrepareCounts counts) {
    this.config = config;
    this.counts = counts;
  }

  /** Writes the three files; none appears unless {@code users} ends well. */
  static void write(DataConfig config, Path folder, PrepareCounts counts, Users users) throws IOException {
    SplitWriter writer = new SplitWriter(config, counts);
    AtomicFiles.write(folder.resolve(Split.TRAIN.fileName()), train ->
        AtomicFiles.write(folder.resolve(Split.VALID.fileName()), valid ->
            AtomicFiles.write(folder.resolve(Split.EVAL.fileName()), eval -> {
              writer.files.putAll(Map.of(Split.TRAIN, train, Split.VALID, valid, Split.EVAL, eval));
              users.writeTo(writer);
            })));
  }

  void user(UserBatch.Made made) throws IOException {
    LogForm.UserResult user = made.user();
    Split split = made.split();
    counts.user(user.dropped(), made.inEvalFiles());
    if (user.examples().isEmpty()) {
      return;
    }
    int limit = switch (split) {
      case TRAIN -> config.maxTrain();
      case VALID -> config.maxValid();
      case EVAL -> config.maxEval();
    };
    List<Example> all = user.examples();
    long room = limit == 0 ? Long.MAX_VALUE : limit - counts.examples(split);
    List<Example> written = all.subList(0, (int) Math.min(all.size(), Math.max(0, room)));
    OutputStream file = files.get(split);
    for (byte[] line : made.lines().subList(0, written.size())) {
      file.write(line);
      file.write('\n');
    }
    counts.written(split, written, all.size() - written.size());
  }
}
