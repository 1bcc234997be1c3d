// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;

/**
 * Attention of a layer's global tokens over all real tokens, with projections of its own.
 *
 * <p>Projecting every token to a global key and value costs 4 H^2 operations a token, as much as the windowed attention's own, for
 * few queries. By associativity {@code q . (K x) = (q K) . x} and {@code sum p (V x) = V (sum p x)}, so that with G global tokens a
 * sequence and h heads it is 4 G h H a token without any projected token. That way is taken where it is less.
 */
final class GlobalAttention {

  private final Parameters parameters;
  private final String prefix;
  private final int heads;

  /**
   * The global attention of one layer.
   *
   * @param prefix of the parameters' names, up to {@code query_global}
   */
  GlobalAttention(Parameters parameters, String prefix, int heads) {
    this.parameters = parameters;
    this.prefix = prefix;
    this.heads = heads;
  }

  /** What the global tokens of x [B, T, H] see, [B, G, H] in the order of {@link SlidingWindow#gatherGlobals}. */
  Tensor forward(Tensor x, SlidingWindow window) {
    Tensor query = linear(window.gatherGlobals(x), "query_global");
    return (long) window.globals() * heads < x.size(2) ? regrouped(query, x, window.realBias())
        : projected(query, x, window.realBias());
  }

  /** All tokens projected: query [B, G, H], x [B, T, H], bias [B, 1, 1, T]. */
  Tensor projected(Tensor query, Tensor x, Tensor bias) {
    Tensor rows = SlidingWindow.attend(split(query), split(linear(x, "key_global")), split(linear(x, "value_global")), bias);
    return rows.reshape(query.size(0), query.size(1), query.size(2));
  }

  /** The same with the products grouped the other way. */
  Tensor regrouped(Tensor query, Tensor x, Tensor bias) {
    long batch = query.size(0);
    long globals = query.size(1);
    long width = query.size(2);
    long size = width / heads;
    Tensor perHead = query.mul(new Scalar(1 / Math.sqrt(size))).view(batch * globals, heads, size).transpose(0, 1);
    Tensor keyWeight = parameter("key_global.weight", x).view(heads, size, width);
    Tensor keyBias = parameter("key_global.bias", x).view(heads, size, 1);
    Tensor scores = rowsOf(perHead.bmm(keyWeight), batch, globals).bmm(x.transpose(1, 2))
        .add(rowsOf(perHead.bmm(keyBias), batch, globals)).add(bias.squeeze(1));
    Tensor seen = scores.softmax(-1).bmm(x).view(batch * globals, heads, width).transpose(0, 1);
    Tensor valueWeight = parameter("value_global.weight", x).view(heads, size, width);
    Tensor values = seen.bmm(valueWeight.transpose(1, 2)).transpose(0, 1).reshape(batch, globals, width);
    return values.add(parameter("value_global.bias", x));
  }

  /** [h, B * G, n] to [B, G * h, n]. */
  private Tensor rowsOf(Tensor perHead, long batch, long globals) {
    return perHead.transpose(0, 1).reshape(batch, globals * heads, perHead.size(2));
  }

  private Tensor parameter(String name, Tensor x) {
    return Precision.FLOAT32.cast(parameters.get(prefix + name));
  }

  private Tensor linear(Tensor x, String name) {
    return LongformerBlock.linear(x, parameters, prefix + name);
  }

  private Tensor split(Tensor x) {
    return x.view(x.size(0), x.size(1), heads, x.size(2) / heads);
  }
}
