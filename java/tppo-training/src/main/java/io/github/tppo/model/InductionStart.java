// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import java.util.Map;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * Starting weights of a small policy in which the circuit that copies is set by hand: the heads of layer 0 look at the
 * token before, and those of layer 1 find where the current token stood before and read what came after it (induction
 * heads, Olsson et al. 2022). Copying from the history is most of what can be learned of search logs, and a small random
 * transformer finds this circuit only after millions of tokens; with it in place, training starts at once with what is
 * specific to the data. All other weights stay random, and all weights are trained.
 */
public final class InductionStart {
  private static final double EMBEDDING_STD = 0.09;
  /** Size of the one embedding dimension that is the same for every token, in units of the others' spread. */
  private static final double CONSTANT = 4;
  /** Strength of what the induction heads write, in units of the embeddings' spread. */
  private static final double COPY_STRENGTH = 8;
  /** Attention logit that a perfect match reaches. */
  private static final double SHARPNESS = 6;
  /** Rotary frequencies above this tell neighbouring positions apart. */
  private static final double POSITION_FREQUENCY = 0.15;
  /** Rotary frequencies below this hardly turn over a prompt, so they carry content. */
  private static final double CONTENT_FREQUENCY = 0.012;

  /** Random streams that {@link Decoder#create} with the same seed does not use. */
  private static final long FIRST_STREAM = 1L << 32;

  private final Map<String, Tensor> parameters;
  private final DecoderConfig config;
  private final int hidden;
  private final int head;
  private final long seed;
  private long stream;

  private InductionStart(Decoder policy, long seed) {
    this.parameters = policy.parameters();
    this.config = policy.config();
    this.hidden = config.hiddenSize();
    this.head = config.headSize();
    this.seed = seed;
  }

  /**
   * Sets the two heads of a random policy, in place.
   *
   * @throws IllegalArgumentException when the policy has fewer than two layers, or rotary frequencies that are all too
   *     fast to carry content
   */
  public static void apply(Decoder policy, long seed) {
    if (policy.config().layers() < 2 || policy.config().kvHeads() != policy.config().heads()
        || frequency(policy.config(), policy.config().headSize() / 2 - 1) >= CONTENT_FREQUENCY) {
      throw new IllegalArgumentException("sft.init induction: needs at least 2 layers, kv_heads equal to heads, and a larger rope_theta or head size");
    }
    try (Scope scope = Scope.noGrad()) {
      new InductionStart(policy, seed).apply();
    }
  }

  private void apply() {
    for (int layer = 0; layer < config.layers(); layer++) { // as in GPT-2: the residual stream keeps its size
      Scalar scale = new Scalar(1 / Math.sqrt(2.0 * config.layers()));
      weight(layer, "self_attn.o_proj").mul_(scale);
      weight(layer, "mlp.down_proj").mul_(scale);
    }
    Tensor embeddings = parameters.get("model.embed_tokens.weight").detach();
    embeddings.mul_(new Scalar(EMBEDDING_STD / 0.02));
    embeddings.narrow(1, 0, 1).fill_(new Scalar(CONSTANT * EMBEDDING_STD));
    double rms = EMBEDDING_STD * Math.sqrt((hidden - 1 + CONSTANT * CONSTANT) / hidden);
    Tensor content = orthogonal();
    Tensor moved = orthogonal();
    Tensor copied = orthogonal();
    Tensor slow = slowDimensions();
    double scale = Math.sqrt(SHARPNESS * Math.sqrt(head) / 8);
    for (int h = 0; h < config.heads(); h++) {
      Tensor current = ofHead(content, h);
      Tensor previous = ofHead(moved, h);
      Tensor read = ofHead(copied, h);
      previousToken(h, CONSTANT * EMBEDDING_STD / rms);
      rows(0, h, "self_attn.v_proj").copy_(current);
      columns(0, h).copy_(previous.t().mul(new Scalar(1.2 * EMBEDDING_STD)));
      blend(rows(1, h, "self_attn.q_proj"), current, slow, scale);
      blend(rows(1, h, "self_attn.k_proj"), previous, slow, scale);
      rows(1, h, "self_attn.v_proj").copy_(read);
      columns(1, h).copy_(read.t().mul(new Scalar(COPY_STRENGTH * EMBEDDING_STD)));
    }
  }

