// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.data;

import java.util.Locale;

/** The three parts that users are dealt to; no user is in two. */
public enum Split {
  TRAIN, VALID, EVAL;

  /** The name in stats.json. */
  public String key() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** The file of this part in the stage's folder. */
  public String fileName() {
    return key() + ".jsonl";
  }

  /** The part of a user of {@code files}: a seeded hash of the id decides, nothing else. */
  static Split of(DataConfig config, String user) {
    double u = UserHash.unit(UserHash.of(config.seed(), user));
    return u < config.evalFraction() ? EVAL : u < config.evalFraction() + config.validFraction() ? VALID : TRAIN;
  }
}
