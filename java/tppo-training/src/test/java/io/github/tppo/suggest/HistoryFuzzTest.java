// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.suggest;

import com.code_intelligence.jazzer.junit.FuzzTest;
import io.github.tppo.HostileInput;
import io.github.tppo.data.History;
import io.github.tppo.text.PromptFormat;
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.MethodSource;

/** Histories from anywhere, up to the prompt. */
class HistoryFuzzTest {
  static Stream<byte[]> histories() {
    return Stream.of("{\"search\":[\"a\",\"b\"]}\n{\"history\":{\"click\":[\"http://a.com\"],\"visit\":null}}", "{\"search\":[1e999999999]}", "[[[[")
        .map(t -> t.getBytes(StandardCharsets.UTF_8));
  }

  @MethodSource("histories")
  @FuzzTest
  void histories(byte[] json) {
    PromptFormat format = new PromptFormat(true, 9, 9, 9);
    HostileInput.check(json, () -> {
      try (HistoryReader values = HistoryReader.values(new ByteArrayInputStream(json), "stdin")) {
        for (History history = values.next(); history != null; history = values.next()) {
          format.prompt(history);
        }
      }
    }, InputException.class);
    HostileInput.check(json, () -> {
      try (HistoryReader lines = HistoryReader.lines(new ByteArrayInputStream(json), "stdin")) {
        for (boolean more = true; more;) {
          try {
            more = lines.next() != null;
          } catch (InputException e) {
            continue; // the next line may be right
          }
        }
      }
    });
  }
}
