// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.judge;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.tppo.data.Example;
import io.github.tppo.text.ResponseText;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Function;
import java.util.stream.Stream;

/**
 * A language model behind an OpenAI-compatible server as the judge (appendix D of the paper).
 *
 * <p>Every reply is stored as it came, and a stored reply that can be used is used before the server is asked: so labels can be
 * built again without it, and two runs over the same replies give the same labels. Equal questions are asked once.
 *
 * <p>Some questions need no model: a response without a word is not relevant, and of two equal responses neither is better.
 */
public final class ChatJudge implements Judge {

  /** What a reply means. */
  private interface Parser<T> {
    T parse(String reply) throws JudgeException;
  }

  private final JudgeConfig config;
  private final ChatPrompts prompts;
  private final ChatClient client;
  private final Path replies;
  private final Map<String, ReplyStore> stores = new ConcurrentHashMap<>();
  private final Lock[] locks = Stream.generate(ReentrantLock::new).limit(1024).toArray(Lock[]::new);
  private final AtomicLong stored = new AtomicLong();

  /** @param replies the folder of the stored replies, one file a template */
  ChatJudge(JudgeConfig config, ChatPrompts prompts, ChatClient client, Path replies) {
    this.config = config;
    this.prompts = prompts;
    this.client = client;
    this.replies = replies;
  }

  @Override
  public Judgement judge(Template template, Example example, String responseText) throws JudgeException, IOException {
    return judge(template, example, responseText, judgement -> null);
  }

  @Override
  public Judgement judge(Template template, Example example, String responseText, Function<Judgement, String> fault)
    throws JudgeException, IOException {
    if (ResponseText.words(responseText).isEmpty()) {
      return Judge.checked(new Judgement(List.of(), 0), fault);
    }
    return answer(template.key(), prompts.judge(template, example, responseText), reply -> Judge.checked(
      template == Template.TOKEN ? withoutStopWords(ReplyParser.token(reply, responseText)) : ReplyParser.sentence(reply),
      fault));
  }

  private Judgement withoutStopWords(Judgement judgement) {
    if (!config.stopWords()) {
      return judgement;
    }
    return new Judgement(judgement.words().stream().map(w -> Stems.isStopWord(Stems.normalise(w.word()))
      ? new WordScore(w.word(), w.start(), w.end(), WordScore.NOT_SCORED) : w).toList(), judgement.sentence());
  }

  @Override
  public Verdict compare(Example example, String first, String second) throws JudgeException, IOException {
    if (ResponseText.queries(first).equals(ResponseText.queries(second))) {
      return Verdict.TIE;
    }
    return answer(ChatPrompts.PAIRWISE, prompts.compare(example, first, second), ReplyParser::pairwise);
  }

  /** The first stored reply that can be used, else a new one. */
  private <T> T answer(String template, String prompt, Parser<T> parser) throws JudgeException, IOException {
    ReplyStore store = stores.computeIfAbsent(template, name -> new ReplyStore(replies.resolve(name + ".jsonl")));
    ObjectNode question = ChatPrompts.question(config.chat(), prompt);
    String key = PromptTemplate.sha256(question.toString());
    Lock lock = locks[Math.floorMod(key.hashCode(), locks.length)];
    try {
      lock.lockInterruptibly();
    } catch (InterruptedException e) {
      throw new InterruptedIOException("interrupted while waiting for the judge");
    }
    try {
      for (String body : store.replies(key)) {
        T answer = parseOrNull(body, parser);
        if (answer != null) {
          stored.incrementAndGet();
          return answer;
        }
      }
      String body = client.ask(question, ChatPrompts.schema(template));
      store.add(key, body);
      return parser.parse(ChatReply.of(body).content());
    } finally {
      lock.unlock();
    }
  }

  /** Null for a stored reply that could not be used when it came either: the question is still open. */
  private static <T> T parseOrNull(String body, Parser<T> parser) {
    try {
      return parser.parse(ChatReply.of(body).content());
    } catch (JudgeException e) {
      return null;
    }
  }

  @Override
  public String name() {
    return config.chat().model() + " (chat)";
  }

  @Override
  public int concurrency() {
    return config.chat().concurrency();
  }

  @Override
  public Map<String, String> templateHashes() {
    return prompts.hashes();
  }

  @Override
  public JudgeUsage usage() {
    return client.usage(stored.get());
  }

  @Override
  public void close() throws IOException {
    for (ReplyStore store : stores.values()) {
      store.close();
    }
  }
}
