// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.cli;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.jline.utils.Signals;

/**
 * Ctrl-C and the polite kill: the first asks what is running to end in good order, the second ends the process at once,
 * with status 1.
 */
final class StopSignal implements BooleanSupplier {
  private final AtomicBoolean requested = new AtomicBoolean();
  private final CountDownLatch asked = new CountDownLatch(1);
  private final String answer;
  private final Consumer<String> say;

  private StopSignal(String answer, Consumer<String> say) {
    this.answer = answer;
    this.say = say;
  }

  /**
   * Begins to listen.
   *
   * @param answer said to the first signal
   */
  static StopSignal install(String answer, Consumer<String> say) {
    StopSignal signal = new StopSignal(answer, say);
    for (String name : new String[] {"INT", "TERM"}) {
      Signals.register(name, signal::received);
    }
    return signal;
  }

  void received() {
    if (requested.getAndSet(true)) {
      Runtime.getRuntime().halt(Tppo.FAILED);
    }
    say.accept(answer);
    asked.countDown();
  }

  /** Waits for the first signal. */
  void await() throws InterruptedException {
    asked.await();
  }

  @Override
  public boolean getAsBoolean() {
    return requested.get();
  }
}
