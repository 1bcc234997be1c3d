// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.policy;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

class KlControllerTest {
  @Test
  void withoutTargetTheCoefficientStays() {
    KlController kl = new KlController(0.2, 0, 100);
    kl.update(50, 64);
    assertEquals(0.2, kl.coefficient());
  }

  /** TRL's AdaptiveKLController: error = clip(kl / target - 1, -0.2, 0.2), beta *= 1 + error * n / horizon. */
  @Test
  void steersToTheTarget() {
    KlController kl = new KlController(0.2, 6, 1000);
    kl.update(6, 64);
    assertEquals(0.2, kl.coefficient(), 1e-15);
    kl.update(6.6, 64);
    assertEquals(0.2 * (1 + 0.1 * 64 / 1000), kl.coefficient(), 1e-15);
    kl.restore(0.2);
    kl.update(60, 64);
    assertEquals(0.2 * (1 + 0.2 * 64 / 1000), kl.coefficient(), 1e-15, "clipped above");
    kl.restore(0.2);
    kl.update(-60, 64);
    assertEquals(0.2 * (1 - 0.2 * 64 / 1000), kl.coefficient(), 1e-15, "clipped below");
  }
}
