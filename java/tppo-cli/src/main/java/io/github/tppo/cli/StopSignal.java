// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.cli;

import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.jline.utils.Signals;

/**
 * Ctrl-C and the polite kill: the first asks the running stage to save what it has and end, the second ends the
 * process at once. A run that was asked to stop exits with status 1.
 */
final class StopSignal implements BooleanSupplier {
  private final AtomicBoolean requested = new AtomicBoolean();
  private final Consumer<String> say;

  private StopSignal(Consumer<String> say) {
    this.say = say;
  }

  /** Begins to listen. */
  static StopSignal install(Consumer<String> say) {
    StopSignal signal = new StopSignal(say);
    for (String name : new String[] {"INT", "TERM"}) {
      Signals.register(name, signal::received);
    }
    return signal;
  }

  void received() {
    if (requested.getAndSet(true)) {
      Runtime.getRuntime().halt(Tppo.FAILED);
    }
    say.accept("stopping as soon as the state is saved; again to end at once");
  }

  @Override
  public boolean getAsBoolean() {
    return requested.get();
  }
}
