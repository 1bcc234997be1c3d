// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Instant;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class TimeParserTest {
  private static long millis(String iso) {
    return Instant.parse(iso).toEpochMilli();
  }

  @Test
  void readsTheLogsOwnForms() {
    assertEquals(millis("2006-03-24T21:13:08Z"), TimeParser.aol("2006-03-24 21:13:08"));
    assertEquals(millis("2004-02-29T00:00:00Z"), TimeParser.aol("2004-02-29 00:00:00"));
    assertEquals(millis("1997-09-16T10:54:32Z"), TimeParser.excite("970916105432"));
    assertEquals(millis("2001-01-01T00:00:00Z"), TimeParser.excite("010101000000"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "2006-02-29 00:00:00", "2006-13-01 00:00:00", "2006-00-01 00:00:00", "2006-03-24 24:00:00",
      "2006-03-24T21:13:08", "2006-03-24 21:13", "2006-03-24 21:13:60", "20o6-03-24 21:13:08", "2006-03-24 21:13:08 "})
  void refusesWhatIsNoTime(String text) {
    assertEquals(TimeParser.BAD, TimeParser.aol(text));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "970931105432", "97091610543", "9709161054320", "97o916105432", "970916245432"})
  void refusesWhatIsNoExciteTime(String text) {
    assertEquals(TimeParser.BAD, TimeParser.excite(text));
  }

  @ParameterizedTest
  @CsvSource({"dd/MM/yyyy HH:mm, 24/03/2006 21:13, 2006-03-24T21:13:00Z", "d MMM yyyy, 3 mar 2006, 2006-03-03T00:00:00Z",
      "yy-M-d H:mm:ss, 06-3-4 1:02:03, 2006-03-04T01:02:03Z", "yyyy-MM-dd'T'HH:mm:ssXXX, 2006-03-24T21:13:08+02:00, 2006-03-24T19:13:08Z",
      "epoch_seconds, 1143234788, 2006-03-24T21:13:08Z", "epoch_seconds, 1143234788.25, 2006-03-24T21:13:08.250Z",
      "epoch_millis, 1143234788250, 2006-03-24T21:13:08.250Z", "iso, 2006-03-24T21:13:08Z, 2006-03-24T21:13:08Z",
      "iso, 2006-03-24 21:13:08.5, 2006-03-24T21:13:08.500Z", "iso, 2006-03-24, 2006-03-24T00:00:00Z",
      "uuuu-MM-dd HH:mm:ss, 2006-03-24 21:13:08, 2006-03-24T21:13:08Z"})
  void readsPatterns(String pattern, String text, String expected) {
    assertEquals(millis(expected), TimeParser.of(pattern).parse(text));
  }

  @Test
  void patternsAreStrict() {
    assertEquals(TimeParser.BAD, TimeParser.of("dd/MM/yyyy").parse("30/02/2006"));
    assertEquals(TimeParser.BAD, TimeParser.of("iso").parse("yesterday"));
    assertEquals(TimeParser.BAD, TimeParser.of("epoch_seconds").parse("12e"));
    assertEquals(TimeParser.BAD, TimeParser.of("epoch_seconds").parse("99999999999999999999"));
  }

  @Test
  void aBadPatternIsNamed() {
    String message = assertThrows(IllegalArgumentException.class, () -> TimeParser.check("yyyy-bb")).getMessage();
    assertTrue(message.startsWith("time_pattern: \"yyyy-bb\", expected"), message);
  }
}
