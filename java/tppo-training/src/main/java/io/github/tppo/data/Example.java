// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.data;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonProperty;
import io.github.tppo.run.Check;
import java.util.List;

/**
 * One data point: what a user did, and what the user searched next. Its JSON is one line of the industrial form,
 * {@code {"user":..,"history":{"search":[],"click":[],"purchase":[],"visit":[]},"target_queries":[]}}.
 *
 * @param user the user's id as the log gives it
 * @param history what came before the first target
 * @param targets the queries that followed, oldest first, all different
 */
@JsonIgnoreProperties(ignoreUnknown = true)
public record Example(
    @JsonProperty("user") String user,
    @JsonProperty("history") History history,
    @JsonProperty("target_queries") List<String> targets) {

  /** Checks that there is a user and a history; absent targets become an empty list. */
  public Example {
    if (user == null || user.isEmpty()) {
      throw new IllegalArgumentException("user: missing or empty");
    }
    if (history == null) {
      throw new IllegalArgumentException("history: missing");
    }
    targets = targets == null ? List.of() : Check.list("targets", targets);
  }
}
