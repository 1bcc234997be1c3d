// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.policy;

import io.github.tppo.model.Autograd;
import io.github.tppo.model.Decoder;
import io.github.tppo.model.Scope;
import io.github.tppo.model.Tensors;
import io.github.tppo.run.DpoConfig;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/** Steps of direct preference optimisation by libtorch's autograd over whole logits, pair by pair, and AdamW by its formulae in float64. */
@SuppressWarnings("try") // scopes are opened for what their closing frees
final class DpoOracle {
  private final Decoder policy;
  private final Decoder reference;
  private final DpoConfig config;
  private final double temperature;
  private final Map<String, double[][]> moments = new HashMap<>();
  private int steps;

  DpoOracle(Decoder policy, Decoder reference, DpoConfig config, double temperature) {
    this.policy = policy;
    this.reference = reference;
    this.config = config;
    this.temperature = temperature;
  }

  /** One step on a batch; weights without decay. */
  Map<String, Double> step(List<PreferencePair> pairs) {
    Autograd.zeroGradients(policy.parameters().values());
    double[] sums = new double[7];
    try (Scope scope = Scope.withGrad()) {
      for (PreferencePair pair : pairs) {
        Tensor chosen = logprob(policy, pair.chosen());
        Tensor rejected = logprob(policy, pair.rejected());
        Tensor chosenReward = chosen.sub(logprob(reference, pair.chosen()).detach()).mul(new Scalar(config.beta()));
        Tensor rejectedReward = rejected.sub(logprob(reference, pair.rejected()).detach()).mul(new Scalar(config.beta()));
        Tensor margin = chosenReward.sub(rejectedReward);
        Tensor loss = torch.log_sigmoid(margin).neg().div(new Scalar((double) pairs.size()));
        Autograd.backward(loss, Tensors.of(new float[] {1}).reshape(Tensors.shape(loss)));
        double[] terms = {loss.item_double() * pairs.size(), chosenReward.item_double(), rejectedReward.item_double(),
            margin.item_double() > 0 ? 1 : 0, margin.item_double(), chosen.item_double(), rejected.item_double()};
        for (int k = 0; k < terms.length; k++) {
          sums[k] += terms[k] / pairs.size();
        }
      }
    }
    Map<String, Double> metrics = new LinkedHashMap<>();
    List<String> names = List.of("loss/dpo", "rewards/chosen", "rewards/rejected", "rewards/accuracies", "rewards/margins",
        "logps/chosen", "logps/rejected");
    for (int k = 0; k < sums.length; k++) {
      metrics.put(names.get(k), sums[k]);
    }
    metrics.put("policy/grad_norm", update());
    return metrics;
  }

  private Tensor logprob(Decoder model, Sequence sequence) {
    int[] ids = IntStream.range(0, sequence.length()).map(sequence::token).toArray();
    Tensor all = model.hidden(Tensors.ids(ids, 1, ids.length), null).matmul(model.outputWeight().t())
        .div(new Scalar(temperature)).log_softmax(2);
    Tensor of = all.narrow(1, 0, ids.length - 1).gather(2, Tensors.ids(ids, 1, ids.length).narrow(1, 1, ids.length - 1).unsqueeze(2));
    return of.reshape(-1).narrow(0, sequence.prompt().length - 1, sequence.response().length).sum();
  }

  /** Returns the norm of the gradients before they are clipped. */
  private double update() {
    Map<String, double[]> gradients = new LinkedHashMap<>();
    policy.parameters().forEach((name, tensor) -> gradients.put(name, Tensors.toDoubles(Autograd.gradient(tensor))));
    double norm = Math.sqrt(gradients.values().stream().flatMapToDouble(Arrays::stream).map(g -> g * g).sum());
    double scale = Math.min(1, config.optimizer().maxGradNorm() / norm);
    double b1 = config.optimizer().beta1();
    double b2 = config.optimizer().beta2();
    steps++;
    try (Scope scope = Scope.noGrad()) {
      policy.parameters().forEach((name, tensor) -> {
        double[] g = gradients.get(name);
        double[][] m = moments.computeIfAbsent(name, n -> new double[2][g.length]);
        float[] weights = Tensors.toFloats(tensor);
        for (int i = 0; i < g.length; i++) {
          double gradient = scale * g[i];
          m[0][i] = b1 * m[0][i] + (1 - b1) * gradient;
          m[1][i] = b2 * m[1][i] + (1 - b2) * gradient * gradient;
          double mean = m[0][i] / (1 - Math.pow(b1, steps));
          double root = Math.sqrt(m[1][i] / (1 - Math.pow(b2, steps)));
          weights[i] -= (float) (config.optimizer().learningRate() * mean / (root + config.optimizer().epsilon()));
        }
        tensor.detach().copy_(Tensors.of(weights, weights.length).reshape(Tensors.shape(tensor)));
      });
    }
    return norm;
  }
}
