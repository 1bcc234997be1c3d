// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.report;

import java.io.IOException;

/**
 * A subject of the page.
 *
 * @param id anchor
 * @param title heading, also in the navigation
 */
record Section(String id, String title, Body body) {

  /** Writes what the run's files have on the subject; nothing when they have nothing, and then the heading is left out too. */
  @FunctionalInterface
  interface Body {
    void write(Html html, RunFiles run) throws IOException;
  }
}
