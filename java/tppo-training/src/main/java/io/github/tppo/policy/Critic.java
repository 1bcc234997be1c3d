// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.policy;

import io.github.tppo.kernels.Kernels;
import io.github.tppo.kernels.NativeArray;
import io.github.tppo.kernels.TokenLayout;
import io.github.tppo.kernels.ValueLossOptions;
import io.github.tppo.kernels.ValueLossOutputs;
import io.github.tppo.kernels.ValueLossStats;
import io.github.tppo.model.AdamW;
import io.github.tppo.model.Autograd;
import io.github.tppo.model.Decoder;
import io.github.tppo.model.Pass;
import io.github.tppo.model.Scope;
import io.github.tppo.model.StepResult;
import io.github.tppo.model.Tensors;
import io.github.tppo.model.TrainingState;
import io.github.tppo.run.ComputeConfig;
import io.github.tppo.run.OptimizerConfig;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * The value of the state before each response token: a linear head on a trunk of its own, which starts as a copy of
 * the policy's. The head starts at zero, so that the first values are 0 and not noise.
 */
final class Critic implements AutoCloseable {
  private final Decoder trunk;
  private final Tensor headWeight;
  private final Tensor headBias;
  private final Map<String, Tensor> parameters;
  private final AdamW optimizer;
  private final int padId;
  private final double valueClip;
  private final boolean checkpointing;

  /**
   * @param trunk owned by the critic from here on
   * @param valueClip distance from the old value at which the loss is clipped; 0 = never
   */
  Critic(Decoder trunk, int padId, double valueClip, ComputeConfig compute, OptimizerConfig optimizer) {
    this.trunk = trunk;
    this.padId = padId;
    this.valueClip = valueClip;
    this.checkpointing = compute.gradientCheckpointing();
    trunk.setPrecision(compute.precision());
    try (Scope scope = Scope.noGrad()) {
      headWeight = Scope.own(Tensors.zeros(ScalarType.Float, 1, trunk.config().hiddenSize()).set_requires_grad(true));
      headBias = Scope.own(Tensors.zeros(ScalarType.Float, 1).set_requires_grad(true));
    }
    parameters = new LinkedHashMap<>(trunk.trainable());
    parameters.remove("lm_head.weight"); // the critic's trunk has no use for an untied output matrix
    parameters.put("value_head.weight", headWeight);
    parameters.put("value_head.bias", headBias);
    this.optimizer = new AdamW(parameters, Optimizers.options(optimizer));
  }

  /** Values of the scored tokens of a batch, packed [tokens]. */
  float[] values(SequenceBatch batch) {
    try (Scope scope = Scope.noGrad()) {
      return Tensors.toFloats(head(batch, trunk.hidden(batch.inputIds(padId), batch.attentionMask())));
    }
  }

  /** What the values of some sequences are trained towards; arrays are packed [tokens], {@code valid} is 1 where a token counts. */
  record Targets(SequenceBatch batch, float[] oldValues, float[] returns, byte[] valid) {
    int validTokens() {
      int count = 0;
      for (byte one : valid) {
        count += one != 0 ? 1 : 0;
      }
      return count;
    }

    /** Sequences that have a valid token. */
    int validSequences() {
      int count = 0;
      for (int b = 0; b < batch.size(); b++) {
        boolean any = false;
        for (int i = batch.cuSeqlens()[b]; i < batch.cuSeqlens()[b + 1]; i++) {
          any |= valid[i] != 0;
        }
        count += any ? 1 : 0;
      }
      return count;
    }
  }

  /** One optimiser step towards the returns of a batch that comes in micro-batches, of which there is at least one. */
  Step step(List<Targets> microBatches, double rate) {
    optimizer.zeroGrad();
    ValueLossOptions options = ValueLossOptions.defaults().withClip(valueClip > 0 ? valueClip : -1)
        .withNormalizer(microBatches.stream().mapToInt(Targets::validTokens).sum());
    float[] found = new float[microBatches.stream().mapToInt(targets -> targets.batch().tokens()).sum()];
    ValueLossStats sum = null;
    int at = 0;
    for (Targets targets : microBatches) {
      ValueLossStats loss = backward(targets, options, found, at);
      sum = sum == null ? loss : sum.plus(loss);
      at += targets.batch().tokens();
    }
    return new Step(sum, optimizer.step(rate), found);
  }

  /** Puts the values into {@code found}, from {@code at} on. */
  private ValueLossStats backward(Targets targets, ValueLossOptions options, float[] found, int at) {
    try (Scope scope = Scope.withGrad()) {
      SequenceBatch batch = targets.batch();
      Pass pass = trunk.forward(batch.inputIds(padId), batch.attentionMask(), checkpointing);
      Tensor values = head(batch, pass.hidden());
      float[] now = Tensors.toFloats(values);
      System.arraycopy(now, 0, found, at, now.length);
      Tensor gradient = Tensors.empty(ScalarType.Float, batch.tokens());
      ValueLossStats stats = Kernels.valueLoss(TokenLayout.flat(batch.tokens()).withMask(NativeArray.ofBytes(targets.valid())),
          Tensors.view(values.detach()), NativeArray.ofFloats(targets.oldValues()), NativeArray.ofFloats(targets.returns()), options,
          new ValueLossOutputs(null, Tensors.view(gradient)));
      Autograd.backward(values, gradient);
      pass.backward();
      return stats;
    }
  }

  /**
   * What a step did.
   *
   * @param values before it, packed over the tokens of all micro-batches
   */
  record Step(ValueLossStats loss, StepResult optimizer, float[] values) {}

  private Tensor head(SequenceBatch batch, Tensor hidden) {
    return torch.linear(batch.scoredRows(hidden), headWeight, new TensorOptional(headBias)).reshape(-1);
  }

  void save(Path folder) throws IOException {
    TrainingState.save(folder, parameters, optimizer);
  }

  void load(Path folder) throws IOException {
    TrainingState.load(folder, parameters, optimizer);
  }

  @Override
  public void close() {
    optimizer.close();
    headWeight.close();
    headBias.close();
    trunk.close();
  }
}
