// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.pipeline;

import com.code_intelligence.jazzer.junit.FuzzTest;
import io.github.tppo.HostileInput;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.MethodSource;

/** Responses from another program. */
class SampledResponseFuzzTest {
  static Stream<byte[]> responses() {
    return Stream.of("{\"split\":\"train\",\"index\":0,\"user\":\"u\",\"stream\":1,\"prompt_ids\":[1],\"response_ids\":[2,3],"
        + "\"logprobs\":[-0.5,-1e3],\"text\":\"a\"}", "null", "{}").map(t -> t.getBytes(StandardCharsets.UTF_8));
  }

  @MethodSource("responses")
  @FuzzTest
  void sampledResponses(byte[] lines) throws IOException {
    HostileInput.checkFile(lines, "responses.jsonl", SampledResponse::read, IOException.class);
  }
}
