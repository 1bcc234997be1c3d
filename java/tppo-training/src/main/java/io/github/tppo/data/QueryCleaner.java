// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.data;

import java.text.Normalizer;
import java.util.Locale;
import java.util.regex.Pattern;

/**
 * Brings a query to its normal form, or says why it is no query. The normal form has NFKC characters in lower case
 * (of no particular language) and single spaces; control characters, line separators and zero-width spaces count as
 * space. Cleaning a clean query changes nothing.
 *
 * <p>Not thread safe: the reason of the last call is kept.
 */
final class QueryCleaner {
  static final String EMPTY = "empty_query";
  static final String URL = "url_query";
  static final String TOO_LONG = "too_long_query";
  static final String BAD_UNICODE = "unpaired_surrogate";

  /** A whole query that is a host name or an address: {@code mapquest.com}, {@code bbc.co.uk/news}. */
  private static final Pattern HOST = Pattern.compile("[\\p{L}\\p{N}_-]+(\\.[\\p{L}\\p{N}_-]+)*"
      + "\\.(com|net|org|edu|gov|mil|info|biz|(co|ac|com|org)\\.[a-z]{2}"
      + "|us|uk|ca|de|fr|it|es|nl|au|nz|jp|cn|ru|br|in|eu|tv)\\.?([/:?#].*)?");
  /** A word that starts an address, anywhere in the query. */
  private static final Pattern ADDRESS = Pattern.compile("(^| )(https?:|ftp:|www\\.|http //)|://");

  private final int maxChars;
  private final boolean dropUrls;
  private String reason;
  private byte[] scratch = new byte[256];

  /** Accepts queries of at most {@code maxChars} characters (code points), and addresses unless {@code dropUrls}. */
  QueryCleaner(int maxChars, boolean dropUrls) {
    this.maxChars = maxChars;
    this.dropUrls = dropUrls;
  }

  /** The normal form of a query, or null; then {@link #reason()} says why. */
  String clean(String raw) {
    String q = normalise(raw);
    reason = q == null ? BAD_UNICODE
        : !hasContent(q) ? EMPTY
        : dropUrls && isAddress(q) ? URL
        : q.codePointCount(0, q.length()) > maxChars ? TOO_LONG : null;
    return reason == null ? q : null;
  }

  /** Brings a query to its normal form, or says why not; what is set may be overwritten by the next call. */
  boolean clean(Utf8 query) {
    if (!query.isAscii()) {
      String q = clean(query.toString());
      query.set(q == null ? "" : q);
      return q != null;
    }
    // What comes next is what clean(String) does, for bytes: of ASCII, NFKC changes nothing.
    normaliseAscii(query);
    boolean content = false;
    boolean marks = false; // every address has one of them
    for (int i = query.from; i < query.to; i++) {
      byte c = query.bytes[i];
      content |= (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
      marks |= c == '.' || c == ':' || c == '/';
    }
    reason = !content ? EMPTY : dropUrls && marks && isAddress(query.toString()) ? URL
        : query.length() > maxChars ? TOO_LONG : null;
    return reason == null;
  }

  /** Normalises an entry as {@link #normalise(String)} does; what is set may be overwritten by the next call. */
  void normalise(Utf8 text) {
    if (text.isAscii()) {
      normaliseAscii(text);
    } else {
      text.set(normalise(text.toString()));
    }
  }

  private void normaliseAscii(Utf8 text) {
    if (scratch.length < text.length()) {
      scratch = new byte[2 * text.length()];
    }
    byte[] out = scratch;
    int n = 0;
    boolean pendingSpace = false;
    for (int i = text.from; i < text.to; i++) {
      byte c = text.bytes[i];
      if (c <= ' ' || c == 0x7f) {
        pendingSpace = n > 0;
        continue;
      }
      if (pendingSpace) {
        out[n++] = ' ';
        pendingSpace = false;
      }
      out[n++] = c >= 'A' && c <= 'Z' ? (byte) (c + 32) : c;
    }
    text.set(out, 0, n);
  }

  /** As {@link #clean}, for an entry that is not a query (a title, a host, an address): addresses are welcome. */
  String cleanEntry(String raw) {
    String q = normalise(raw);
    reason = q == null ? BAD_UNICODE : !hasContent(q) ? "empty_entry"
        : q.codePointCount(0, q.length()) > maxChars ? "too_long_entry" : null;
    return reason == null ? q : null;
  }

  /** Why the last cleaning gave null. */
  String reason() {
    return reason;
  }

  /** NFKC, lower case, single spaces; null if the text holds half a surrogate pair. */
  static String normalise(String raw) {
    if (isCleanAscii(raw)) {
      return raw;
    }
    for (int i = 0; i < raw.length(); i++) {
      char c = raw.charAt(i);
      if (Character.isHighSurrogate(c) && i + 1 < raw.length() && Character.isLowSurrogate(raw.charAt(i + 1))) {
        i++;
      } else if (Character.isSurrogate(c)) {
        return null;
      }
    }
    String folded = Normalizer.normalize(raw, Normalizer.Form.NFKC).toLowerCase(Locale.ROOT);
    return collapse(Normalizer.normalize(folded, Normalizer.Form.NFKC));
  }

  private static boolean isCleanAscii(String s) {
    boolean afterSpace = true;
    for (int i = 0; i < s.length(); i++) {
      char c = s.charAt(i);
      if (c < ' ' || c > '~' || (c >= 'A' && c <= 'Z') || (c == ' ' && afterSpace)) {
        return false;
      }
      afterSpace = c == ' ';
    }
    return !afterSpace;
  }

  private static String collapse(String s) {
    StringBuilder out = new StringBuilder(s.length());
    boolean pendingSpace = false;
    for (int i = 0; i < s.length(); i++) {
      char c = s.charAt(i);
      if (Character.isWhitespace(c) || Character.isSpaceChar(c) || Character.isISOControl(c)
          || c == '\u200b' || c == '\ufeff') {
        pendingSpace = true;
        continue;
      }
      if (pendingSpace && out.length() > 0) {
        out.append(' ');
      }
      pendingSpace = false;
      out.append(c);
    }
    return out.toString();
  }

  /** Punctuation alone (AOL wrote "-" for what it withheld) is no query. */
  private static boolean hasContent(String s) {
    return s.codePoints().anyMatch(c -> Character.isLetterOrDigit(c) || Character.getType(c) == Character.OTHER_SYMBOL);
  }

  private static boolean isAddress(String q) {
    int dot = q.indexOf('.');
    if (dot < 0 && q.indexOf(':') < 0 && !q.startsWith("http")) {
      return false;
    }
    return ADDRESS.matcher(q).find() || (q.indexOf(' ') < 0 && HOST.matcher(q).matches());
  }
}
