// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.judge;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.function.UnaryOperator;

/** Makes the judge that a configuration asks for. */
public final class Judges {

  private Judges() {
  }

  /**
   * The judge.
   *
   * @param replies where a judge that asks a server keeps the replies; more than one judge at a time must not share it
   * @throws io.github.tppo.run.ConfigException when the key's variable is not set, or a template is no good
   */
  public static Judge of(JudgeConfig config, Path replies) throws IOException {
    return of(config, replies, System::getenv, ChatHttp.FIRST_WAIT);
  }

  static Judge of(JudgeConfig config, Path replies, UnaryOperator<String> environment, Duration firstWait) throws IOException {
    if (config.kind() == JudgeConfig.Kind.LEXICAL) {
      return new LexicalJudge(config);
    }
    ChatConfig chat = config.chat();
    ApiKey key = ApiKey.of(chat.apiKeyEnv(), environment);
    return new ChatJudge(config, ChatPrompts.load(chat.templates()), new ChatClient(chat, key, firstWait), replies);
  }

  /**
   * Looks, without asking a server, whether the judge can be made.
   *
   * @throws io.github.tppo.run.ConfigException names the key and what to do
   */
  public static void check(JudgeConfig config) throws IOException {
    of(config, Path.of("")).close();
  }
}
