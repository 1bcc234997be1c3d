// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.data;

import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/** Writes each user's examples to the file of its split, up to the split's limit; all three files are committed together. */
final class SplitWriter implements Closeable {
    private final Map<Split, AtomicOutput> files = new EnumMap<>(Split.class);
    private final DataConfig config;
    private final PrepareCounts counts;

    SplitWriter(DataConfig config, Path folder, PrepareCounts counts) throws IOException {
        this.config = config;
        this.counts = counts;
        for (Split s : Split.values()) {
            files.put(s, new AtomicOutput(folder.resolve(s.fileName())));
        }
    }

    void write(LogForm.UserResult user) throws IOException {
        if (user.examples().isEmpty()) {
            return;
        }
        Split split = counts.splitOf(user.user());
        int limit = switch (split) {
            case TRAIN -> config.maxTrain();
            case VALID -> config.maxValid();
            case EVAL -> config.maxEval();
        };
        List<Example> all = user.examples();
        long room = limit == 0 ? Long.MAX_VALUE : limit - counts.examples(split);
        List<Example> written = all.subList(0, (int) Math.min(all.size(), Math.max(0, room)));
        for (Example e : written) {
            Examples.writeLine(files.get(split).writer(), e);
        }
        counts.written(split, written, all.size() - written.size());
    }

    /** Gives all files their names. */
    void commit() throws IOException {
        for (AtomicOutput out : files.values()) {
            out.commit();
        }
    }

    @Override
    public void close() throws IOException {
        for (AtomicOutput out : files.values()) {
            out.close();
        }
    }
}
