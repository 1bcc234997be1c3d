// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import java.util.Arrays;
import java.util.Map;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * Starting weights of a small reward model that see at once which words of a response stand in the history. The token
 * embeddings are the policy's, and query and key projections of layer 0 are the same orthogonal matrix, so that a token
 * attends to its own kind; token types tell where it finds it. All other weights stay random, and all weights are trained.
 */
public final class MatchingStart {
  /** Spread of the embeddings, so that they outweigh positions and types. */
  private static final double EMBEDDING_STD = 0.05;
  private static final double QUERY_KEY_SCALE = 1.5;
  /** Spread of what the first layer's attention passes on; the other weights have 0.02. */
  private static final double VALUE_STD = 0.06;
  /** A random stream that {@link Longformer#create} with the same seed does not use. */
  private static final long STREAM = 1L << 33;

  private MatchingStart() {}

  /**
   * Sets the weights in place.
   *
   * @param policy gives the embeddings; its vocabulary and width must be the model's
   * @throws IllegalArgumentException when they are not
   */
  public static void apply(Longformer model, Decoder policy, long seed) {
    Map<String, Tensor> parameters = model.parameters();
    try (Scope scope = Scope.noGrad()) {
      Tensor from = Precision.FLOAT32.cast(policy.parameters().get(Decoder.EMBEDDING).detach());
      Tensor to = parameters.get("longformer.embeddings.word_embeddings.weight").detach();
      if (!Arrays.equals(Tensors.shape(from), Tensors.shape(to))) {
        throw new IllegalArgumentException("reward.init matching: the policy's embeddings are "
            + Arrays.toString(Tensors.shape(from)) + ", the reward model's " + Arrays.toString(Tensors.shape(to))
            + "; give both the same hidden_size, or set reward.init to random");
      }
      Tensor centred = from.sub(from.mean(new long[] {0}));
      to.copy_(centred.mul(new Scalar(EMBEDDING_STD / centred.std().item_double())));
      int hidden = model.config().hiddenSize();
      float[] normal = new float[hidden * hidden];
      Philox.normals(seed, STREAM, normal);
      Tensor match = torch.linalg_qr(Tensors.of(normal, hidden, hidden)).get0().mul(new Scalar(QUERY_KEY_SCALE));
      String layer = "longformer.encoder.layer.0.attention.";
      parameters.get(layer + "self.query.weight").detach().copy_(match);
      parameters.get(layer + "self.key.weight").detach().copy_(match);
      Scalar louder = new Scalar(VALUE_STD / model.config().initializerRange());
      parameters.get(layer + "self.value.weight").detach().mul_(louder);
      parameters.get(layer + "output.dense.weight").detach().mul_(louder);
    }
  }
}
