// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.data;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonProperty;
import io.github.tppo.run.Check;
import java.util.List;

/**
 * What a user did before the queries to be predicted. Every list is oldest first, immutable and never null.
 *
 * @param search queries typed
 * @param click what was clicked: hosts in open logs, titles in the industrial form
 * @param purchase products bought (industrial form only)
 * @param visit pages visited (industrial form only)
 */
@JsonIgnoreProperties(ignoreUnknown = true)
public record History(
    @JsonProperty("search") List<String> search,
    @JsonProperty("click") List<String> click,
    @JsonProperty("purchase") List<String> purchase,
    @JsonProperty("visit") List<String> visit) {

  /** Copies the lists; a null list becomes an empty one. */
  public History {
    search = search == null ? List.of() : Check.list("search", search);
    click = click == null ? List.of() : Check.list("click", click);
    purchase = purchase == null ? List.of() : Check.list("purchase", purchase);
    visit = visit == null ? List.of() : Check.list("visit", visit);
  }

  /** A history of searches and clicks, as open logs have it. */
  public static History of(List<String> search, List<String> click) {
    return new History(search, click, List.of(), List.of());
  }

  /** Number of entries in all four lists. */
  public int entries() {
    return search.size() + click.size() + purchase.size() + visit.size();
  }
}
