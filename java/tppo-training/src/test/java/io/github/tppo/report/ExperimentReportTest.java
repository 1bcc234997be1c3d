// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.w3c.dom.Element;

/** The page of a whole experiment: three seeds, all models, ablations and a search. */
final class ExperimentReportTest {
  private static final long MOST_BYTES = 3_000_000;

  @TempDir static Path root;

  private static String html;
  private static Page page;
  private static JsonNode results;

  @BeforeAll
  static void write() throws Exception {
    SampleExperiment.write(root);
    html = ReportWriter.page(root);
    page = Page.of(html);
    results = new ObjectMapper().readTree(root.resolve("results.json").toFile());
  }

  private static Element section(String id) {
    return page.elements("section").stream().filter(e -> e.getAttribute("id").equals(id)).findFirst().orElseThrow();
  }

  private static List<Element> within(String section, String tag, String style) {
    return Page.below(section(section), tag).stream().filter(e -> List.of(e.getAttribute("class").split(" ")).contains(style)).toList();
  }

  @Test
  void hasEverySection() {
    assertEquals(List.of("claims", "relevance", "examples", "training", "dpo", "reward-model", "agreement", "length", "form",
        "ablation", "search", "judge", "sft", "data", "time", "config"), page.sections());
    assertTrue(html.getBytes(StandardCharsets.UTF_8).length < MOST_BYTES);
  }

  @Test
  void numbersAreThoseOfAllSeeds() {
    Set<Double> shown = new HashSet<>(page.numbers());
    for (String at : List.of("/relevance_rate/token_template/tppo/mean", "/relevance_rate/sentence_template/ppo/mean",
        "/difference/tppo_minus_ppo/token_template/mean", "/difference/dpo_minus_sft/sentence_template/mean",
        "/ablation/alpha/4.0/sentence_template/mean", "/form/printed/words_in_history", "/reward_model/sentence/auc_weighted")) {
      assertTrue(shown.contains(results.at(at).asDouble()), at);
    }
    double flips = 100 * results.at("/pairwise/tppo_vs_ppo/flip_rate").asDouble();
    assertTrue(section("relevance").getTextContent().contains("flips " + Numbers.fixed(flips, 1) + " %"));
  }

  @Test
  void everySeedHasItsDot() {
    int rates = 2 * (SampleExperiment.MODELS.size() + 1);
    int differences = 2 * results.path("difference").size();
    assertEquals(SampleExperiment.SEEDS * (rates + differences), within("relevance", "circle", "seed").size());
  }

  @Test
  void everyUserHasTheAnswersOfAllModelsForEverySeed() {
    List<Element> articles = page.elements("article");
    assertEquals(24, articles.size());
    for (Element article : articles) {
      List<Element> seeds = Page.below(article, "div").stream().filter(e -> e.hasAttribute("data-seed")).toList();
      assertEquals(List.of("1", "2", "3"), seeds.stream().map(e -> e.getAttribute("data-seed")).toList());
      for (Element seed : seeds) {
        assertEquals(SampleExperiment.MODELS.size() + 1,
            Page.below(seed, "div").stream().filter(e -> e.getAttribute("class").startsWith("answer ")).count());
        assertTrue(Set.of("better", "worse", "same").contains(seed.getAttribute("data-outcome")));
      }
    }
    Element controls = within("examples", "div", "controls").get(0);
    assertEquals(List.of("outcome", "seed"), Page.below(controls, "select").stream().map(e -> e.getAttribute("name")).toList());
    Page.below(controls, "button").forEach(b -> assertTrue(!b.getAttribute("aria-label").isEmpty()));
  }

  @Test
  void answersOfAblationsStayOutOfTheComparison() throws Exception {
    Path answers = root.resolve("seed-1/evaluate");
    Path ablation = answers.resolve("alpha_4.0.jsonl");
    Files.copy(answers.resolve("tppo.jsonl"), ablation);
    try {
      assertEquals(html, ReportWriter.page(root));
    } finally {
      Files.delete(ablation);
    }
  }

  @Test
  void ablationsHaveIntervalsTheLevelOfSftAndCurves() {
    assertEquals(4, Page.below(section("ablation"), "h3").size());
    assertEquals(4, within("ablation", "path", "interval").size(), "two templates over two settings that are numbers");
    assertTrue(section("ablation").getTextContent().contains("SFT, words"));
    long auc = Page.below(section("ablation"), "figcaption").stream().filter(e -> e.getTextContent().contains("weighted AUC")).count();
    assertEquals(1, auc, "only the weight of the loss changes the reward model");
    Element lossFigure = (Element) Page.below(section("ablation"), "figcaption").stream()
        .filter(e -> e.getTextContent().startsWith("Reward model: loss")).findFirst().orElseThrow().getParentNode();
    assertEquals(6, Page.below(lossFigure, "path").stream().filter(e -> e.getAttribute("class").startsWith("curve")).count());
    assertEquals(0, Page.below(lossFigure, "path").stream().filter(e -> e.getAttribute("class").startsWith("band")).count(),
        "one seed was varied, so TPPO's own curve is of that seed too");
  }

  @Test
  void theBestTrialOfEachMethodIsRinged() {
    int figures = 3;
    assertEquals(36 * figures, within("search", "circle", "spot").size());
    assertEquals(3 * figures, within("search", "circle", "ring").size());
    assertTrue(section("search").getTextContent().contains("policy.kl_coef=0."));
  }

  @Test
  void whateverTheJudgeCountsIsShown() {
    String text = section("judge").getTextContent();
    for (String each : List.of("requests", "retries", "usage, prompt tokens", "5,120,400", "contradiction 31",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752", "usage, evaluate, requests", "43,210")) {
      assertTrue(text.contains(each), each);
    }
    assertFalse(text.contains("usage, evaluate, retries"), "what is zero is left out");
  }

  @Test
  void whatTheJudgeFailedOnIsShownBesideTheRates() {
    String text = section("relevance").getTextContent();
    assertTrue(text.contains("Relevant words: the judge failed on some answers (12 of TPPO), which are in no figure. 4 users without"), text);
    assertFalse(text.contains("Relevant answers: the judge failed"), text);
    assertTrue(text.contains(", not judged 7"), text);
  }

  @Test
  void figuresAreNamedForThoseWhoCannotSeeThem() {
    page.elements("svg").forEach(e -> assertTrue(e.getAttribute("aria-label").length() > 20));
    Page.below(section("examples"), "p").stream().filter(e -> e.getAttribute("class").equals("sr"))
        .forEach(e -> assertTrue(e.getTextContent().endsWith(".")));
  }

  @Test
  void anUnfinishedExperimentShowsWhatItHas() throws Exception {
    Path part = Files.createDirectories(root.resolveSibling(root.getFileName() + "-part"));
    SampleCurves.write(Files.createDirectories(part.resolve("seed-7")), List.of("ppo", "tppo"), 7);
    SampleCurves.write(Files.createDirectories(part.resolve("seed-8")), List.of("dpo"), 8); // of an earlier configuration
    Files.writeString(part.resolve("config.json"), "{\"experiment\": {\"seeds\": [-3, 7]}}");
    assertEquals(List.of("training", "reward-model", "sft", "config"), Page.of(ReportWriter.page(part)).sections());
  }
}
