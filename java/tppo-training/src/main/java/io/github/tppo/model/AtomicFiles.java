// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;

/** Files that appear whole or not at all: written aside, synced, renamed. */
final class AtomicFiles {

    private AtomicFiles() {
    }

    /** Writes {@code content} as {@code file}. */
    static void write(Path file, byte[] content) throws IOException {
        Path folder = file.toAbsolutePath().getParent();
        Files.createDirectories(folder);
        Path aside = Files.createTempFile(folder, "." + file.getFileName(), ".tmp");
        try {
            Files.write(aside, content);
            try (FileChannel channel = FileChannel.open(aside, StandardOpenOption.WRITE)) {
                channel.force(true);
            }
            publish(aside, file);
        } finally {
            Files.deleteIfExists(aside);
        }
    }

    /** Renames a complete, synced file over {@code file}. */
    static void publish(Path aside, Path file) throws IOException {
        if (Files.getFileStore(aside).supportsFileAttributeView("posix")) {
            // temporary files are private to their owner; a checkpoint is a file like any other
            Files.setPosixFilePermissions(aside, PosixFilePermissions.fromString("rw-r--r--"));
        }
        Files.move(aside, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }
}
