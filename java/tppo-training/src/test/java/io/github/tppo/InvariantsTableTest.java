// SPDX-License-Identifier: Apache-2.0
package io.github.tppo;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** docs/invariants.md names tests; each must be there. */
class InvariantsTableTest {
  private static final Path ROOT = Path.of("..", "..");
  private static final Pattern ROW = Pattern.compile("(?m)^\\| (\\d+) \\|.*$");
  private static final Pattern TEST = Pattern.compile("`(\\w+)(?:\\.(\\w+))?`");

  @Test
  void everyRuleHasTestsAndEveryTestIsThere() throws IOException {
    Map<String, String> sources = new HashMap<>();
    for (Path folder : new Path[] {ROOT.resolve("java"), ROOT.resolve("native").resolve("tests")}) {
      try (Stream<Path> files = Files.walk(folder)) {
        for (Path file : files.filter(f -> f.toString().matches(".*(src.test.java.*\\.java|_test\\.cpp)")).toList()) {
          sources.put(file.getFileName().toString().replaceAll("\\.\\w+$", ""), Files.readString(file));
        }
      }
    }
    TreeSet<Integer> rules = new TreeSet<>();
    Matcher row = ROW.matcher(Files.readString(ROOT.resolve("docs").resolve("invariants.md")));
    while (row.find()) {
      rules.add(Integer.parseInt(row.group(1)));
      Matcher test = TEST.matcher(row.group());
      int tests = 0;
      while (test.find()) {
        String source = sources.get(test.group(1));
        assertTrue(source != null, "no test file " + test.group(1));
        assertTrue(test.group(2) == null || source.contains("void " + test.group(2) + "(") || source.contains("TEST(" + test.group(2) + ")"),
            test.group());
        tests++;
      }
      assertTrue(tests > 0, "rule " + row.group(1) + " has no test");
    }
    assertEquals(20, rules.size(), rules.toString());
  }
}
