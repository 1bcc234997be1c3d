// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.data;

/** One parsed row of a log; filled again for every line. */
final class LogRow {
  String user;
  /** Milliseconds since 1970. */
  long time;
  /** The query as typed. */
  String query;
  /** The clicked address as logged, or empty. */
  String click;
}
