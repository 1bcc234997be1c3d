// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.judge;

import io.github.tppo.run.ConfigException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A question with gaps: {@code {{name}}} stands for a value. The text is taken apart once, so that a value which looks like a gap
 * stays what it is.
 */
final class PromptTemplate {

  private static final Pattern GAP = Pattern.compile("\\{\\{\\s*([A-Za-z_]+)\\s*}}");

  /** Literal text at even places, names of gaps at odd ones. */
  private final List<String> parts = new ArrayList<>();
  private final String sha256;

  /**
   * @param where    what a fault is reported for, such as the file
   * @param text     the template
   * @param required gaps that it must have
   * @param optional gaps that it may have
   * @throws ConfigException when a gap is missing or not known
   */
  PromptTemplate(String where, String text, Set<String> required, Set<String> optional) {
    Set<String> missing = new TreeSet<>(required);
    Matcher gap = GAP.matcher(text);
    int from = 0;
    while (gap.find()) {
      String name = gap.group(1);
      if (!required.contains(name) && !optional.contains(name)) {
        throw new ConfigException(where + ": {{" + name + "}} stands for nothing; known here: "
          + known(required) + ", " + known(optional));
      }
      missing.remove(name);
      parts.add(text.substring(from, gap.start()));
      parts.add(name);
      from = gap.end();
    }
    if (!missing.isEmpty()) {
      throw new ConfigException(where + ": without " + known(missing) + " the judge does not see what it judges");
    }
    parts.add(text.substring(from).stripTrailing());
    sha256 = sha256(text);
  }

  private static String known(Set<String> names) {
    return String.join(", ", new TreeSet<>(names).stream().map(n -> "{{" + n + "}}").toList());
  }

  /** The question with these values, which are put in as they are. */
  String fill(Map<String, String> values) {
    StringBuilder prompt = new StringBuilder(parts.get(0));
    for (int i = 1; i < parts.size(); i += 2) {
      prompt.append(values.get(parts.get(i))).append(parts.get(i + 1));
    }
    return prompt.toString();
  }

  /** The SHA-256 of the template's text, in hexadecimal digits. */
  String sha256() {
    return sha256;
  }

  /** The SHA-256 of a text in UTF-8, in hexadecimal digits. */
  static String sha256(String text) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8)));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-256", e);
    }
  }
}
