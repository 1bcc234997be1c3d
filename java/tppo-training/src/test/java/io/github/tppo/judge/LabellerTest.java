// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.judge;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.tppo.data.Example;
import io.github.tppo.data.History;
import io.github.tppo.run.ProgressListener;
import io.github.tppo.text.PromptFormat;
import io.github.tppo.text.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LabellerTest {

  private static final JudgeConfig CONFIG = JudgeConfig.defaults();
  private static final List<String> RESPONSES =
    List.of("1 red shoes\n2 hats", "1 bag\n2 hat", "1 red", "1 café 日本\n2 shoes", "");

  @TempDir
  Path dir;
  private Tokenizer tokenizer;

  @BeforeEach
  void load() throws IOException {
    tokenizer = Tokenizer.loadShipped();
  }

  @AfterEach
  void close() {
    tokenizer.close();
  }

  private List<GeneratedResponse> samples() {
    List<GeneratedResponse> samples = new ArrayList<>();
    for (String text : RESPONSES) {
      History history = new History(List.of("old"), List.of(), List.of(), List.of());
      Example example = new Example("user " + samples.size() / 2, history, List.of("red shoes", "café hats"));
      int[] prompt = PromptFormat.defaults().promptIds(tokenizer, history, 50);
      samples.add(new GeneratedResponse(example, samples.size() % 2, prompt, tokenizer.encode(text, false).ids()));
    }
    return samples;
  }

  private LabelStats label(Judge judge, Template template, List<GeneratedResponse> samples) throws IOException {
    return new Labeller(judge, tokenizer, CONFIG).label(samples.iterator(), template, dir, -1, ProgressListener.NONE,
      () -> { });
  }

  private List<JsonNode> rejected() throws IOException {
    List<JsonNode> lines = new ArrayList<>();
    for (String line : Files.readAllLines(dir.resolve("rejected.jsonl"))) {
      lines.add(new ObjectMapper().readTree(line));
    }
    return lines;
  }

  @Test
  void keepsIdsTextScoresAndClasses() throws IOException {
    LabelStats stats = label(new LexicalJudge(CONFIG), Template.TOKEN, samples());
    List<LabelledResponse> labelled = LabelledResponse.read(dir.resolve("token.jsonl"));
    assertEquals(RESPONSES, labelled.stream().map(LabelledResponse::text).toList());
    LabelledResponse first = labelled.get(0);
    assertEquals("user 0", first.user());
    assertEquals(1, first.sentence());
    assertArrayEquals(samples().get(0).responseIds(), first.responseIds());
    assertEquals(new WordScore("red", 2, 5, 1), first.words().get(0));
    assertArrayEquals(TokenClasses.of(tokenizer.spans(first.responseIds()), first.words()), first.classes());
    assertEquals(5, stats.labelled());
    assertEquals(60.0, stats.sentencesRelevantPercent());
    assertEquals(10, stats.wordsScored());
    assertEquals(Map.of(), stats.rejected());
    assertEquals(1.0, stats.classShares()[0] + stats.classShares()[1] + stats.classShares()[2], 1e-12);
    JsonNode json = new ObjectMapper().readTree(dir.resolve("stats.json").toFile());
    assertEquals(5, json.path("token").path("labelled").asInt());
  }

  @Test
  void theSentenceTemplateHasNoWordsAndItsOwnFile() throws IOException {
    label(new LexicalJudge(CONFIG), Template.TOKEN, samples());
    label(new LexicalJudge(CONFIG), Template.SENTENCE, samples());
    List<LabelledResponse> labelled = LabelledResponse.read(dir.resolve("sentence.jsonl"));
    assertEquals(List.of(), labelled.get(0).words());
    assertEquals(1, labelled.get(0).sentence());
    JsonNode json = new ObjectMapper().readTree(dir.resolve("stats.json").toFile());
    assertTrue(json.has("token") && json.has("sentence"));
  }

  @Test
  void goesOnAfterATornLineAndGivesTheSameFile() throws IOException {
    label(new LexicalJudge(CONFIG), Template.TOKEN, samples());
    String whole = Files.readString(dir.resolve("token.jsonl"));
    for (int cut : new int[] {0, 1, whole.length() / 2, whole.length() - 1}) {
      Files.writeString(dir.resolve("token.jsonl"), whole.substring(0, cut));
      LabelStats stats = label(new LexicalJudge(CONFIG), Template.TOKEN, samples());
      assertEquals(whole, Files.readString(dir.resolve("token.jsonl")));
      assertEquals(5, stats.labelled());
    }
  }

  /** However often it was killed in between: INVARIANTS 13. */
  @Test
  void howOftenTheJudgeWasAskedStandsWithTheLabels() throws IOException {
    Verdict twice = new Verdict() {
      private int asked;

      @Override
      public Judgement of(Template template, Example example, String text) throws JudgeException {
        if (text.equals("1 red") && ++asked % 2 == 1) {
          throw new JudgeException("no JSON in the reply");
        }
        return new LexicalJudge(CONFIG).judge(template, example, text);
      }
    };
    assertEquals(6, label(judge(twice), Template.TOKEN, samples()).asked());
    String whole = Files.readString(dir.resolve("token.jsonl"));
    assertEquals(1, whole.split("\"asked\":2").length - 1);
    String atFirst = Files.readString(dir.resolve("stats.json")).replace("\"asked\" : 6", "\"asked\" : 0");
    for (int lines = 0; lines <= 5; lines++) {
      String some = whole.lines().limit(lines).map(line -> line + "\n").collect(Collectors.joining());
      Files.writeString(dir.resolve("token.jsonl"), some);
      Files.writeString(dir.resolve("stats.json"), atFirst);
      assertEquals(6, label(judge(twice), Template.TOKEN, samples()).asked(), "killed after " + lines);
      assertEquals(whole, Files.readString(dir.resolve("token.jsonl")));
    }
  }

  @Test
  void onAFullDiskTheFileIsNamed() throws IOException {
    Assumptions.assumeTrue(Files.exists(Path.of("/dev/full")));
    label(new LexicalJudge(CONFIG), Template.TOKEN, samples());
    Path file = Files.createSymbolicLink(dir.resolve("stats.json.tmp"), Path.of("/dev/full"));
    IOException e = assertThrows(IOException.class, () -> label(new LexicalJudge(CONFIG), Template.SENTENCE, samples()));
    assertEquals(file + ": cannot be written: No space left on device", e.getMessage());
    assertEquals(5, LabelledResponse.read(dir.resolve("token.jsonl")).size());
    assertEquals(5, label(new LexicalJudge(CONFIG), Template.SENTENCE, samples()).labelled());
  }

  @Test
  void whatIsLabelledIsNotAskedAgain() throws IOException {
    label(new LexicalJudge(CONFIG), Template.TOKEN, samples());
    Judge failing = judge((t, e, text) -> {
      throw new AssertionError("asked again");
    });
    assertEquals(5, label(failing, Template.TOKEN, samples()).labelled());
  }

  @Test
  void aFailureIsAskedAgainThenSetAsideAndAskedAgainByTheNextRun() throws IOException {
    int[] asked = new int[1];
    Judge flaky = judge((t, e, text) -> {
      asked[0]++;
      if (text.equals("1 red")) {
        throw new JudgeException("no JSON in the reply");
      }
      return new LexicalJudge(CONFIG).judge(t, e, text);
    });
    LabelStats stats = label(flaky, Template.TOKEN, samples());
    assertEquals(4 + CONFIG.attempts(), asked[0]);
    assertEquals(4, stats.labelled());
    assertEquals(Map.of("judge_failed", 1L), stats.rejected());
    assertEquals("no JSON in the reply", rejected().get(0).path("detail").asText());
    LabelStats second = label(new LexicalJudge(CONFIG), Template.TOKEN, samples());
    assertEquals(5, second.labelled());
    assertEquals(Map.of(), second.rejected());
    assertEquals(List.of(), rejected());
  }

  @Test
  void labelsThatContradictEachOtherAreSetAside() throws IOException {
    Judge contrary = judge((t, e, text) -> {
      Judgement judgement = new LexicalJudge(CONFIG).judge(t, e, text);
      return new Judgement(judgement.words(), 1 - judgement.sentence());
    });
    LabelStats stats = label(contrary, Template.TOKEN, samples().subList(1, 3));
    // One has both kinds of words, the other only relevant ones and is now relevant: neither contradicts.
    assertEquals(2, stats.labelled());
    Judge wrong = judge((t, e, text) -> new Judgement(
      List.of(new WordScore("x", 0, 1, text.equals("1 red") ? 0 : 1)), text.equals("1 red") ? 1 : 0));
    stats = label(wrong, Template.TOKEN, samples());
    assertEquals(2L, stats.rejected().get("contradiction"));
    assertEquals("every word is relevant but the whole is not", rejected().get(0).path("detail").asText());
  }

  @Test
  void aBadLineInTheLabelsIsNamed() throws IOException {
    Files.writeString(dir.resolve("token.jsonl"), "{\"user\":\"u\"}\n", StandardOpenOption.CREATE);
    IOException e = assertThrows(IOException.class, () -> label(new LexicalJudge(CONFIG), Template.TOKEN, samples()));
    assertTrue(e.getMessage().contains("token.jsonl:1"), e.getMessage());
  }

  private interface Verdict {
    Judgement of(Template template, Example example, String text) throws JudgeException;
  }

  private static Judge judge(Verdict verdict) {
    return new Judge() {
      @Override
      public Judgement judge(Template template, Example example, String text) throws JudgeException {
        return verdict.of(template, example, text);
      }

      @Override
      public String name() {
        return "test";
      }
    };
  }
}