  /** Queries and keys of a head of layer 0: constants whose rotation makes the attention peak one position back. */
  private void previousToken(int h, double constant) {
    Tensor query = rows(0, h, "self_attn.q_proj").mul_(new Scalar(0.3));
    Tensor key = rows(0, h, "self_attn.k_proj").mul_(new Scalar(0.3));
    float[] q = new float[head];
    float[] k = new float[head];
    int fast = 0;
    for (int n = 0; n < head / 2; n++) {
      fast += frequency(config, n) > POSITION_FREQUENCY ? 1 : 0;
    }
    double amplitude = Math.sqrt(4 * SHARPNESS * Math.sqrt(head) / fast) / constant;
    float[] oldQuery = Tensors.toFloats(query.narrow(1, 0, 1));
    float[] oldKey = Tensors.toFloats(key.narrow(1, 0, 1));
    for (int n = 0; n < head / 2; n++) {
      double f = frequency(config, n);
      boolean use = f > POSITION_FREQUENCY;
      q[n] = use ? (float) (amplitude * Math.cos(-f)) : oldQuery[n];
      q[n + head / 2] = use ? (float) (amplitude * Math.sin(-f)) : oldQuery[n + head / 2];
      k[n] = use ? (float) amplitude : oldKey[n];
      k[n + head / 2] = use ? 0 : oldKey[n + head / 2];
    }
    query.narrow(1, 0, 1).copy_(Tensors.of(q, head, 1));
    key.narrow(1, 0, 1).copy_(Tensors.of(k, head, 1));
  }

  /** Puts {@code scale * source} into the rows where {@code where} is 1, and leaves the others. */
  private static void blend(Tensor target, Tensor source, Tensor where, double scale) {
    target.copy_(where.mul(source).mul(new Scalar(scale)).add(where.neg().add(new Scalar(1)).mul(target)));
  }

  /** 1 for the dimensions of a head that rotate slowly, [head, 1]. */
  private Tensor slowDimensions() {
    float[] slow = new float[head];
    for (int n = 0; n < head / 2; n++) {
      slow[n] = frequency(config, n) < CONTENT_FREQUENCY ? 1 : 0;
      slow[n + head / 2] = slow[n];
    }
    return Tensors.of(slow, head, 1);
  }

  /** A random orthogonal matrix whose rows do not see the constant dimension, [hidden, hidden]. */
  private Tensor orthogonal() {
    float[] normal = new float[hidden * hidden];
    Philox.normals(seed, FIRST_STREAM + stream++, normal);
    Tensor rows = torch.linalg_qr(Tensors.of(normal, hidden, hidden)).get0().clone();
    rows.narrow(1, 0, 1).zero_();
    return rows;
  }

  private Tensor ofHead(Tensor matrix, int h) {
    return matrix.narrow(0, (long) h * head, head);
  }

  private Tensor weight(int layer, String name) {
    return parameters.get("model.layers." + layer + "." + name + ".weight").detach();
  }

  /** The rows of a projection that belong to a head. */
  private Tensor rows(int layer, int h, String name) {
    return ofHead(weight(layer, name), h);
  }

  /** The columns of the output projection that belong to a head. */
  private Tensor columns(int layer, int h) {
    return weight(layer, "self_attn.o_proj").narrow(1, (long) h * head, head);
  }

  private static double frequency(DecoderConfig config, int n) {
    return Math.pow(config.rope().theta(), -2.0 * n / config.headSize());
  }
}
