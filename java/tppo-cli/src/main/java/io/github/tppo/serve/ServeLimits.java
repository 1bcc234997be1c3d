// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.serve;

import java.time.Duration;

/**
 * What the service takes on.
 *
 * @param maxBodyBytes largest body of a request
 * @param maxHistories most histories in one request
 * @param maxConcurrent most requests that are answered at a time, in one batch
 * @param maxQueue most requests that wait for that; further ones are turned away
 * @param maxConnections most open connections; further ones wait to be accepted. Each has a thread while a request is in work
 * @param requestTimeout how long a request may take, from its first byte to its answer
 * @param grace how long requests in work may take when the service stops
 */
public record ServeLimits(int maxBodyBytes, int maxHistories, int maxConcurrent, int maxQueue, int maxConnections,
    Duration requestTimeout, Duration grace) {
  /** The defaults. */
  public static ServeLimits defaults() {
    return new ServeLimits(1 << 20, 64, 16, 64, 256, Duration.ofSeconds(60), Duration.ofSeconds(30));
  }
}
