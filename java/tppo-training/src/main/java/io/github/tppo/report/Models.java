// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.report;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/** The compared models: their order, names and colours, the same in every figure. */
final class Models {
  private static final List<String> ORDER = List.of("copy", "sft", "dpo", "ppo", "tppo", "printed");
  private static final Set<String> ACRONYMS = Set.of("sft", "dpo", "ppo", "tppo");

  private Models() {}

  /** The known models first, in the order of the method's history, then all others. */
  static List<String> sorted(Collection<String> names) {
    List<String> sorted = new ArrayList<>(ORDER);
    sorted.retainAll(names);
    names.stream().filter(n -> !ORDER.contains(n)).sorted().forEach(sorted::add);
    return sorted;
  }

  /** What a model is called on the page. */
  static String label(String name) {
    if (name.equals("printed")) {
      return "TPPO as printed";
    }
    if (name.isEmpty() || ACRONYMS.contains(name)) {
      return name.toUpperCase(Locale.ROOT);
    }
    return name.substring(0, 1).toUpperCase(Locale.ROOT) + name.substring(1).replace('_', ' ');
  }

  /** What a model is, in a few words. */
  static String about(String name) {
    return switch (name) {
      case "copy" -> "the user’s last queries again, no model";
      case "sft" -> "supervised fine-tuning";
      case "dpo" -> "direct preference optimisation";
      case "ppo" -> "one reward for the whole response";
      case "tppo" -> "one reward for every token";
      case "printed" -> "settings of the paper";
      default -> "";
    };
  }

  /** The style class that carries a model's colour. */
  static String style(String name) {
    return ORDER.contains(name) ? "m-" + name : "m-other";
  }

  /** Where a trained model's files are in the folder of a run. */
  static String folder(String name) {
    return ACRONYMS.contains(name) ? name : "arms/" + name + "/tppo";
  }
}
