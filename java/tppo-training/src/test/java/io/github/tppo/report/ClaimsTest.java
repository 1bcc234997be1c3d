// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class ClaimsTest {
  private static final ObjectMapper JSON = new ObjectMapper();

  @TempDir Path root;

  /** The outcomes by claim of a run with these results. */
  private java.util.Map<String, List<Outcome>> outcomes(String results) throws Exception {
    Files.writeString(root.resolve("results.json"), results);
    return Claims.of(new RunFiles(root)).stream().collect(Collectors.toMap(Claim::text,
        c -> c.evidence().stream().map(Claim.Evidence::outcome).toList()));
  }

  private static String difference(String pair, double low, double high) {
    return "\"" + pair + "\": {\"token_template\": {\"mean\": " + (low + high) / 2 + ", \"ci95\": [" + low + ", " + high + "]}}";
  }

  private static String differences(String... all) {
    return "{\"difference\": {" + String.join(", ", all) + "}}";
  }

  @Test
  void theSideOfZeroDecides() throws Exception {
    assertEquals(List.of(Outcome.SHOWN), outcomes(differences(difference("tppo_minus_ppo", 0.1, 3))).get("TPPO above PPO"));
    assertEquals(List.of(Outcome.NOT_SHOWN), outcomes(differences(difference("tppo_minus_ppo", -0.1, 3))).get("TPPO above PPO"));
    assertEquals(List.of(Outcome.CONTRADICTED), outcomes(differences(difference("tppo_minus_ppo", -3, -0.1))).get("TPPO above PPO"));
  }

  @Test
  void anOrderNeedsBothDifferences() throws Exception {
    String claim = "TPPO above PPO above SFT";
    assertEquals(List.of(Outcome.SHOWN),
        outcomes(differences(difference("tppo_minus_ppo", 1, 2), difference("ppo_minus_sft", 1, 2))).get(claim));
    assertEquals(List.of(Outcome.NOT_SHOWN),
        outcomes(differences(difference("tppo_minus_ppo", 1, 2), difference("ppo_minus_sft", -1, 2))).get(claim));
    assertEquals(List.of(Outcome.CONTRADICTED),
        outcomes(differences(difference("tppo_minus_ppo", 1, 2), difference("ppo_minus_sft", -2, -1))).get(claim));
    assertNull(outcomes(differences(difference("tppo_minus_ppo", 1, 2))).get(claim), "nothing is said without the second");
  }

  @Test
  void nearMeansWithinTwoPoints() throws Exception {
    assertEquals(List.of(Outcome.SHOWN), outcomes(differences(difference("dpo_minus_sft", -1.9, 1.9))).get("DPO near SFT"));
    assertEquals(List.of(Outcome.NOT_SHOWN), outcomes(differences(difference("dpo_minus_sft", 0.5, 3))).get("DPO near SFT"));
    assertEquals(List.of(Outcome.CONTRADICTED), outcomes(differences(difference("dpo_minus_sft", -9, -4))).get("DPO near SFT"));
  }

  @Test
  void winsAreHeldAgainstLossesForEveryRival() throws Exception {
    String claim = "TPPO wins more often than it loses";
    assertEquals(List.of(Outcome.NOT_SHOWN, Outcome.SHOWN), outcomes("{\"pairwise\": {"
        + "\"tppo_vs_sft\": {\"win\": 40, \"lose\": 20, \"win_minus_lose\": {\"mean\": 20, \"ci95\": [12, 28]}}, "
        + "\"tppo_vs_ppo\": {\"win\": 30, \"lose\": 29, \"win_minus_lose\": {\"mean\": 1, \"ci95\": [-6, 8]}}}}").get(claim));
    assertNull(outcomes("{\"pairwise\": {\"tppo_vs_ppo\": {\"win\": 30, \"lose\": 29}}}").get(claim), "without an interval");
  }

  private static String training(String gain, String tppoStd, String tppoMean) {
    return "{" + gain + "\"training\": {\"ppo\": {\"score_mean\": [1, 1.2, 1.1, 1.3], \"score_std\": [1, 1, 1, 1]}, "
        + "\"tppo\": {\"score_mean\": " + tppoMean + ", \"score_std\": " + tppoStd + "}}}";
  }

  private static String gain(double low, double high) {
    return "\"difference\": {" + difference("tppo_minus_ppo", low, high) + "}, ";
  }

  @Test
  void aSteadyScoreCountsOnlyBesideAGoodJudgesScore() throws Exception {
    String claim = "TPPO’s training score is steadier than PPO’s";
    String small = "[20, 10, 10, 10]";
    String straight = "[50, 51, 52, 53]";
    assertEquals(List.of(Outcome.SHOWN), outcomes(training(gain(-1, 2), small, straight)).get(claim));
    assertEquals(List.of(Outcome.NOT_SHOWN), outcomes(training(gain(-9, -2), small, straight)).get(claim), "collapsed");
    assertEquals(List.of(Outcome.NOT_SHOWN), outcomes(training("", small, straight)).get(claim), "the judge has said nothing");
    assertEquals(List.of(Outcome.CONTRADICTED), outcomes(training(gain(1, 2), "[1, 2, 2, 2]", "[1, 9, 1, 9]")).get(claim));
    assertEquals(List.of(Outcome.NOT_SHOWN), outcomes(training(gain(1, 2), small, "[1, 99, 1, 99]")).get(claim), "one of the two");
  }

  @Test
  void steadinessDoesNotDependOnTheScaleOfTheScore() throws Exception {
    Steadiness one = Steadiness.of(JSON.readTree("{\"score_mean\": [1, 2, 2, 4], \"score_std\": [2, 1, 1, 1]}"));
    Steadiness other = Steadiness.of(JSON.readTree("{\"score_mean\": [110, 120, 120, 140], \"score_std\": [20, 10, 10, 10]}"));
    assertEquals(one.spread(), other.spread(), 1e-12);
    assertEquals(one.change(), other.change(), 1e-12);
    assertEquals(5.0 / 4 / 2, one.spread(), 1e-12);
    assertEquals(Math.sqrt((0 + 1 + 1) / 2.0) / 2, one.change(), 1e-12, "changes 1, 0, 2 around their mean 1");
    assertNull(Steadiness.of(JSON.readTree("{\"score_mean\": [1, 2], \"score_std\": [1, 1]}")), "too few rounds");
    assertNull(Steadiness.of(JSON.readTree("{\"score_mean\": [1, 2, 3], \"score_std\": [0, 0, 0]}")), "no scale");
  }

  @Test
  void aLosingTppoIsShownAsOne() throws Exception {
    Files.writeString(root.resolve("results.json"), differences(difference("tppo_minus_ppo", -6, -2), difference("ppo_minus_sft", 1, 2),
        difference("tppo_minus_sft", -4, -1)));
    Page page = Page.of(ReportWriter.page(root));
    assertEquals("TPPO is 4.0 points less relevant than PPO and 2.5 less than SFT", page.heading());
    assertEquals(List.of("contradicted", "contradicted", "shown", "contradicted"), page.elements("b").stream()
        .filter(e -> e.getAttribute("class").startsWith("badge")).map(e -> e.getTextContent()).toList());
    assertTrue(page.text().contains("another data set"), "the paper's figures are labelled");
  }
}
