// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.report;

import java.util.ArrayList;
import java.util.List;

/** A table whose first column names the rows. Tables without a row are left out. */
final class Table {
  private final String[] heads;
  private final List<Object[]> rows = new ArrayList<>();

  /** A cell: shown text, and the exact number behind it (NaN if none). */
  record Cell(double exact, String shown) {}

  /** @param heads names of the columns, the first one included */
  Table(String... heads) {
    this.heads = heads;
  }

  static Cell text(String text) {
    return new Cell(Double.NaN, text);
  }

  static Cell number(double exact, String shown) {
    return new Cell(exact, shown);
  }

  static Cell count(double exact) {
    return new Cell(exact, Numbers.count(exact));
  }

  /** A share between 0 and 1 as a percentage. */
  static Cell percent(double share) {
    return new Cell(share, Double.isNaN(share) ? "–" : Numbers.fixed(100 * share, 1) + " %");
  }

  Table row(String name, Cell... cells) {
    rows.add(new Object[] {name, cells});
    return this;
  }

  /** A wide table scrolls by itself, and what scrolls needs a name for those who cannot see it. */
  private String label() {
    return "Table: " + String.join(", ", heads);
  }

  /** Writes the table; nothing when it has no row. */
  void write(Html html) {
    if (rows.isEmpty()) {
      return;
    }
    html.open("div", "class", "scroll", "tabindex", "0", "role", "region", "aria-label", label()).open("table").open("thead").open("tr");
    for (String head : heads) {
      html.element("th", head, "scope", "col");
    }
    html.close().close().open("tbody");
    for (Object[] row : rows) {
      html.open("tr").element("th", (String) row[0], "scope", "row");
      for (Cell cell : (Cell[]) row[1]) {
        html.open("td");
        if (Double.isNaN(cell.exact())) {
          html.text(cell.shown());
        } else {
          html.number(cell.exact(), cell.shown());
        }
        html.close();
      }
      html.close();
    }
    html.close().close().close();
  }
}
