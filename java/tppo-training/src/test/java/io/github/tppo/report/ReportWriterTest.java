// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.tppo.run.AtomicFiles;
import io.github.tppo.run.RunFolder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.w3c.dom.Element;

final class ReportWriterTest {
  @TempDir Path root;

  @Test
  void showsEverySubjectOfAWholeRun() throws Exception {
    SampleRun.write(root, List.of("sft", "tppo"));
    String html;
    try (RunFolder folder = RunFolder.open(root)) {
      html = Files.readString(ReportWriter.write(folder));
    }
    Page page = Page.of(html);
    assertEquals(List.of("claims", "relevance", "examples", "training", "reward-model", "agreement", "length", "form", "judge", "sft",
        "data", "time", "config"), page.sections());
    assertEquals(24, page.elements("article").size());
    assertTrue(page.elements("figure").size() > 20);
    assertEquals(html, ReportWriter.page(root), "the same files give the same page");
  }

  /** INVARIANTS 15: an answer that the judge failed on is neither better nor worse than another. */
  @Test
  void anUnjudgedAnswerIsShownAsOne() throws Exception {
    SampleRun.write(root, List.of("sft", "tppo"));
    Path file = root.resolve("evaluate/tppo.jsonl");
    List<String> lines = new ArrayList<>(Files.readAllLines(file));
    ObjectNode first = (ObjectNode) new ObjectMapper().readTree(lines.get(0));
    first.putNull("token_relevance").putNull("sentence_relevance").putNull("sentence").putArray("words");
    first.putObject("unjudged").put("token", "timeout: no answer").put("sentence", "timeout: no answer");
    lines.set(0, first.toString());
    Files.write(file, lines);
    List<Element> users = Page.of(ReportWriter.page(root)).elements("article");
    assertTrue(users.get(0).getTextContent().contains("not judged") && users.get(0).getTextContent().contains("Not judged."));
    assertFalse(users.get(1).getTextContent().contains("ot judged"));
    for (int i = 0; i < 2; i++) {
      List<Element> answers = Page.below(users.get(i), "div").stream().filter(e -> e.getAttribute("class").equals("seed-answers")).toList();
      assertEquals(i == 0, answers.get(0).getAttribute("data-outcome").isEmpty());
    }
  }

  @Test
  void numbersAreThoseOfTheResults() throws Exception {
    SampleRun.write(root, List.of("sft", "tppo"));
    JsonNode results = new ObjectMapper().readTree(root.resolve("results.json").toFile());
    Page page = Page.of(ReportWriter.page(root));
    Set<Double> shown = new HashSet<>(page.numbers());
    JsonNode tppo = results.at("/relevance_rate/token_template/tppo");
    JsonNode gain = results.at("/difference/tppo_minus_sft/token_template");
    for (JsonNode number : List.of(tppo.path("mean"), gain.path("mean"), results.at("/reward_model/token/auc_weighted"),
        results.at("/form/sft/distinct_answers"), results.at("/form/tppo/words_in_history"))) {
      assertTrue(shown.contains(number.asDouble()), number + " is not in the page");
    }
    String text = page.text();
    for (JsonNode model : results.at("/relevance_rate/token_template")) {
      assertTrue(text.contains(Numbers.fixed(model.path("mean").asDouble(), 1)), text);
    }
    assertTrue(text.contains("[" + Numbers.fixed(gain.at("/ci95/0").asDouble(), 2)), text);
    assertTrue(text.contains(Numbers.fixed(results.at("/pairwise/tppo_vs_sft/win").asDouble(), 1)), text);
  }

  @Test
  void needsNothingFromElsewhereAndKnowsLightAndDark() throws Exception {
    SampleRun.write(root, List.of("sft", "tppo"));
    String html = ReportWriter.page(root);
    assertTrue(html.contains("prefers-color-scheme: dark"));
    assertTrue(html.contains("@media print"));
    assertTrue(html.contains("width=device-width"));
    Page page = Page.of(html);
    assertTrue(page.elements("link").isEmpty());
    assertTrue(page.elements("img").isEmpty());
    assertEquals("", page.elements("script").get(0).getAttribute("src"));
    for (Element a : page.elements("a")) {
      assertTrue(a.getAttribute("href").startsWith("#"), a.getAttribute("href"));
    }
    assertFalse(html.contains("@import"));
    assertFalse(html.contains("url("));
    for (Element svg : page.elements("svg")) {
      assertFalse(svg.getAttribute("aria-label").isEmpty());
    }
  }

