// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.data;

import java.io.BufferedWriter;
import java.io.Closeable;
import java.io.IOException;
import java.io.OutputStreamWriter;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;

/** A UTF-8 file that appears under its name only when it is complete and on disk. */
final class AtomicOutput implements Closeable {
    private final Path file;
    private final Path partial;
    private final FileChannel channel;
    private final BufferedWriter writer;
    private boolean open = true;

    AtomicOutput(Path file) throws IOException {
        this.file = file;
        this.partial = file.resolveSibling(file.getFileName() + ".tmp");
        this.channel = FileChannel.open(partial, StandardOpenOption.CREATE, StandardOpenOption.WRITE,
                StandardOpenOption.TRUNCATE_EXISTING);
        this.writer = new BufferedWriter(new OutputStreamWriter(Channels.newOutputStream(channel), StandardCharsets.UTF_8),
                1 << 16);
    }

    /** What fills a file. */
    interface Body {
        void writeTo(BufferedWriter out) throws IOException;
    }

    static void write(Path file, Body body) throws IOException {
        try (AtomicOutput out = new AtomicOutput(file)) {
            body.writeTo(out.writer());
            out.commit();
        }
    }

    BufferedWriter writer() {
        return writer;
    }

    /** Forces the content to disk and gives the file its name. */
    void commit() throws IOException {
        writer.flush();
        channel.force(true);
        writer.close();
        open = false;
        Files.move(partial, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }

    /** Without {@link #commit()} before it, throws the content away. */
    @Override
    public void close() throws IOException {
        if (open) {
            open = false;
            channel.close();
            Files.deleteIfExists(partial);
        }
    }
}
