// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.pipeline;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.tppo.run.ConfigReader;
import io.github.tppo.run.TppoConfig;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PolicyModelsTest {
  @Test
  void aTokenizerWhoseTokensCannotBePlacedIsRefusedAtTheStart(@TempDir Path folder) throws IOException {
    ObjectMapper json = new ObjectMapper();
    ObjectNode root = (ObjectNode) json.readTree(Path.of("src/test/resources/fixtures/tokenizer/tokenizer.json").toFile());
    root.putObject("decoder").put("type", "WordPiece").put("prefix", "##").put("cleanup", true);
    json.writeValue(folder.resolve("tokenizer.json").toFile(), root);
    TppoConfig config = ConfigReader.read(TppoConfig.class, List.of("sft.init=random", "text.tokenizer=" + folder));
    String message = assertThrows(IOException.class, () -> PolicyModels.startingTokenizer(config)).getMessage();
    assertTrue(message.startsWith(folder + ": not a tokenizer for a policy: ") && message.contains("WordPiece"), message);
  }
}
