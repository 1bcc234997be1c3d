// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

/**
 * The weights of one layer of a decoder; sizes in the terms of {@link DecoderShape}, with q = heads * headSize and
 * kv = kvHeads * headSize.
 *
 * @param attentionNorm [H]
 * @param query [q, H]
 * @param key [kv, H]
 * @param value [kv, H]
 * @param output [H, q]
 * @param mlpNorm [H]
 * @param gate [I, H]
 * @param up [I, H]
 * @param down [H, I]
 */
public record DecoderLayer(NativeArray attentionNorm, DecoderProjection query, DecoderProjection key,
    DecoderProjection value, DecoderProjection output, NativeArray mlpNorm, DecoderProjection gate,
    DecoderProjection up, DecoderProjection down) {

  public DecoderLayer {
    Checks.require(attentionNorm != null, "attentionNorm is null");
    Checks.require(query != null && key != null && value != null && output != null,
        "query, key, value or output is null");
    Checks.require(mlpNorm != null, "mlpNorm is null");
    Checks.require(gate != null && up != null && down != null, "gate, up or down is null");
  }
}
