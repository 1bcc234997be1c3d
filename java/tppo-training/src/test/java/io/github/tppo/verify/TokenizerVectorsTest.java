// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.verify;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TokenizerVectorsTest {

  private static final Path FIXTURES = Path.of("src/test/resources/fixtures");

  @TempDir
  Path dir;

  @ParameterizedTest
  @ValueSource(strings = {"fixtures/tokenizer", "fixtures/tokenizer_split", "tokenizers/sentencepiece", "tokenizers/metaspace"})
  void agreesWithHuggingFaceTokenizers(String name) throws IOException {
    Path folder = Path.of("src/test/resources", name);
    VerifyReport report = TokenizerVectors.verify(folder.resolve("tokenizer.json"), folder.resolve("tokens.jsonl"));
    assertTrue(report.ok(), report::toString);
    assertEquals(7, report.files().get(0).quantities().size());
  }

  @Test
  void namesTheFirstDifferenceAndWhatIsMissing() throws IOException {
    Path tokens = Files.writeString(dir.resolve("tokens.jsonl"), "{\"text\": \"a\", \"ids\": [999999]}\n");
    VerifyReport report = TokenizerVectors.verify(FIXTURES.resolve("tokenizer/tokenizer.json"), tokens);
    assertFalse(report.ok());
    JsonNode first = new ObjectMapper().valueToTree(report).path("files").path(0).path("quantities").path(0);
    assertEquals("ids", first.path("name").asText());
    assertEquals(1, first.path("max_abs").asInt());
    assertTrue(first.path("reason").asText().startsWith("line 1: expected [999999]"), first::toString);
    assertEquals("no line of the file has it", report.files().get(0).quantities().get(1).reason());
  }

  @Test
  void namesTheLineThatIsNotJson() throws IOException {
    Path tokens = Files.writeString(dir.resolve("tokens.jsonl"), "\n{broken\n");
    IOException e = assertThrows(IOException.class,
      () -> TokenizerVectors.verify(FIXTURES.resolve("tokenizer/tokenizer.json"), tokens));
    assertTrue(e.getMessage().contains("tokens.jsonl:2"), e.getMessage());
  }
}
