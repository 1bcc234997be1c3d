// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.judge;

import com.code_intelligence.jazzer.junit.FuzzTest;
import io.github.tppo.HostileInput;
import io.github.tppo.text.TokenSpans;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.MethodSource;

/** Labels from another program. */
class LabelFuzzTest {
  static Stream<byte[]> labels() {
    return Stream.of("{\"user\":\"u\",\"prompt_ids\":[1,2],\"response_ids\":[3,4],\"text\":\"a b\",\"words\":[{\"word\":\"a\",\"start\":0,"
        + "\"end\":1,\"score\":1},{\"word\":\"b\",\"start\":2,\"end\":3,\"score\":-1}],\"sentence\":1,\"classes\":[2,0],\"stream\":0}",
        "null", "{\"user\":\"u\",\"prompt_ids\":[],\"response_ids\":[3],\"text\":\"a\",\"words\":[null],\"sentence\":7,\"classes\":[9]}")
        .map(t -> t.getBytes(StandardCharsets.UTF_8));
  }

  @MethodSource("labels")
  @FuzzTest
  void labelledResponses(byte[] line) throws IOException {
    HostileInput.checkFile(line, "token.jsonl", file -> {
      for (LabelledResponse label : LabelledResponse.read(file)) {
        int[] starts = IntStream.range(0, label.text().length()).toArray();
        int[] ends = IntStream.of(starts).map(s -> s + 1).toArray();
        TokenSpans spans = new TokenSpans(label.text(), starts, ends);
        TokenClasses.map(TokenClasses.of(spans, label.words()), spans, spans);
      }
    }, IOException.class);
  }
}
