// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.policy;

import io.github.tppo.model.Autograd;
import io.github.tppo.model.Decoder;
import io.github.tppo.model.Scope;
import io.github.tppo.model.Tensors;
import java.util.Arrays;
import java.util.List;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/** Policy and value loss of a mini-batch by libtorch's autograd over whole logits and by float64 sums. */
@SuppressWarnings("try") // scopes are opened for what their closing frees
final class PpoOracle {
  private final PpoSetting setting;

  PpoOracle(PpoSetting setting) {
    this.setting = setting;
  }

  /** Loss and sums over the valid tokens of one mini-batch. */
  record PolicyStep(double loss, double gradNorm, double valid, double clipped, double k3, double entropy, double ratio) {}

  /** Leaves the gradient in the policy's parameters. */
  PolicyStep policy(Decoder policy, Rollout rollout, int[] indices, boolean sequenceMean) {
    Autograd.zeroGradients(policy.parameters().values());
    byte[] valid = rollout.gather(rollout.valid(), indices);
    float[] advantages = rollout.gather(rollout.advantages(), indices);
    List<Sequence> sequences = Arrays.stream(indices).mapToObj(rollout.sequences()::get).toList();
    double low = 1 - setting.policy().clipLow();
    double high = 1 + setting.policy().clipHigh();
    try (Scope scope = Scope.withGrad()) {
      SequenceBatch batch = SequenceBatch.ofResponses(sequences);
      int n = batch.tokens();
      Tensor weights = Tensors.of(weights(batch, valid, sequenceMean), n);
      Tensor all = batch.scoredRows(policy.hidden(batch.inputIds(TinyPolicies.PAD), batch.attentionMask()))
          .matmul(policy.outputWeight().t()).div(new Scalar(setting.sampling().temperature())).log_softmax(1);
      Tensor logprobs = all.gather(1, Tensors.of(batch.targets(), n, 1)).reshape(-1);
      Tensor entropy = all.exp().mul(all).sum(1).neg();
      Tensor difference = logprobs.sub(Tensors.of(rollout.gather(rollout.oldLogprobs(), indices), n));
      Tensor ratio = difference.exp();
      Tensor a = Tensors.of(advantages, n);
      Tensor objective = torch.minimum(ratio.mul(a), ratio.clamp_min(new Scalar(low)).clamp_max(new Scalar(high)).mul(a));
      Tensor loss = objective.add(entropy.mul(new Scalar(setting.policy().entropyCoef()))).mul(weights).sum().neg();
      Autograd.backward(loss, Tensors.of(new float[] {1}));
      double[] sums = new double[5];
      double[] r = Tensors.toDoubles(ratio);
      double[] d = Tensors.toDoubles(difference);
      double[] e = Tensors.toDoubles(entropy);
      for (int i = 0; i < n; i++) {
        if (valid[i] != 0) {
          boolean clipped = advantages[i] > 0 && r[i] > high || advantages[i] < 0 && r[i] < low;
          double[] terms = {1, clipped ? 1 : 0, r[i] - 1 - d[i], e[i], r[i]};
          for (int k = 0; k < terms.length; k++) {
            sums[k] += terms[k];
          }
        }
      }
      return new PolicyStep(loss.item_double(), gradNorm(policy), sums[0], sums[1], sums[2], sums[3], sums[4]);
    }
  }

  private static float[] weights(SequenceBatch batch, byte[] valid, boolean sequenceMean) {
    float[] weights = new float[batch.tokens()];
    double tokens = 0;
    double sequences = 0;
    for (int b = 0; b < batch.size(); b++) {
      int count = 0;
      for (int i = batch.cuSeqlens()[b]; i < batch.cuSeqlens()[b + 1]; i++) {
        count += valid[i];
      }
      for (int i = batch.cuSeqlens()[b]; i < batch.cuSeqlens()[b + 1]; i++) {
        weights[i] = valid[i] == 0 ? 0 : sequenceMean ? 1f / count : 1;
      }
      tokens += count;
      sequences += count > 0 ? 1 : 0;
    }
    for (int i = 0; i < weights.length; i++) {
      weights[i] /= (float) (sequenceMean ? sequences : tokens);
    }
    return weights;
  }

  private static double gradNorm(Decoder policy) {
    double squares = 0;
    try (Scope scope = Scope.noGrad()) {
      for (Tensor parameter : policy.parameters().values()) {
        for (double g : Tensors.toDoubles(parameter.grad())) {
          squares += g * g;
        }
      }
    }
    return Math.sqrt(squares);
  }

  /** Loss, and sums of: tokens, clipped tokens, values, returns, squared returns, squared errors. */
  double[] value(Critic critic, Rollout rollout, int[] indices) {
    SequenceBatch batch = SequenceBatch.ofResponses(Arrays.stream(indices).mapToObj(rollout.sequences()::get).toList());
    float[] values = critic.values(batch);
    float[] old = rollout.gather(rollout.values(), indices);
    float[] returns = rollout.gather(rollout.returns(), indices);
    byte[] valid = rollout.gather(rollout.valid(), indices);
    double clip = setting.policy().valueClip();
    double[] sums = new double[7];
    for (int i = 0; i < values.length; i++) {
      if (valid[i] != 0) {
        double error = Math.pow(values[i] - (double) returns[i], 2);
        double near = Math.max(old[i] - clip, Math.min(old[i] + clip, values[i]));
        double clipped = Math.pow(near - returns[i], 2);
        double[] terms = {0.5 * Math.max(error, clipped), 1, clipped > error ? 1 : 0, values[i], returns[i],
            (double) returns[i] * returns[i], error};
        for (int k = 0; k < terms.length; k++) {
          sums[k] += terms[k];
        }
      }
    }
    sums[0] /= Math.max(1, sums[1]);
    return sums;
  }
}
