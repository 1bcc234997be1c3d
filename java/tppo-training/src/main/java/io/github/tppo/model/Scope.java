// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import io.github.tppo.kernels.LeakReport;
import java.util.Objects;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.GradMode;
import org.bytedeco.pytorch.Tensor;

/**
 * Frees every native object made in it, tensors above all, when it is closed; the only place of this package where the
 * life of native memory is decided. One scope per training step and per generation step keeps resident memory flat
 * without waiting for the garbage collector.
 *
 * <pre>{@code
 * try (Scope scope = Scope.noGrad()) {
 *     Tensor hidden = decoder.hidden(ids, mask);
 *     return scope.keep(head(hidden));      // lives on in the caller's scope, all else is freed
 * }
 * }</pre>
 *
 * <p>A scope belongs to the thread that opened it; scopes of a thread are closed in the reverse order of opening. What no scope frees and
 * nobody closes is named by {@link LeakReport}.
 */
public final class Scope implements AutoCloseable {

  private final PointerScope outer;
  private final PointerScope pointers;
  private final boolean gradientsBefore;
  private boolean closed;

  private Scope(boolean gradients) {
    outer = PointerScope.getInnerScope();
    pointers = new PointerScope();
    gradientsBefore = GradMode.is_enabled();
    if (gradients != gradientsBefore) {
      GradMode.set_enabled(gradients);
    }
    LeakReport.opened(this, "scope", 0);
  }

  /** Opens a scope that leaves autograd as it is. */
  public static Scope open() {
    return new Scope(GradMode.is_enabled());
  }

  /** Opens a scope in which autograd records nothing. */
  public static Scope noGrad() {
    return new Scope(false);
  }

  /** Opens a scope in which autograd records, also inside a {@link #noGrad} scope. */
  public static Scope withGrad() {
    return new Scope(true);
  }

  /**
   * Lets an object outlive this scope: it goes to the enclosing scope of the thread or, where there is none, to the
   * caller, who closes it.
   */
  public <P extends Pointer> P keep(P pointer) {
    Objects.requireNonNull(pointer, "pointer");
    if (outer != null) {
      outer.attach(pointer);
    } else {
      own(pointer);
    }
    return pointer;
  }

  /** Takes an object out of the reach of all scopes; whoever owns it calls {@code close()} on it once. */
  public static <P extends Pointer> P own(P pointer) {
    Objects.requireNonNull(pointer, "pointer").retainReference();
    if (LeakReport.ON) {
      boolean sized = pointer instanceof Tensor tensor && tensor.defined();
      LeakReport.opened(pointer, sized ? "tensor" : pointer.getClass().getSimpleName(),
          sized ? ((Tensor) pointer).numel() * ((Tensor) pointer).element_size() : 0);
    }
    return pointer;
  }

  /**
   * Frees what was made in this scope and not kept, and puts autograd back to what it was.
   *
   * @throws IllegalStateException when called twice
   */
  @Override
  public void close() {
    if (closed) {
      throw new IllegalStateException("scope is closed already");
    }
    closed = true;
    LeakReport.closed(this);
    if (GradMode.is_enabled() != gradientsBefore) {
      GradMode.set_enabled(gradientsBefore);
    }
    pointers.close();
  }
}
