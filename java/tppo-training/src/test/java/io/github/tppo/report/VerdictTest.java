// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.Locale;
import org.junit.jupiter.api.Test;

final class VerdictTest {
  private static Verdict verdict(double sft, double tppo, double low, double high) throws Exception {
    return new Verdict(new ObjectMapper().readTree(String.format(Locale.ROOT, """
        {"seeds": [1], "held_out_users": 600,
         "relevance_rate": {"token_template": {"copy": {"mean": 38.2}, "sft": {"mean": %s}, "tppo": {"mean": %s}}},
         "difference": {"tppo_minus_sft": {"token_template": {"mean": %s, "ci95": [%s, %s]}}}}""", sft, tppo, tppo - sft, low, high)));
  }

  @Test
  void aGainIsSaid() throws Exception {
    Verdict v = verdict(20.3, 24.1, 2.1, 5.4);
    assertEquals("TPPO is 3.8 points more relevant than SFT", v.heading());
    assertEquals("better", v.style());
    String text = v.sentence().replace('\u00A0', ' ');
    assertTrue(text.contains("24.1 %") && text.contains("20.3 %") && text.contains("+3.8 points, 95 % interval [2.1, 5.4]."), text);
    assertTrue(text.contains("scores 38.2 %: more than either model."), text);
  }

  @Test
  void aLossIsSaidJustAsPlainly() throws Exception {
    Verdict v = verdict(24.1, 20.3, -5.4, -2.1);
    assertEquals("TPPO is 3.8 points less relevant than SFT", v.heading());
    assertEquals("worse", v.style());
    assertTrue(v.sentence().contains("\u22123.8 points"), v.sentence());
  }

  @Test
  void anIntervalAroundZeroShowsNothing() throws Exception {
    Verdict v = verdict(20.3, 20.9, -0.4, 1.6);
    assertEquals("No difference between TPPO and SFT can be shown", v.heading());
    assertTrue(v.sentence().contains("which contains zero"), v.sentence());
    assertEquals("open", verdict(20, 20, 0, 0).style());
  }

  private static Verdict against(String ppo, String sft) throws Exception {
    return new Verdict(new ObjectMapper().readTree("{\"difference\": {\"tppo_minus_ppo\": {\"token_template\": " + ppo
        + "}, \"tppo_minus_sft\": {\"token_template\": " + sft + "}}}"));
  }

  @Test
  void bothRivalsAreInTheHeading() throws Exception {
    String more = "{\"mean\": 2, \"ci95\": [1, 3]}";
    String less = "{\"mean\": -4, \"ci95\": [-5, -3]}";
    String open = "{\"mean\": 0.5, \"ci95\": [-1, 2]}";
    assertEquals("TPPO is 2.0 points more relevant than PPO and 2.0 more than SFT", against(more, more).heading());
    assertEquals("TPPO is 2.0 points more relevant than PPO but 4.0 less than SFT", against(more, less).heading());
    assertEquals("TPPO is 4.0 points less relevant than SFT; no difference from PPO can be shown", against(open, less).heading());
    assertEquals("No difference of TPPO from PPO or from SFT can be shown", against(open, open).heading());
    assertEquals("better", against(more, open).style());
    assertEquals("open", against(more, less).style(), "neither colour when the two disagree");
    assertEquals("worse", against(open, less).style());
  }
}
