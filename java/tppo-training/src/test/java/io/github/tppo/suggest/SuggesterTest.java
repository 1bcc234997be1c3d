// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.suggest;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.tppo.data.History;
import io.github.tppo.model.Decoder;
import io.github.tppo.model.DecoderConfig;
import io.github.tppo.model.RopeScaling;
import io.github.tppo.run.ConfigException;
import io.github.tppo.text.PromptFormat;
import io.github.tppo.text.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SuggesterTest {
  @TempDir
  Path dir;

  private void saveTinyPolicy() throws IOException {
    Tokenizer.copyShipped(dir);
    try (Tokenizer tokenizer = Tokenizer.load(dir);
        Decoder policy = Decoder.create(new DecoderConfig(DecoderConfig.Type.MISTRAL, tokenizer.vocabSize(), 16, 32, 1, 2, 2, 8,
            128, 1e-5, RopeScaling.of(10_000), 0, 0, true, false, false, false, 0.02, tokenizer.bosId(), tokenizer.eosId(),
            tokenizer.padId()), 1)) {
      policy.save(dir);
    }
  }

  @Test
  void sameHistoryGivesTheSameSuggestionWhateverElseIsAsked() throws IOException {
    saveTinyPolicy();
    new SuggestSettings(PromptFormat.defaults(), 40, 1, 7).write(dir);
    History pasta = History.of(List.of("pasta recipe", "pasta sauce"), List.of());
    History tyres = History.of(List.of("winter tyres"), List.of());
    try (Suggester suggester = Suggester.load(dir)) {
      assertEquals(new SuggestSettings(PromptFormat.defaults(), 40, 1, 7), suggester.settings());
      List<Suggestion> both = suggester.suggest(List.of(tyres, pasta), 1, 3);
      Suggestion alone = suggester.suggest(List.of(pasta), 1, 3).get(0);
      assertEquals(alone.text(), both.get(1).text());
      assertEquals(alone.logprob(), both.get(1).logprob(), 1e-3);
      assertTrue(alone.logprob() < 0);
      assertEquals(suggester.suggest(List.of(pasta), 0, 3), suggester.suggest(List.of(pasta), 0, 4), "greedy needs no seed");
      assertTrue(alone.queries().stream().noneMatch(String::isEmpty));
    }
  }

  @Test
  void folderWithoutAPolicyIsNamed() throws IOException {
    assertTrue(assertThrows(ConfigException.class, () -> Suggester.load(dir)).getMessage().contains(dir + ": has no config.json"));
    saveTinyPolicy();
    Files.writeString(dir.resolve(SuggestSettings.FILE), "{\"temprature\": 1}");
    assertTrue(assertThrows(ConfigException.class, () -> Suggester.load(dir)).getMessage().contains("did you mean temperature?"));
  }
}
