// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.data;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.tppo.HostileInput;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;

/** Examples are read as they were written, whatever characters are in them. */
class JsonLinesPropertyTest {

  /** Every character but halves of pairs, which UTF-8 cannot write and the cleaner does not let through. */
  private static Arbitrary<String> text() {
    return Arbitraries.strings().withCharRange('\0', '\ud7ff').withCharRange('\ue000', '\uffff').withChars('\n', '"', '\\', '\u2028')
        .ofMaxLength(12);
  }

  @Provide
  Arbitrary<Example> examples() {
    Arbitrary<List<String>> entries = text().list().ofMaxSize(3);
    Arbitrary<History> histories = Combinators.combine(entries, entries, entries, entries).as(History::new);
    return Combinators.combine(text().filter(user -> !user.isEmpty()), histories, text().list().ofMinSize(1).ofMaxSize(3)).as(Example::new);
  }

  @Property(seed = "1", tries = 200)
  void examplesComeBack(@ForAll("examples") Example example) throws IOException {
    byte[] line = Examples.toBytes(example);
    assertEquals(example, Examples.fromBytes(line, 0, line.length));
  }

  @Property(seed = "2", tries = 20)
  void aFileOfExamplesComesBack(@ForAll List<@net.jqwik.api.From("examples") Example> examples) throws IOException {
    Path file = HostileInput.folder().resolve("examples.jsonl");
    Examples.write(file, examples);
    assertEquals(examples, Examples.read(file));
  }
}
