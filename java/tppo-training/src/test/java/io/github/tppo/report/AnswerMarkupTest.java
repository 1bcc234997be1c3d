// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.core.json.JsonWriteFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class AnswerMarkupTest {
  private static final String SCRIPT = "</li><script>alert('x')</script> & \"quoted\"";
  /** A family of four people: one character to a reader, eleven UTF-16 units. */
  private static final String FAMILY = "\uD83D\uDC68\u200D\uD83D\uDC69\u200D\uD83D\uDC67\u200D\uD83D\uDC66";

  @TempDir Path root;

  /** The page of one user whose answer has a token at every UTF-16 unit. */
  private String page(String user, String query) throws Exception {
    ObjectMapper json = JsonMapper.builder().enable(JsonWriteFeature.ESCAPE_NON_ASCII).build();
    String text = "1 " + query;
    ObjectNode line = json.createObjectNode().put("user", user).put("text", text).put("token_relevance", 0.5);
    line.putObject("history").putArray("search").add(query);
    line.putArray("target_queries").add(query);
    ArrayNode tokens = line.putArray("tokens");
    for (int i = 0; i < text.length(); i++) {
      tokens.addObject().put("start", i).put("end", i + 1).put("class", 1 + i % 2).put("reward", i % 2);
    }
    line.putArray("words").addObject().put("word", "x").put("start", 2).put("end", text.length()).put("score", 1);
    Files.createDirectories(root.resolve("evaluate"));
    Files.writeString(root.resolve("evaluate/tppo.jsonl"), json.writeValueAsString(line) + "\n");
    return ReportWriter.page(root);
  }

  @Test
  void markupInUserTextStaysText() throws Exception {
    String html = page(SCRIPT, SCRIPT);
    Page page = Page.of(html);
    assertEquals(1, page.elements("script").size());
    assertEquals(SCRIPT, page.elements("bdi").get(0).getTextContent());
    List<String> items = page.elements("li").stream().map(e -> e.getTextContent()).filter(SCRIPT::equals).toList();
    assertEquals(3, items.size(), "history, true query and answer hold the text as it is");
  }

  @Test
  void charactersAreNeverCutInPieces() throws Exception {
    Page page = Page.of(page("u", "ab " + FAMILY + " e\u0301"));
    List<String> pieces = page.elements("span").stream().filter(e -> e.hasAttribute("title")).map(e -> e.getTextContent()).toList();
    assertTrue(pieces.contains(FAMILY), pieces.toString());
    assertTrue(pieces.contains("e\u0301"), pieces.toString());
    assertEquals("ab" + FAMILY + "e\u0301", String.join("", pieces), "blanks take no colour");
  }

  @Test
  void rightToLeftAndControlCharactersStayInTheirPlace() throws Exception {
    String query = "\u05E9\u05DC\u05D5\u05DD \u202Ereversed";
    Page page = Page.of(page("\u202Eu", query));
    assertTrue(page.elements("li").stream().filter(e -> e.getTextContent().equals(query))
        .allMatch(e -> e.getAttribute("dir").equals("auto")));
    String html = page("a\u0000b\u001B", "lone \uD83D surrogate \u0007");
    assertFalse(html.chars().anyMatch(c -> c < 0x20 && c != '\n' && c != '\t'));
    Page.of(html);
  }

  @Test
  void coloursGoFromTheLowestToTheHighestReward() {
    Answer answer = new Answer("u", java.util.Map.of(), List.of(), "ab", List.of(new Answer.Token(0, 1, 1, 0.2),
        new Answer.Token(1, 2, 2, 0.8), new Answer.Token(2, 2, 0, 7)), List.of(), 0, 0, true, 3);
    RewardColours colours = RewardColours.of(List.of(answer));
    assertEquals(new RewardColours(0.2, 0.8), colours, "tokens of class 0 do not count");
    assertEquals("lo", colours.style(0.2));
    assertEquals("hi", colours.style(0.8));
    assertTrue(colours.strength(0.2).compareTo(colours.strength(0.8)) < 0);
    assertEquals("lo", new RewardColours(-1, 1).style(-0.5));
    assertEquals(new RewardColours(-1, 1).strength(-0.5), new RewardColours(-1, 1).strength(0.5));
    assertEquals(new RewardColours(-1, 1), RewardColours.of(List.of(new Answer("u", java.util.Map.of(), List.of(), "ab",
        List.of(new Answer.Token(0, 1, 1, -1), new Answer.Token(1, 2, 2, 0.5)), List.of(), 0, 0, true, 2))), "zero is in the middle");
  }
}
