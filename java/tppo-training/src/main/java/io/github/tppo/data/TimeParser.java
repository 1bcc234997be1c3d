// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.data;

import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.time.DateTimeException;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.OffsetDateTime;
import java.time.YearMonth;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeFormatterBuilder;
import java.time.format.ResolverStyle;
import java.time.temporal.ChronoField;
import java.time.temporal.TemporalAccessor;
import java.util.Locale;

/** Turns the time column of a log into milliseconds; times without a zone are UTC, since only their order matters. */
interface TimeParser {
  /** What {@link #parse} returns for text that is no time. */
  long BAD = Long.MIN_VALUE;

  /** Milliseconds since 1970, or {@link #BAD}. */
  long parse(String text);

  /** AOL's {@code yyyy-MM-dd HH:mm:ss}, strictly. */
  static long aol(String s) {
    byte[] latin = s.getBytes(StandardCharsets.ISO_8859_1); // what it cannot hold becomes a question mark, which is no digit
    return aol(latin, 0, latin.length);
  }

  /** As {@link #aol(String)}, of bytes. */
  static long aol(byte[] b, int at, int end) {
    if (end - at != 19 || b[at + 4] != '-' || b[at + 7] != '-' || b[at + 10] != ' ' || b[at + 13] != ':' || b[at + 16] != ':') {
      return BAD;
    }
    int year = two(b, at) < 0 || two(b, at + 2) < 0 ? -1 : 100 * two(b, at) + two(b, at + 2);
    return instant(year, two(b, at + 5), two(b, at + 8), two(b, at + 11), two(b, at + 14), two(b, at + 17));
  }

  /** Excite's {@code yyMMddHHmmss}, strictly; years 70 to 99 are of the 20th century. */
  static long excite(String s) {
    if (s.length() != 12) {
      return BAD;
    }
    int year = digits(s, 0, 2);
    return instant(year < 0 ? -1 : year + (year < 70 ? 2000 : 1900), digits(s, 2, 4), digits(s, 4, 6), digits(s, 6, 8),
        digits(s, 8, 10), digits(s, 10, 12));
  }

  /** The parser of a {@code time_pattern}. */
  static TimeParser of(String pattern) {
    return switch (pattern) {
      case "epoch_seconds" -> s -> epoch(s, 1000);
      case "epoch_millis" -> s -> epoch(s, 1);
      case "iso" -> s -> formatted(s.indexOf('T') < 0 && s.length() > 10 ? s.replaceFirst(" ", "T") : s,
          DateTimeFormatter.ISO_DATE_TIME, DateTimeFormatter.ISO_DATE);
      case "yyyy-MM-dd HH:mm:ss" -> TimeParser::aol;
      default -> {
        DateTimeFormatter f = formatter(pattern);
        yield s -> formatted(s, f, null);
      }
    };
  }

  /** Refuses a pattern that is none. */
  static void check(String pattern) {
    if (pattern.isBlank()) {
      throw new IllegalArgumentException("time_pattern: empty, expected a date pattern, iso, epoch_seconds "
          + "or epoch_millis");
    }
    try {
      of(pattern);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException("time_pattern: \"" + pattern + "\", expected a date pattern such as "
          + "yyyy-MM-dd HH:mm:ss, or iso, epoch_seconds, epoch_millis (" + e.getMessage() + ")", e);
    }
  }

  private static DateTimeFormatter formatter(String pattern) {
    // Strict, since the smart style moves 30 February to the 28th; strict needs an era beside a year of era.
    DateTimeFormatterBuilder b = new DateTimeFormatterBuilder().parseCaseInsensitive().appendPattern(pattern);
    if (pattern.indexOf('G') < 0) {
      b.parseDefaulting(ChronoField.ERA, 1);
    }
    return b.toFormatter(Locale.ENGLISH).withResolverStyle(ResolverStyle.STRICT);
  }

  private static long formatted(String s, DateTimeFormatter first, DateTimeFormatter second) {
    try {
      TemporalAccessor t = first.parseBest(s, ZonedDateTime::from, OffsetDateTime::from, LocalDateTime::from,
          LocalDate::from);
      return t instanceof ZonedDateTime z ? z.toInstant().toEpochMilli()
          : t instanceof OffsetDateTime o ? o.toInstant().toEpochMilli()
          : t instanceof LocalDateTime l ? l.toInstant(ZoneOffset.UTC).toEpochMilli()
          : LocalDate.from(t).toEpochDay() * 86_400_000L;
    } catch (DateTimeException | ArithmeticException e) {
      return second == null ? BAD : formatted(s, second, null);
    }
  }

  private static long epoch(String s, int millis) {
    try {
      // A fraction of a second is common in exports ("1141234567.25").
      return s.indexOf('.') < 0 ? Math.multiplyExact(Long.parseLong(s), millis)
          : new BigDecimal(s).multiply(BigDecimal.valueOf(millis)).longValue();
    } catch (ArithmeticException | NumberFormatException e) {
      return BAD;
    }
  }

  private static int digits(String s, int from, int to) {
    int n = 0;
    for (int i = from; i < to; i++) {
      char c = s.charAt(i);
      if (c < '0' || c > '9') {
        return -1;
      }
      n = n * 10 + c - '0';
    }
    return n;
  }

  private static int two(byte[] b, int at) {
    int tens = b[at] - '0';
    int ones = b[at + 1] - '0';
    return tens < 0 || tens > 9 || ones < 0 || ones > 9 ? -1 : 10 * tens + ones;
  }

  private static long instant(int year, int month, int day, int hour, int minute, int second) {
    if (year < 0 || month < 1 || month > 12 || day < 1 || day > 31 || hour < 0 || hour > 23 || minute < 0 || minute > 59
        || second < 0 || second > 59 || (day > 28 && day > YearMonth.of(year, month).lengthOfMonth())) {
      return BAD;
    }
    return ((LocalDate.of(year, month, day).toEpochDay() * 24 + hour) * 60 + minute) * 60_000L + second * 1000L;
  }
}