  @Test
  void idsAreUniqueAndLinksLead() throws Exception {
    SampleRun.write(root, List.of("sft", "dpo", "ppo", "tppo"));
    Page page = Page.of(ReportWriter.page(root));
    Set<String> ids = new HashSet<>();
    for (Element e : page.elements("*")) {
      assertTrue(!e.hasAttribute("id") || ids.add(e.getAttribute("id")), e.getAttribute("id") + " twice");
    }
    page.elements("a").forEach(a -> assertTrue(ids.contains(a.getAttribute("href").substring(1)), a.getAttribute("href")));
  }

  @Test
  void otherMethodsAppearOnceTheyAreThere() throws Exception {
    SampleRun.write(root, List.of("sft", "dpo", "ppo", "tppo"));
    String text = Page.of(ReportWriter.page(root)).text();
    assertTrue(text.contains("TPPO against PPO"), text);
    assertTrue(text.contains("TPPO above PPO above SFT"), text);
    assertTrue(text.contains("Against sentence-level PPO"), text);
    assertTrue(text.contains("DPO"), text);
  }

  @Test
  void missingPartsAreLeftOut() throws Exception {
    assertEquals("A run of token-level PPO", Page.of(ReportWriter.page(root)).heading());
    assertTrue(Page.of(ReportWriter.page(root)).sections().isEmpty());
    SampleRun.write(root, List.of("sft", "tppo"));
    int before = Page.of(ReportWriter.page(root)).sections().size();
    for (String part : List.of("evaluate/tppo.jsonl", "evaluate/copy.jsonl", "config.json", "tppo", "results.json", "sft",
        "reward-token", "data", "labels", "evaluate")) {
      AtomicFiles.delete(root.resolve(part));
      int now = Page.of(ReportWriter.page(root)).sections().size();
      assertTrue(now <= before, part);
      before = now;
    }
    assertEquals(0, before);
  }

  @Test
  void partlyFilledResultsAreShownAsFarAsTheyGo() throws Exception {
    for (String results : List.of("{}", "[]", "{\"relevance_rate\": {\"token_template\": {\"sft\": null}}}",
        "{\"relevance_rate\": {\"token_template\": {\"sft\": {\"mean\": 1}, \"tppo\": {\"mean\": null}}}, \"pairwise\": {\"x\": {}}}",
        "{\"difference\": {\"tppo_minus_sft\": {}}, \"reward_model\": {\"token\": {}}, \"training\": {\"tppo\": {}}}",
        "{\"timing_s\": {\"sft\": null}, \"tokens_per_s\": {\"generate\": null}, \"ablation\": {\"local_weight\": {\"0\": {}}}}")) {
      Files.writeString(root.resolve("results.json"), results);
      Page.of(ReportWriter.page(root));
    }
    Files.createDirectories(root.resolve("search"));
    Files.writeString(root.resolve("search/record.jsonl"), "{}\n{\"method\": \"ppo\", \"trial\": 1, \"score\": null}\n");
    Files.createDirectories(root.resolve("labels"));
    Files.writeString(root.resolve("labels/stats.json"), "{\"token\": {}, \"sentence\": null}");
    Files.writeString(root.resolve("results.json"), "{\"judge\": \"lexical\", \"training\": {\"ppo\": {\"score_mean\": [1, null, 2], "
        + "\"score_std\": [1, null, 1]}, \"tppo\": {\"score_mean\": [1, 2, 3], \"score_std\": [1, 1, 1]}}}");
    assertEquals(List.of("training", "search", "judge"), Page.of(ReportWriter.page(root)).sections());
  }

  @Test
  void ablationsWithNumbersAreLinesAndOthersBars() throws Exception {
    Files.writeString(root.resolve("results.json"), "{\"ablation\": {\"local_weight\": {\"0.0\": {\"token_template\": 20.5}, "
        + "\"0.4\": {\"token_template\": {\"mean\": 24.25, \"ci95\": [23, 25.5]}}}, "
        + "\"length_penalty\": {\"on\": {\"token_template\": 24}, \"off\": {\"token_template\": 22}}}}");
    Page page = Page.of(ReportWriter.page(root));
    assertEquals(2, page.elements("figure").size());
    assertEquals(1, page.elements("path").stream().filter(e -> e.getAttribute("class").startsWith("curve")).count());
    assertTrue(page.text().contains("Length penalty"));
  }

  @Test
  void aBrokenFileIsNamedWithItsLine() throws Exception {
    Files.createDirectories(root.resolve("tppo"));
    Files.writeString(root.resolve("tppo/metrics.jsonl"), "{\"step\":1}\n{\"step\":");
    IOException e = assertThrows(IOException.class, () -> ReportWriter.page(root));
    assertTrue(e.getMessage().contains("metrics.jsonl:2"), e.getMessage());
  }
}
