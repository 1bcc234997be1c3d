// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.report;

import io.github.tppo.report.Answer.Token;
import java.util.List;

/** How often the reward model's prediction and the judge's verdict on held-out answers agree, word by word. */
final class AgreementSection {
  private AgreementSection() {}

  static void write(Html html, RunFiles run) {
    Table table = new Table("Answers of", "words scored", "agreement", "found of the relevant", "right when it says relevant",
        "mean reward, relevant words", "mean reward, irrelevant words");
    run.answers().forEach((model, answers) -> {
      Counts c = count(answers);
      long n = c.both + c.onlyJudge + c.onlyModel + c.neither;
      if (n > 0) {
        table.row(Models.label(model), Table.count(n), Table.percent((c.both + c.neither) / (double) n),
            Table.percent(ratio(c.both, c.both + c.onlyJudge)), Table.percent(ratio(c.both, c.both + c.onlyModel)),
            mean(c.relevantReward, c.both + c.onlyJudge), mean(c.irrelevantReward, c.neither + c.onlyModel));
      }
    });
    table.write(html);
  }

  private static double ratio(double part, double all) {
    return all == 0 ? Double.NaN : part / all;
  }

  private static Table.Cell mean(double sum, double n) {
    double mean = ratio(sum, n);
    return Table.number(mean, Numbers.fixed(mean, 3));
  }

  private static final class Counts {
    private long both;
    private long onlyJudge;
    private long onlyModel;
    private long neither;
    private double relevantReward;
    private double irrelevantReward;
  }

  /** A word takes the class and the reward of the first token that covers it and has a class of its own. */
  private static Counts count(List<Answer> answers) {
    Counts c = new Counts();
    for (Answer answer : answers) {
      for (Answer.Word word : answer.words()) {
        Token token = word.score() < 0 ? null : covering(answer, word);
        if (token == null) {
          continue;
        }
        boolean predicted = token.predicted() == 2;
        if (word.score() == 1) {
          c.both += predicted ? 1 : 0;
          c.onlyJudge += predicted ? 0 : 1;
          c.relevantReward += token.reward();
        } else {
          c.onlyModel += predicted ? 1 : 0;
          c.neither += predicted ? 0 : 1;
          c.irrelevantReward += token.reward();
        }
      }
    }
    return c;
  }

  private static Token covering(Answer answer, Answer.Word word) {
    Token first = null;
    for (Token t : answer.tokens()) {
      if (t.start() < word.end() && t.end() > word.start()) {
        first = first == null ? t : first;
        if (t.predicted() != 0) {
          return t;
        }
      }
    }
    return first;
  }
}
