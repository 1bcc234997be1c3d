// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.data;

import java.io.IOException;

/** Takes the records of users, in the order of the log. */
interface RecordSink {
  /**
   * Adds a record.
   *
   * @param key hash of the user
   * @param stretch number of the stretch of neighbouring rows of one user that the record belongs to
   */
  void add(long key, int stretch, byte[] record, int length) throws IOException;

  /** Adds a record that only says that its key exists: it is visited if it is the key's first, and counts nowhere. */
  void addPresence(long key, int stretch, byte[] record, int length) throws IOException;
}
