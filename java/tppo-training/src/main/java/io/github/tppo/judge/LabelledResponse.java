// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.judge;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;

/**
 * A response with its labels: one line of {@code labels/token.jsonl} or {@code labels/sentence.jsonl}.
 *
 * @param user        the user's id
 * @param promptIds   the prompt as ids
 * @param responseIds the response as the ids that were sampled
 * @param text        the text of exactly these ids, special tokens left out
 * @param words       the words of {@code text} and their scores; empty with the sentence template
 * @param sentence    1 when the whole is relevant, else 0
 * @param classes     the class of every response id, in {0, 1, 2}; all 0 with the sentence template
 * @param stream      the number of this sample among those of the same user
 */
@JsonIgnoreProperties(ignoreUnknown = true)
public record LabelledResponse(
  @JsonProperty("user") String user,
  @JsonProperty("prompt_ids") int[] promptIds,
  @JsonProperty("response_ids") int[] responseIds,
  @JsonProperty("text") String text,
  @JsonProperty("words") List<WordScore> words,
  @JsonProperty("sentence") int sentence,
  @JsonProperty("classes") int[] classes,
  @JsonProperty("stream") long stream) {

  private static final ObjectMapper JSON = new ObjectMapper();

  /** Checks that nothing is missing and that there is one class per response id. */
  public LabelledResponse {
    if (user == null || text == null || promptIds == null || responseIds == null || classes == null) {
      throw new IllegalArgumentException("a labelled response needs user, prompt_ids, response_ids, text and classes");
    }
    words = words == null ? List.of() : words;
    if (words.stream().anyMatch(Objects::isNull)) {
      throw new IllegalArgumentException("user " + user + ": one of the words is null");
    }
    words = List.copyOf(words);
    if (sentence < 0 || sentence > 1 || IntStream.of(classes).anyMatch(c -> c < 0 || c > 2)) {
      throw new IllegalArgumentException("user " + user + ": sentence must be 0 or 1 and classes 0, 1 or 2");
    }
    if (classes.length != responseIds.length) {
      throw new IllegalArgumentException("user " + user + ": " + classes.length + " classes for "
        + responseIds.length + " response ids");
    }
  }

  /** Reads all lines of a labels file; a bad line is named. */
  public static List<LabelledResponse> read(Path file) throws IOException {
    List<LabelledResponse> all = new ArrayList<>();
    try (BufferedReader lines = Files.newBufferedReader(file, StandardCharsets.UTF_8)) {
      int number = 0;
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        number++;
        all.add(parse(line, file + ":" + number));
      }
    }
    return all;
  }

  static LabelledResponse parse(String line, String where) throws IOException {
    try {
      LabelledResponse response = JSON.readValue(line, LabelledResponse.class);
      if (response == null) {
        throw new IOException(where + ": not a labelled response: found null");
      }
      return response;
    } catch (JsonProcessingException e) {
      throw new IOException(where + ": not a labelled response: " + e.getOriginalMessage(), e);
    }
  }
}
