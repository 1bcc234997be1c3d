// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.report;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Set;
import java.util.function.Consumer;

/**
 * Writes markup that is well-formed as HTML and as XML. All text and every attribute is escaped here and nowhere else, so
 * no section can forget it. Not thread safe.
 */
final class Html {
  private static final Set<String> EMPTY = Set.of("meta", "br", "hr", "link", "line", "rect", "path", "circle", "input");
  /** Elements inside a line of text: no line break may be added around them. */
  private static final Set<String> INLINE = Set.of(
      "span", "b", "em", "a", "data", "bdi", "text", "tspan", "title", "small", "code",
      "summary", "button", "option", "label", "u", "i", "pre");

  private final StringBuilder out = new StringBuilder(1 << 16);
  private final Deque<String> open = new ArrayDeque<>();

  /** Opens an element. Attributes are name and value in turn; a null value leaves the attribute out. */
  Html open(String tag, String... attributes) {
    start(tag, attributes);
    out.append('>');
    open.push(tag);
    return this;
  }

  /** Closes the element opened last. */
  Html close() {
    String tag = open.pop();
    out.append("</").append(tag).append('>');
    if (!INLINE.contains(tag)) {
      out.append('\n');
    }
    return this;
  }

  /** An element that holds nothing but text. */
  Html element(String tag, String text, String... attributes) {
    return open(tag, attributes).text(text).close();
  }

  /** An element without content. */
  Html empty(String tag, String... attributes) {
    start(tag, attributes);
    if (EMPTY.contains(tag)) {
      out.append("/>");
    } else {
      out.append("></").append(tag).append('>');
    }
    return this;
  }

  /** Text from anywhere. */
  Html text(String text) {
    escape(text, out);
    return this;
  }

  /** Markup of this package's own making. */
  Html raw(String markup) {
    out.append(markup);
    return this;
  }

  /** A grid of figures; nothing when none of them writes anything. */
  Html figures(Consumer<Html> body) {
    Html inner = new Html();
    body.accept(inner);
    String markup = inner.toString();
    return markup.isEmpty() ? this : open("div", "class", "figures").raw(markup).close();
  }

  /** A number shown rounded, with its exact value beside it for programs. */
  Html number(double exact, String shown, String... attributes) {
    String[] all = new String[attributes.length + 2];
    all[0] = "value";
    all[1] = Double.toString(exact);
    System.arraycopy(attributes, 0, all, 2, attributes.length);
    return element("data", shown, all);
  }

  private void start(String tag, String... attributes) {
    out.append('<').append(tag);
    for (int i = 0; i < attributes.length; i += 2) {
      if (attributes[i + 1] != null) {
        out.append(' ').append(attributes[i]).append("=\"");
        escape(attributes[i + 1], out);
        out.append('"');
      }
    }
  }

  /**
   * Escapes text for element content and for quoted attributes. Characters that XML cannot hold (control characters, lone
   * surrogates) become U+FFFD.
   */
  static void escape(String text, StringBuilder to) {
    for (int i = 0; i < text.length(); ) {
      int c = text.codePointAt(i);
      i += Character.charCount(c);
      switch (c) {
        case '&' -> to.append("&amp;");
        case '<' -> to.append("&lt;");
        case '>' -> to.append("&gt;");
        case '"' -> to.append("&quot;");
        case '\'' -> to.append("&#39;");
        case '\t', '\n' -> to.append((char) c);
        default -> to.appendCodePoint(allowed(c) ? c : 0xFFFD);
      }
    }
  }

  private static boolean allowed(int c) {
    return c >= 0x20 && (c < 0x7F || c > 0x9F) && (c < 0xD800 || c > 0xDFFF) && c != 0xFFFE && c != 0xFFFF;
  }

  /** The markup written so far; everything must be closed. */
  @Override
  public String toString() {
    if (!open.isEmpty()) {
      throw new IllegalStateException("not closed: " + open);
    }
    return out.toString();
  }
}
