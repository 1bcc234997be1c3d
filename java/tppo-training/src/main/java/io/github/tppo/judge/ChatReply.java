// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.judge;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

/** What a server answered to a chat completion request. */
final class ChatReply {

  private static final ObjectMapper JSON = new ObjectMapper();

  private final JsonNode body;

  private ChatReply(JsonNode body) {
    this.body = body;
  }

  /**
   * Reads the body of an answer.
   *
   * @throws JudgeException when it is no chat completion at all
   */
  static ChatReply of(String body) throws JudgeException {
    try {
      JsonNode tree = JSON.readTree(body);
      if (tree.path("choices").isArray()) {
        return new ChatReply(tree);
      }
    } catch (JsonProcessingException e) {
      throw new JudgeException("not_a_completion", "the server's answer is broken JSON (" + e.getOriginalMessage() + "): "
        + ReplyJson.start(body));
    }
    throw new JudgeException("not_a_completion", "the server's answer is no chat completion: " + ReplyJson.start(body));
  }

  /**
   * What the model wrote.
   *
   * @throws JudgeException when it wrote nothing, was cut off, or would not answer
   */
  String content() throws JudgeException {
    JsonNode choice = body.path("choices").path(0);
    String reason = choice.path("finish_reason").asText("");
    if (reason.equals("length")) {
      throw new JudgeException("truncated", "the reply was cut off at the most tokens allowed; raise judge.chat.max_tokens");
    }
    if (reason.equals("content_filter") || choice.path("message").path("refusal").isTextual()) {
      throw new JudgeException("refused", "the server would not answer");
    }
    JsonNode content = choice.path("message").path("content");
    if (!content.isTextual() || content.asText().isBlank()) {
      throw new JudgeException("no_content", "a chat completion without content");
    }
    return content.asText();
  }

  /** Tokens of the question, or 0 when the server does not say. */
  long promptTokens() {
    return tokens("prompt_tokens");
  }

  /** Tokens of the reply, or 0 when the server does not say. */
  long completionTokens() {
    return tokens("completion_tokens");
  }

  private long tokens(String key) {
    return Math.max(0, body.path("usage").path(key).asLong());
  }

  /** What an answer with an error status says, on one line. */
  static String error(String body) {
    try {
      JsonNode tree = JSON.readTree(body);
      for (String path : new String[] {"/error/message", "/message", "/detail", "/error"}) {
        if (tree.at(path).isTextual()) {
          return ReplyJson.start(tree.at(path).asText());
        }
      }
    } catch (JsonProcessingException e) {
      return ReplyJson.start(body);
    }
    return ReplyJson.start(body);
  }
}
