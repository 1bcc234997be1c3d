// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.eval;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import io.github.tppo.judge.WordScore;
import io.github.tppo.text.ResponseText;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * How far a judge's labels agree with a person's, word by word and response by response (SPEC 3.6, appendix I of the paper).
 *
 * @param responses what became of the human's responses
 * @param words agreement on words
 * @param wordsUnscored words that one of the two, or both, left unscored, such as the judge's stop words
 * @param wordsUnmatched words that one of the two does not have
 * @param sentences agreement on whole responses
 * @param sentencesUnscored responses that one of the two left unscored as a whole
 * @param disagreements all of them, in the order of the human's file
 */
public record Agreement(
    @JsonProperty("responses") Responses responses,
    @JsonProperty("words") AgreementLevel words,
    @JsonProperty("words_unscored") long wordsUnscored,
    @JsonProperty("words_unmatched") long wordsUnmatched,
    @JsonProperty("sentences") AgreementLevel sentences,
    @JsonProperty("sentences_unscored") long sentencesUnscored,
    @JsonProperty("disagreements") List<Disagreement> disagreements) {
  private static final int RESAMPLES = 10_000;
  private static final long SEED = 1;

  /**
   * What became of the responses in the human's file.
   *
   * @param compared found among the labels, with the same text
   * @param notLabelled user and sample are not among the labels
   * @param otherText the labels have another text for this user and sample
   */
  public record Responses(@JsonProperty("compared") int compared, @JsonProperty("not_labelled") int notLabelled,
      @JsonProperty("other_text") int otherText) {}

  /**
   * A word, or a whole response, on which the two do not agree.
   *
   * @param line of the human's file
   * @param word null for a whole response
   * @param start where the word starts in the response, in UTF-16 code units
   * @param query the query that the word is in, or the whole response
   * @param human the human's score
   * @param judge the judge's
   */
  @JsonInclude(JsonInclude.Include.NON_NULL)
  public record Disagreement(@JsonProperty("line") int line, @JsonProperty("user") String user, @JsonProperty("stream") long stream,
      @JsonProperty("word") String word, @JsonProperty("start") Integer start, @JsonProperty("query") String query,
      @JsonProperty("human") int human, @JsonProperty("judge") int judge) {}

  /**
   * Compares two files.
   *
   * @param human what a person scored
   * @param labels what a judge scored; responses that the person was not shown are left out
   * @throws IOException names file and line of what cannot be read
   */
  public static Agreement of(Path human, Path labels) throws IOException {
    Objects.requireNonNull(human, "human");
    Objects.requireNonNull(labels, "labels");
    return new Counter().count(AnnotatedResponse.read(human), AnnotatedResponse.read(labels));
  }

  /** Writes all disagreements, one JSON object a line. */
  public void writeDisagreements(Path file) throws IOException {
    JsonLines.write(file, disagreements);
  }

  private static final class Counter {
    private final List<long[]> words = new ArrayList<>();
    private final List<long[]> sentences = new ArrayList<>();
    private final List<Disagreement> disagreements = new ArrayList<>();
    private int notLabelled;
    private int otherText;
    private long wordsUnscored;
    private long wordsUnmatched;
    private long sentencesUnscored;

    Agreement count(Map<AnnotatedResponse.Key, AnnotatedResponse> human, Map<AnnotatedResponse.Key, AnnotatedResponse> labels) {
      for (AnnotatedResponse said : human.values()) {
        AnnotatedResponse label = labels.get(said.key());
        if (label == null) {
          notLabelled++;
        } else if (!label.text().equals(said.text())) {
          otherText++;
        } else {
          compare(said, label);
        }
      }
      return new Agreement(new Responses(words.size(), notLabelled, otherText), AgreementLevel.of(words, RESAMPLES, SEED), wordsUnscored,
          wordsUnmatched, AgreementLevel.of(sentences, RESAMPLES, SEED), sentencesUnscored, List.copyOf(disagreements));
    }

    private void compare(AnnotatedResponse human, AnnotatedResponse judge) {
      long[] counts = new long[4];
      List<ResponseText.Line> lines = ResponseText.lines(human.text());
      for (int w = 0; w < human.scores().length; w++) {
        int said = human.scores()[w];
        int label = judge.scores()[w];
        if (said == AnnotatedResponse.ABSENT || label == AnnotatedResponse.ABSENT) {
          wordsUnmatched++;
        } else if (said == WordScore.NOT_SCORED || label == WordScore.NOT_SCORED) {
          wordsUnscored++;
        } else {
          counts[kind(said, label)]++;
          if (said != label) {
            ResponseText.Word word = human.words().get(w);
            disagreements.add(new Disagreement(human.line(), human.user(), human.stream(), word.text(), word.start(),
                lines.get(word.line()).query(), said, label));
          }
        }
      }
      wordsUnmatched += human.strays() + judge.strays();
      words.add(counts);
      long[] whole = new long[4];
      if (human.sentence() == WordScore.NOT_SCORED || judge.sentence() == WordScore.NOT_SCORED) {
        sentencesUnscored++;
      } else {
        whole[kind(human.sentence(), judge.sentence())]++;
        if (human.sentence() != judge.sentence()) {
          disagreements.add(new Disagreement(human.line(), human.user(), human.stream(), null, null, human.text(),
              human.sentence(), judge.sentence()));
        }
      }
      sentences.add(whole);
    }

    private static int kind(int human, int judge) {
      return human == 1 ? judge == 1 ? AgreementLevel.BOTH : AgreementLevel.HUMAN : judge == 1 ? AgreementLevel.JUDGE : AgreementLevel.NEITHER;
    }
  }
}
