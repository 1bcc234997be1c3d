// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.eval;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.tppo.data.Example;
import io.github.tppo.data.History;
import io.github.tppo.eval.AnswerJudge.Judged;
import io.github.tppo.judge.Judge;
import io.github.tppo.judge.JudgeException;
import io.github.tppo.judge.Judgement;
import io.github.tppo.judge.Template;
import io.github.tppo.run.ProgressListener;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class AnswerJudgeTest {
  private static final Example USER = new Example("a", History.of(List.of("red shoes"), List.of()), List.of("red hat"));

  /** Fails on the whole of an answer as often as the answer says, and never on its words. */
  private static final class Moody implements Judge {
    private final Map<String, Integer> times = new ConcurrentHashMap<>();

    @Override
    public Judgement judge(Template template, Example example, String answer) throws JudgeException, IOException {
      if (answer.equals("away")) {
        throw new IOException("no server");
      }
      if (template == Template.SENTENCE && times.merge(answer, 1, Integer::sum) <= Integer.parseInt(answer)) {
        throw new JudgeException("timeout", "failure " + times.get(answer));
      }
      return new Judgement(List.of(), Integer.parseInt(answer) % 2);
    }

    @Override
    public String name() {
      return "moody";
    }
  }

  private static List<Judged> judge(AnswerJudge judge, List<String> answers) throws IOException {
    return judge.judge(Collections.nCopies(answers.size(), USER), answers, ProgressListener.NONE, () -> { });
  }

  @Test
  void aQuestionIsAskedSomeTimesAndThenStaysOpen() throws IOException {
    AnswerJudge judge = new AnswerJudge(new Moody(), 3, 1);
    List<Judged> judged = judge(judge, List.of("0", "1", "2", "3", "4"));
    assertEquals(5 + 1 + 2 + 3 + 3 + 3, judge.asked());
    List<Double> whole = new ArrayList<>();
    judged.forEach(j -> whole.add(j.relevance(Template.SENTENCE)));
    assertEquals(Arrays.asList(0.0, 1.0, 0.0, null, null), whole);
    assertEquals(Map.of(Template.SENTENCE, "timeout: failure 3"), judged.get(4).failures());
    assertEquals(0, judged.get(4).relevance(Template.TOKEN), "the other template is another question");
    assertNull(judged.get(3).judgements().get(Template.SENTENCE));
  }

  @Test
  void answersKeepTheirOrderWhateverTheThreads() throws IOException {
    List<String> answers = IntStream.range(0, 500).mapToObj(i -> Integer.toString(i % 2)).toList();
    for (int threads : new int[] {1, 7}) {
      List<Judged> judged = judge(new AnswerJudge(new Moody(), 9, threads), answers);
      assertEquals(answers.stream().map(Double::valueOf).toList(), judged.stream().map(j -> j.relevance(Template.SENTENCE)).toList());
    }
  }

  @Test
  void aJudgeThatCannotBeAskedAndAStopEndTheWork() {
    AnswerJudge judge = new AnswerJudge(new Moody(), 3, 2);
    assertEquals("no server", assertThrows(IOException.class, () -> judge(judge, List.of("0", "away"))).getMessage());
    assertThrows(IllegalStateException.class, () -> judge.judge(List.of(USER), List.of("0"), ProgressListener.NONE, () -> {
      throw new IllegalStateException("stop");
    }));
  }
}
