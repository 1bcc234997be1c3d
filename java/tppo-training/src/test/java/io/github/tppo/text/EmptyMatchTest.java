// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.text;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Random;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class EmptyMatchTest {

  @ParameterizedTest
  @ValueSource(strings = {"a", " {2,}", "\\s+", "[\\r\\n]+", "[!\"#$%&'()*+,-./:;<=>?@\\[\\\\\\]^_`{|}~]", "a|bc?", "(?:a|b)+", "(ab*)c*",
    "^ +", " +$", "\\p{P}", "[^a]", "a+?", "a{1,2}?", "[]a]", "\\.", "[[:alpha:]]x*"})
  void whatTakesCharactersPasses(String regex) {
    assertFalse(EmptyMatch.possible(regex));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "a*", "a?", "a|", "|a", "(a|b*)", "(?:)", "(?=a)", "a{0,3}", "a{,3}", "^$", "\\b", "a+?*", "(?i)", "(a", "a)", "[a",
    "(|){30}", "\\1", "\\K", "a??", "(?<x>a)"})
  void whatCouldTakeNoneAndWhatIsNotUnderstoodDoesNot(String regex) {
    assertTrue(EmptyMatch.possible(regex));
  }

  @Test
  void noRandomExpressionThatPassesMatchesNothing() {
    Random random = new Random(17);
    String[] parts = {"a", "b", "*", "+", "?", "|", "(", ")", "(?:", "[ab]", "{0,2}", "{1,2}", "^", "$", "\\b", "(?=", "\\s", "."};
    int passed = 0;
    for (int round = 0; round < 200_000; round++) {
      StringBuilder regex = new StringBuilder();
      for (int n = 1 + random.nextInt(8); n > 0; n--) {
        regex.append(parts[random.nextInt(parts.length)]);
      }
      if (EmptyMatch.possible(regex.toString())) {
        continue;
      }
      Pattern pattern;
      try {
        pattern = Pattern.compile(regex.toString());
      } catch (PatternSyntaxException e) {
        continue;
      }
      passed++;
      for (String text : new String[] {"", "a", "ab a", "b\n a"}) {
        assertTrue(pattern.matcher(text).results().noneMatch(m -> m.start() == m.end()), () -> regex + " in " + text);
      }
    }
    assertTrue(passed > 5000, "passed " + passed);
  }
}
