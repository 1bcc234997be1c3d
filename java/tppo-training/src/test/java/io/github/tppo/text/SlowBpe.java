// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.text;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.regex.Matcher;

/** BPE training as the definition says, counting all pairs anew for every merge: the reference for the fast trainer. */
final class SlowBpe {

  private SlowBpe() {
  }

  static List<String> train(List<String> texts, int vocabulary) {
    List<String> symbols = new ArrayList<>(TokenizerJson.SPECIAL_TOKENS);
    TreeSet<String> alphabet = new TreeSet<>();
    for (int b = 0; b < 256; b++) {
      alphabet.add(String.valueOf(ByteLevel.charOf(b)));
    }
    symbols.addAll(alphabet);
    List<List<String>> words = new ArrayList<>();
    for (String text : texts) {
      Matcher m = ByteLevel.WORDS.matcher(text);
      while (m.find()) {
        words.add(new ArrayList<>(List.of(ByteLevel.encode(m.group()).split(""))));
      }
    }
    while (symbols.size() < vocabulary) {
      Map<List<String>, Integer> counts = new HashMap<>();
      for (List<String> word : words) {
        for (int i = 0; i + 1 < word.size(); i++) {
          counts.merge(List.of(word.get(i), word.get(i + 1)), 1, Integer::sum);
        }
      }
      List<String> best = null;
      for (Map.Entry<List<String>, Integer> e : counts.entrySet()) {
        if (e.getValue() >= 2 && (best == null || isBefore(symbols, e, best, counts.get(best)))) {
          best = e.getKey();
        }
      }
      if (best == null) {
        return symbols;
      }
      if (!symbols.contains(best.get(0) + best.get(1))) {
        symbols.add(best.get(0) + best.get(1));
      }
      for (List<String> word : words) {
        for (int i = 0; i + 1 < word.size(); i++) {
          if (word.get(i).equals(best.get(0)) && word.get(i + 1).equals(best.get(1))) {
            word.set(i, best.get(0) + best.get(1));
            word.remove(i + 1);
          }
        }
      }
    }
    return symbols;
  }

  private static boolean isBefore(List<String> symbols, Map.Entry<List<String>, Integer> e, List<String> best, int count) {
    if (e.getValue() != count) {
      return e.getValue() > count;
    }
    int left = Integer.compare(symbols.indexOf(e.getKey().get(0)), symbols.indexOf(best.get(0)));
    return left != 0 ? left < 0 : symbols.indexOf(e.getKey().get(1)) < symbols.indexOf(best.get(1));
  }
}
