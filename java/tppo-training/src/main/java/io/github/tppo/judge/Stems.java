// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.judge;

import java.text.Normalizer;
import java.util.Locale;
import org.apache.lucene.analysis.en.EnglishAnalyzer;
import org.tartarus.snowball.ext.EnglishStemmer;

/**
 * Words in the form in which they are compared: NFKC, lower case, then the Snowball English stemmer (Porter 2), which leaves
 * words of other scripts alone.
 */
final class Stems {

  private static final ThreadLocal<EnglishStemmer> STEMMER = ThreadLocal.withInitial(EnglishStemmer::new);

  private Stems() {
  }

  /** {@code word} in NFKC and lower case, with a plain apostrophe. */
  static String normalise(String word) {
    String folded = Normalizer.normalize(word, Normalizer.Form.NFKC).toLowerCase(Locale.ROOT).replace('\u2019', '\'');
    // Lower case can come apart (İ): compose again.
    return Normalizer.normalize(folded, Normalizer.Form.NFKC);
  }

  /** The stem of a normalised word. */
  static String stem(String normalised) {
    EnglishStemmer stemmer = STEMMER.get();
    stemmer.setCurrent(normalised);
    stemmer.stem();
    return stemmer.getCurrent();
  }

  /** Whether a normalised word is on Lucene's list of English stop words. */
  static boolean isStopWord(String normalised) {
    return EnglishAnalyzer.ENGLISH_STOP_WORDS_SET.contains(normalised);
  }
}
