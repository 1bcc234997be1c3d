// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.eval;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.tppo.run.AtomicFiles;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Files of one JSON object a line. */
final class JsonLines {
  private static final ObjectMapper JSON = new ObjectMapper();

  private JsonLines() {}

  static void write(Path file, List<?> all) throws IOException {
    AtomicFiles.write(file, out -> {
      for (Object each : all) {
        out.write(JSON.writeValueAsBytes(each));
        out.write('\n');
      }
    });
  }

  /**
   * Reads all lines.
   *
   * @param what what a line holds, for messages
   * @throws IOException names the file and the line that does not hold it
   */
  static <T> List<T> read(Path file, Class<T> type, String what) throws IOException {
    List<T> all = new ArrayList<>();
    try (BufferedReader in = Files.newBufferedReader(file, StandardCharsets.UTF_8)) {
      for (String line = in.readLine(); line != null; line = in.readLine()) {
        String where = file + ":" + (all.size() + 1) + ": not " + what + ": ";
        try {
          T value = JSON.readValue(line, type);
          if (value == null) {
            throw new IOException(where + "found null");
          }
          all.add(value);
        } catch (JsonProcessingException e) {
          throw new IOException(where + e.getOriginalMessage(), e);
        }
      }
    }
    return all;
  }
}
