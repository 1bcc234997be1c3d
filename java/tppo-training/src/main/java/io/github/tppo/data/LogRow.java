// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.data;

/** One parsed row of a log; filled again for every line. */
final class LogRow {
  final Utf8 user = new Utf8();
  /** Milliseconds since 1970. */
  long time;
  /** The query as typed. */
  final Utf8 query = new Utf8();
  /** The clicked address as logged, or empty. */
  final Utf8 click = new Utf8();
}
