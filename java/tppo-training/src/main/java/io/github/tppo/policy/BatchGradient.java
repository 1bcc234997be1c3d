// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.policy;

import io.github.tppo.model.Autograd;
import io.github.tppo.model.Scope;
import io.github.tppo.model.Workers;
import io.github.tppo.run.Check;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.BinaryOperator;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.Tensor;

/**
 * The gradient of a batch on a model: its parts run side by side, the first on the model and the others on replicas, each in
 * micro-batches one after the other. All sums have a fixed order, so that no bit depends on the number of threads.
 *
 * @param <M> the model
 */
public final class BatchGradient<M> {
  /** Fixed, so that results do not depend on the number of threads. */
  private static final int PARTS = 2;

  private final List<M> models = new ArrayList<>();
  private final Function<M, Map<String, Tensor>> trainable;
  private final int microBatchSize;

  /**
   * @param replica makes a model on the same weights with gradients of its own
   * @param trainable the parameters of a model that get gradients
   * @param microBatchSize most examples in a pass; 0 = a part at once
   */
  public BatchGradient(M model, UnaryOperator<M> replica, Function<M, Map<String, Tensor>> trainable, int microBatchSize) {
    Check.atLeast("microBatchSize", microBatchSize, 0);
    models.add(Objects.requireNonNull(model, "model"));
    while (models.size() < PARTS) {
      models.add(replica.apply(model));
    }
    this.trainable = Objects.requireNonNull(trainable, "trainable");
    this.microBatchSize = microBatchSize;
  }

  /** Forward and backward pass of some examples, normalised by the whole batch; it runs in a scope of its own with autograd on. */
  public interface MicroBatch<M, T, S> {
    /** @param first number of the first example in the batch */
    S backward(M model, List<T> examples, int first);
  }

  /**
   * Adds the gradient of a batch to those of the model.
   *
   * @param plus adds up what the micro-batches return
   */
  public <T, S> S add(List<T> batch, MicroBatch<M, T, S> pass, BinaryOperator<S> plus) {
    Check.require(!batch.isEmpty(), "batch", "nothing", "at least one example");
    Objects.requireNonNull(pass, "pass");
    Objects.requireNonNull(plus, "plus");
    List<List<T>> parts = BatchParts.of(batch, PARTS);
    List<S> sums = new ArrayList<>();
    List<Runnable> tasks = new ArrayList<>();
    int first = 0;
    for (int i = 0; i < parts.size(); i++) {
      int part = i;
      int firstOfPart = first;
      sums.add(null);
      tasks.add(() -> sums.set(part, run(models.get(part), parts.get(part), firstOfPart, pass, plus)));
      first += parts.get(i).size();
    }
    Workers.run(tasks);
    for (int i = 1; i < parts.size(); i++) {
      Autograd.moveGradients(trainable.apply(models.get(i)), trainable.apply(models.get(0)));
    }
    return sums.stream().reduce(plus).orElseThrow();
  }

  private <T, S> S run(M model, List<T> part, int first, MicroBatch<M, T, S> pass, BinaryOperator<S> plus) {
    S sum = null;
    int at = first;
    for (List<T> examples : BatchParts.ofAtMost(part, microBatchSize)) {
      try (Scope scope = Scope.withGrad()) {
        S one = pass.backward(model, examples, at);
        sum = sum == null ? one : plus.apply(sum, one);
      }
      at += examples.size();
    }
    return sum;
  }

  /** The replicas, which whoever made this closes. */
  public List<M> replicas() {
    return models.subList(1, models.size());
  }
}
