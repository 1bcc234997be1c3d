// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.judge;

import io.github.tppo.data.Example;
import io.github.tppo.text.ResponseText;
import io.github.tppo.text.ResponseText.Word;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;

/**
 * The embedded judge: compares word stems, needs no network, and always gives the same verdict.
 *
 * <p>A word is relevant when its stem occurs in one of the user's true queries, it is the first with this stem in its
 * line, and its line does not repeat an earlier line (the same set of stems, stop words left out). So a repeated word, a
 * repeated query and an empty query earn nothing. English stop words are not scored.
 *
 * <p>The whole is relevant when it has the right number of queries and at least {@link JudgeConfig#sentenceThreshold} of
 * its scored words are relevant.
 */
public final class LexicalJudge implements Judge {

  private final JudgeConfig config;

  /** @param config the threshold, the stop words and the number of queries */
  public LexicalJudge(JudgeConfig config) {
    this.config = config;
  }

  @Override
  public Judgement judge(Template template, Example example, String responseText) {
    Objects.requireNonNull(template, "template");
    Objects.requireNonNull(responseText, "responseText");
    Set<String> wanted = new HashSet<>();
    for (String query : example.targets()) {
      ResponseText.wordsOfQuery(query).forEach(w -> wanted.add(Stems.stem(Stems.normalise(w))));
    }
    List<WordScore> scores = score(ResponseText.words(responseText), wanted, MutualCheck.wantedQueries(config, example));
    Judgement all = new Judgement(scores, 0);
    boolean rightNumber = ResponseText.queries(responseText).size() == MutualCheck.wantedQueries(config, example);
    boolean relevant = rightNumber && all.scoredWords() > 0
      && all.relevance(Template.TOKEN) >= config.sentenceThreshold();
    return new Judgement(template == Template.TOKEN ? scores : List.of(), relevant ? 1 : 0);
  }

  /** Words of queries beyond the number asked for earn nothing: a longer answer must not pay. */
  private List<WordScore> score(List<Word> words, Set<String> wanted, int wantedQueries) {
    List<WordScore> scores = new ArrayList<>(words.size());
    Set<Set<String>> earlierLines = new HashSet<>();
    int query = 0;
    for (int from = 0; from < words.size(); query++) {
      int to = from;
      while (to < words.size() && words.get(to).line() == words.get(from).line()) {
        to++;
      }
      scoreLine(words.subList(from, to), query < wantedQueries ? wanted : Set.of(), earlierLines, scores);
      from = to;
    }
    return scores;
  }

  private void scoreLine(List<Word> words, Set<String> wanted, Set<Set<String>> earlierLines, List<WordScore> scores) {
    List<String> stems = new ArrayList<>(words.size());
    Set<String> content = new HashSet<>();
    for (Word word : words) {
      String normal = Stems.normalise(word.text());
      boolean unscored = config.stopWords() && Stems.isStopWord(normal);
      stems.add(unscored ? null : Stems.stem(normal));
      if (!unscored) {
        content.add(stems.get(stems.size() - 1));
      }
    }
    boolean repeated = !earlierLines.add(content);
    Set<String> seen = new HashSet<>();
    for (int i = 0; i < words.size(); i++) {
      String stem = stems.get(i);
      int score = stem == null ? WordScore.NOT_SCORED : !repeated && seen.add(stem) && wanted.contains(stem) ? 1 : 0;
      scores.add(new WordScore(words.get(i).text(), words.get(i).start(), words.get(i).end(), score));
    }
  }

  @Override
  public String name() {
    return "lexical";
  }
}
