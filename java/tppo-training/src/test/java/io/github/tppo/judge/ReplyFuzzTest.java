// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.judge;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.code_intelligence.jazzer.junit.FuzzTest;
import io.github.tppo.HostileInput;
import io.github.tppo.text.ResponseText;
import java.nio.charset.StandardCharsets;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.MethodSource;

/** What a language model, or whoever stands between, may answer. */
class ReplyFuzzTest {
  private static final String RESPONSE = "1 red shoes\n2 red 日本";

  static Stream<byte[]> replies() {
    return Stream.of("{\"words\":[{\"word\":\"red\",\"score\":1},{\"word\":\"shoes\",\"score\":\"0\"},{\"word\":\"red\",\"score\":false},"
      + "{\"word\":\"日\",\"score\":1.0},{\"word\":\"本\",\"score\":{\"score\":1}}],\"whole\":1}",
      "<think>{</think>```json\n{\"words\":{\"red\":{\"Relevance\":{\"Score\":1}},\"shoes\":0,\"日\":1,\"本\":0},'whole':true,}\n```",
      "{\"better\":\"first\"} {\"better\":\"tie\"} {\"whole\":1,\"whole\":0}", "{\"whole\":1e999} {\"a\":[{\"whole\":",
      "{\"choices\":[{\"finish_reason\":\"stop\",\"message\":{\"content\":\"{\\\"whole\\\":1}\"}}],\"usage\":{\"prompt_tokens\":-1}}")
      .map(text -> text.getBytes(StandardCharsets.UTF_8));
  }

  @MethodSource("replies")
  @FuzzTest
  void reply(byte[] bytes) {
    String text = new String(bytes, StandardCharsets.UTF_8);
    HostileInput.check(bytes, () -> {
      Judgement judgement = ReplyParser.token(text, RESPONSE);
      assertEquals(ResponseText.words(RESPONSE).size(), judgement.words().size());
      assertTrue(judgement.words().stream().allMatch(w -> w.score() == 0 || w.score() == 1));
    }, JudgeException.class);
    HostileInput.check(bytes, () -> ReplyParser.sentence(text), JudgeException.class);
    HostileInput.check(bytes, () -> ReplyParser.pairwise(text), JudgeException.class);
    HostileInput.check(bytes, () -> {
      ChatReply reply = ChatReply.of(text);
      assertTrue(reply.promptTokens() >= 0 && reply.completionTokens() >= 0);
      reply.content();
    }, JudgeException.class);
    ChatReply.error(text);
  }
}
