// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.text;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * Refuses a {@code tokenizer.json} on which the native library would not report an error but end the process, at loading or
 * at some text. Everything else that is wrong with a file is left to the library to say.
 */
final class NativeGuard {

  private static final List<String> STEPS = List.of("normalizer", "pre_tokenizer", "post_processor", "decoder");
  private static final List<String> CHILDREN = List.of("normalizers", "pretokenizers", "processors", "decoders");

  private final String name;

  private NativeGuard(String name) {
    this.name = name;
  }

  static void check(String name, JsonNode root) throws IOException {
    NativeGuard guard = new NativeGuard(name);
    for (String step : STEPS) {
      guard.checkStep(step, root.path(step));
    }
    guard.checkMerges(root.path("model"));
  }

  private void checkStep(String where, JsonNode step) throws IOException {
    if (step.isMissingNode() || step.isNull()) {
      return;
    }
    String type = step.path("type").textValue();
    if (type == null) {
      throw refuse(where, "has no \"type\"");
    }
    switch (type) {
      case "Sequence" -> {
        for (String children : CHILDREN) {
          for (JsonNode child : step.path(children)) {
            checkStep(where, child);
          }
        }
      }
      case "Precompiled" -> {
        String fault = CharsMap.fault(step.path("precompiled_charsmap").textValue());
        if (fault != null) {
          throw refuse(where, "has a precompiled_charsmap that " + fault);
        }
      }
      case "Replace" -> {
        if (where.equals("normalizer")) {
          checkPattern(where, step.path("pattern"));
        }
      }
      case "Prepend" -> {
        if (step.path("prepend").asText().isEmpty()) {
          throw refuse(where, "prepends nothing");
        }
      }
      case "Strip" -> {
        if (where.equals("decoder") && step.path("stop").asLong() != 0) {
          throw refuse(where, "strips the ends of tokens, which the tokenizers library cannot do for short ones;"
            + " expected \"stop\": 0");
        }
      }
      case "FixedLength" -> {
        if (step.path("length").asLong() == 0) {
          throw refuse(where, "cuts text into pieces of length 0");
        }
      }
      case "TemplateProcessing" -> checkTemplate(where, step);
      default -> { }
    }
  }

  /** A match of nothing makes the library write beyond its record of where characters came from. */
  private void checkPattern(String where, JsonNode pattern) throws IOException {
    boolean empty = pattern.path("String").isTextual() ? pattern.get("String").textValue().isEmpty()
      : EmptyMatch.possible(pattern.path("Regex").asText());
    if (empty) {
      throw refuse(where, "replaces " + pattern + ", which could also match no characters at all");
    }
  }

  private void checkTemplate(String where, JsonNode step) throws IOException {
    List<JsonNode> pieces = new ArrayList<>();
    step.path("single").forEach(pieces::add);
    step.path("pair").forEach(pieces::add);
    for (Map.Entry<String, JsonNode> token : step.path("special_tokens").properties()) {
      if (token.getValue().path("ids").size() != token.getValue().path("tokens").size()) {
        throw refuse(where, "has \"" + token.getKey() + "\" with another number of ids than of tokens");
      }
    }
    for (JsonNode piece : pieces) {
      JsonNode id = piece.path("SpecialToken").path("id");
      if (id.isTextual() && !step.path("special_tokens").has(id.textValue())) {
        throw refuse(where, "puts in \"" + id.textValue() + "\", which its special_tokens lack");
      }
    }
  }

  /** The prefix of continuing pieces is cut off unseen from the second half of every merge. */
  private void checkMerges(JsonNode model) throws IOException {
    String prefix = model.path("continuing_subword_prefix").asText("");
    if (model.path("continuing_subword_prefix").isTextual() && !prefix.isEmpty()) {
      for (JsonNode merge : model.path("merges")) {
        String second = merge.isArray() ? merge.path(1).asText() : merge.asText().substring(merge.asText().indexOf(' ') + 1);
        if (!second.startsWith(prefix)) {
          throw refuse("model", "merges " + merge + ", whose second half does not begin with " + prefix);
        }
      }
    }
  }

  private IOException refuse(String where, String fault) {
    return new IOException(name + ": the " + where + " " + fault);
  }
}
