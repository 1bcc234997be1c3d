// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.text;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The decoder of a {@code tokenizer.json}, run so that every character of the text knows which tokens it came from. Each
 * stage does to the pieces what the stage of the same name does in Hugging Face's library.
 */
final class TracedDecoder {

  /** One step of a decoder: pieces in, pieces out. */
  interface Stage {
    List<TracedText> apply(List<TracedText> pieces);
  }

  /** Stands for a stage that cannot be traced. */
  record Unknown(JsonNode node) implements Stage {
    @Override
    public List<TracedText> apply(List<TracedText> pieces) {
      throw new UnsupportedOperationException("tokenizer.json has the decoder " + node + ", through which token"
        + " positions cannot be traced; known are " + DecoderStages.KNOWN);
    }
  }

  private final List<Stage> stages;

  private TracedDecoder(List<Stage> stages) {
    this.stages = stages;
  }

  /** Reads the {@code decoder} of a {@code tokenizer.json}; kinds that cannot be traced fail only when used. */
  static TracedDecoder of(JsonNode node) {
    List<Stage> stages = new ArrayList<>();
    if (node.path("type").asText().equals("Sequence")) {
      node.path("decoders").forEach(child -> stages.add(DecoderStages.of(child)));
    } else {
      stages.add(DecoderStages.of(node));
    }
    return new TracedDecoder(stages);
  }

  /** Whether every stage can be traced. */
  boolean isKnown() {
    return stages.stream().noneMatch(Unknown.class::isInstance);
  }

  /** Decodes tokens in the vocabulary's form; null entries have no text. */
  TokenSpans decode(String[] tokens) {
    List<TracedText> pieces = new ArrayList<>();
    for (int i = 0; i < tokens.length; i++) {
      if (tokens[i] != null) {
        pieces.add(TracedText.of(tokens[i], i));
      }
    }
    for (Stage stage : stages) {
      pieces = stage.apply(pieces);
    }
    return spans(TracedText.concat(pieces), tokens);
  }

  private static TokenSpans spans(TracedText text, String[] tokens) {
    int[] starts = new int[tokens.length];
    int[] ends = new int[tokens.length];
    Arrays.fill(starts, -1);
    for (int at = 0; at < text.length(); at++) {
      for (int t = text.first(at); t <= text.last(at); t++) {
        // A special token can stand between the bytes of a character without being part of it.
        if (tokens[t] != null) {
          starts[t] = starts[t] < 0 ? at : starts[t];
          ends[t] = at + 1;
        }
      }
    }
    int position = 0;
    for (int t = 0; t < tokens.length; t++) {
      if (starts[t] < 0) {
        starts[t] = position;
        ends[t] = position;
      }
      position = Math.max(position, ends[t]);
    }
    return new TokenSpans(text.toString(), starts, ends);
  }
}
