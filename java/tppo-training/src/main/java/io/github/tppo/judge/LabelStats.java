// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.judge;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.Map;
import java.util.TreeMap;

/**
 * What labelling with one template gave: an entry of {@code labels/stats.json}. It counts everything in the labels file,
 * earlier runs included.
 *
 * @param judge                    the judge's name
 * @param templateSha256           the hash of the judge's template; empty for a judge without
 * @param labelled                 responses labelled
 * @param rejected                 responses set aside, by reason
 * @param asked                    how often the judge was asked for what stands in the files
 * @param classTokens              response tokens of class 0, 1 and 2 (token template)
 * @param classShares              the same as shares of all response tokens
 * @param wordsScored              words that count
 * @param wordsRelevantPercent     how many of them are relevant, in percent
 * @param sentencesRelevantPercent how many responses are relevant as a whole, in percent
 * @param seconds                  time spent in all runs; up to ten seconds of one that was killed are missing
 * @param usage                    what was asked of a server in that time
 */
public record LabelStats(
  @JsonProperty("judge") String judge,
  @JsonProperty("template_sha256") String templateSha256,
  @JsonProperty("labelled") long labelled,
  @JsonProperty("rejected") Map<String, Long> rejected,
  @JsonProperty("asked") long asked,
  @JsonProperty("class_tokens") long[] classTokens,
  @JsonProperty("class_shares") double[] classShares,
  @JsonProperty("words_scored") long wordsScored,
  @JsonProperty("words_relevant_percent") double wordsRelevantPercent,
  @JsonProperty("sentences_relevant_percent") double sentencesRelevantPercent,
  @JsonProperty("seconds") double seconds,
  @JsonProperty("usage") JudgeUsage usage) {

  /** Adds up labels one by one. */
  static final class Counter {
    private final long[] classes = new long[3];
    private final Map<String, Long> rejected = new TreeMap<>();
    private long labelled;
    private long asked;
    private long words;
    private long relevantWords;
    private long relevantSentences;

    void add(LabelledResponse response) {
      labelled++;
      relevantSentences += response.sentence();
      for (int c : response.classes()) {
        classes[c]++;
      }
      for (WordScore word : response.words()) {
        words += word.isScored() ? 1 : 0;
        relevantWords += word.score() == 1 ? 1 : 0;
      }
    }

    void reject(String reason) {
      rejected.merge(reason, 1L, Long::sum);
    }

    void ask(int times) {
      asked += times;
    }

    long labelled() {
      return labelled;
    }

    LabelStats stats(String judge, String templateSha256, double seconds, JudgeUsage usage) {
      long tokens = classes[0] + classes[1] + classes[2];
      double[] shares = new double[3];
      for (int c = 0; c < shares.length; c++) {
        shares[c] = tokens == 0 ? 0 : (double) classes[c] / tokens;
      }
      return new LabelStats(judge, templateSha256, labelled, new TreeMap<>(rejected), asked, classes.clone(),
        shares, words, percent(relevantWords, words), percent(relevantSentences, labelled), seconds, usage);
    }

    private static double percent(long part, long all) {
      return all == 0 ? 0 : 100.0 * part / all;
    }
  }
}
