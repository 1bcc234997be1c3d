// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.cli;

import io.github.tppo.run.ConfigException;
import io.github.tppo.run.RunException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;

/** What a failure says to a user: no stack trace, and never a bare path or class name. */
final class Failures {
  private Failures() {}

  static String message(Throwable failure) {
    Throwable e = failure instanceof UncheckedIOException ? failure.getCause() : failure;
    if (e instanceof NoSuchFileException f) {
      return f.getFile() + ": no such file";
    }
    if (e instanceof AccessDeniedException f) {
      return f.getFile() + ": permission denied";
    }
    if (e instanceof NotDirectoryException || e instanceof FileAlreadyExistsException) {
      return ((FileSystemException) e).getFile() + ": a file is there, expected a folder";
    }
    if (e instanceof OutOfMemoryError) {
      return "out of memory (" + e.getMessage() + "); give Java more with JAVA_TOOL_OPTIONS=-Xmx4g, or use smaller batches";
    }
    if (e instanceof LinkageError) {
      Throwable deepest = e;
      while (deepest.getCause() != null && deepest.getCause() != deepest) {
        deepest = deepest.getCause();
      }
      return "a native library cannot be used: " + deepest.getMessage() + "; tppo doctor says what is missing";
    }
    return unexpected(e) || e.getMessage() == null ? e.toString() : e.getMessage();
  }

  /** Whether the failure is of a kind that no input should lead to. Weights that are not finite lead to an ArithmeticException. */
  static boolean unexpected(Throwable failure) {
    return !(failure instanceof ConfigException || failure instanceof RunException || failure instanceof IOException
        || failure instanceof UncheckedIOException || failure instanceof IllegalArgumentException
        || failure instanceof UnsupportedOperationException || failure instanceof ArithmeticException || failure instanceof Error);
  }
}
