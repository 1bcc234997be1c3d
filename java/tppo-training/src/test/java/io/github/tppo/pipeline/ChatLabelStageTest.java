// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.pipeline;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.tppo.judge.ChatServer;
import io.github.tppo.judge.LabelledResponse;
import io.github.tppo.judge.Template;
import io.github.tppo.run.Backend;
import io.github.tppo.run.ConfigException;
import io.github.tppo.run.ProgressListener;
import io.github.tppo.run.Reporter;
import io.github.tppo.run.RunFolder;
import io.github.tppo.run.StageRunner;
import io.github.tppo.run.TppoConfig;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The stage that labels, with a server as the judge. */
class ChatLabelStageTest {
  private static final ObjectMapper JSON = new ObjectMapper();

  @TempDir
  Path dir;
  private final List<String> messages = new ArrayList<>();

  private StageRunner<TppoConfig> runner(TppoConfig config, RunFolder folder) {
    Reporter reporter = new Reporter() {
      @Override
      public ProgressListener task(String name) {
        return ProgressListener.NONE;
      }

      @Override
      public void message(String line) {
        messages.add(line);
      }
    };
    return new StageRunner<>(List.of(new PrepareStage(), new SftStage(), new GenerateStage(),
        new LabelStage(Template.TOKEN), new LabelStage(Template.SENTENCE)), config, folder, Backend.CPU, reporter, () -> false);
  }

  @Test
  void labelsWithBothTemplatesAndBuildsThemAgainFromTheReplies() throws Exception {
    Path out = dir.resolve("run");
    PipelineRuns.writeLog(dir.resolve("log.tsv"));
    try (ChatServer server = new ChatServer()) {
      TppoConfig config = PipelineRuns.config(dir, "sft.max_steps=2", "generate.prompts=12",
          "generate.valid_prompts=4", "judge.kind=chat", "judge.chat.model=m",
          "judge.chat.base_url=" + server.url());
      try (RunFolder folder = RunFolder.open(out)) {
        folder.begin(config, false);
        runner(config, folder).runAll();
        int asked = server.received.size();
        assertTrue(asked > 0);
        JsonNode stats = JSON.readTree(out.resolve("labels/stats.json").toFile());
        assertEquals("m (chat)", stats.at("/token/judge").asText());
        assertEquals(64, stats.at("/sentence/template_sha256").asText().length());
        assertEquals(asked, stats.at("/token/usage/requests").asInt() + stats.at("/sentence/usage/requests").asInt());
        for (Template template : Template.values()) {
          List<LabelledResponse> labels = LabelledResponse.read(out.resolve("labels/" + template.key() + ".jsonl"));
          assertEquals(stats.at("/" + template.key() + "/labelled").asInt(), labels.size());
          assertFalse(labels.isEmpty());
        }
        String before = Files.readString(out.resolve("labels/token.jsonl"));
        runner(config, folder).runCommand("label");
        assertEquals(before, Files.readString(out.resolve("labels/token.jsonl")));
        assertEquals(asked, server.received.size());
        assertTrue(messages.stream().anyMatch(m -> m.contains("token template") && m.contains("requests")), messages.toString());
      }
    }
  }

  @Test
  void aMissingKeyEndsTheRunBeforeItsFirstStage() throws Exception {
    TppoConfig config = PipelineRuns.config(dir, "judge.kind=chat", "judge.chat.model=m", "judge.chat.api_key_env=TPPO_TEST_NO_SUCH_KEY");
    try (RunFolder folder = RunFolder.open(dir.resolve("run"))) {
      ConfigException e = assertThrows(ConfigException.class, () -> runner(config, folder).runAll());
      assertTrue(e.getMessage().contains("TPPO_TEST_NO_SUCH_KEY is not set"), e.getMessage());
      assertEquals(List.of(), messages);
    }
    ConfigException e = assertThrows(ConfigException.class, () -> PipelineRuns.config(dir, "judge.kind=chat"));
    assertTrue(e.getMessage().contains("judge.chat.model"), e.getMessage());
  }
}
