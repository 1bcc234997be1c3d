// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.pipeline;

import com.fasterxml.jackson.annotation.JsonProperty;
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

/**
 * A response of the SFT policy, one line of {@code generate/responses.jsonl}.
 *
 * @param split train or valid
 * @param index number of the example in its split's file, from 0
 * @param stream number of the sample's random stream
 * @param logprobs of the sampled ids, at the temperature of sampling
 */
record SampledResponse(
    @JsonProperty("split") String split,
    @JsonProperty("index") int index,
    @JsonProperty("user") String user,
    @JsonProperty("stream") long stream,
    @JsonProperty("prompt_ids") int[] promptIds,
    @JsonProperty("response_ids") int[] responseIds,
    @JsonProperty("logprobs") float[] logprobs,
    @JsonProperty("text") String text) {

  private static final ObjectMapper JSON = new ObjectMapper();

  SampledResponse {
    if (split == null || user == null || promptIds == null || responseIds == null || logprobs == null || text == null) {
      throw new IllegalArgumentException("it needs split, user, prompt_ids, response_ids, logprobs and text");
    }
  }

  static List<SampledResponse> read(Path file) throws IOException {
    List<SampledResponse> all = new ArrayList<>();
    try (BufferedReader in = Files.newBufferedReader(file, StandardCharsets.UTF_8)) {
      for (String line = in.readLine(); line != null; line = in.readLine()) {
        try {
          SampledResponse response = JSON.readValue(line, SampledResponse.class);
          if (response == null) {
            throw new IOException(file + ":" + (all.size() + 1) + ": not a sampled response: found null");
          }
          all.add(response);
        } catch (JsonProcessingException e) {
          throw new IOException(file + ":" + (all.size() + 1) + ": not a sampled response: " + e.getOriginalMessage(), e);
        }
      }
    }
    return all;
  }

  static void write(Path file, List<SampledResponse> responses) throws IOException {
    AtomicFiles.write(file, out -> {
      for (SampledResponse response : responses) {
        out.write(JSON.writeValueAsBytes(response));
        out.write('\n');
      }
    });
  }
}
