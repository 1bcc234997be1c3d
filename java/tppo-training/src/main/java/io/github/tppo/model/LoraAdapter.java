// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * The adapter of one projection: {@code y = W x + b + scale * B (A x)}. The tensors belong to a {@link Lora}.
 *
 * @param a f32 [r, in]
 * @param b f32 [out, r]
 * @param scale alpha / r, with rank stabilisation alpha / sqrt(r)
 */
public record LoraAdapter(Tensor a, Tensor b, double scale) {

    /** Adds the adapter's share to the output y [..., out] of a projection of x [..., in]; computed in f32, returned in y's dtype. */
    Tensor addTo(Tensor y, Tensor x) {
        Tensor share = torch.linear(torch.linear(Precision.FLOAT32.cast(x), a), b);
        return Precision.cast(y.add(share, new Scalar(scale)), y.scalar_type().intern());
    }

    /** Returns W + sign * scale * B A in new f32 memory, for W [out, in] of any dtype. */
    Tensor fold(Tensor weight, int sign) {
        return Precision.FLOAT32.cast(weight).add(b.matmul(a), new Scalar(sign * scale));
    }

    /** {@link #fold} with sign 1 for some elements of W alone, in row-major order from element {@code from} on: f32 of the length of {@code part}. */
    Tensor foldPart(Tensor part, long from) {
        long in = a.size(1);
        long firstRow = from / in;
        long endRow = (from + part.numel() + in - 1) / in;
        Tensor share = b.narrow(0, firstRow, endRow - firstRow).matmul(a).reshape(-1).narrow(0, from - firstRow * in, part.numel());
        return Precision.FLOAT32.cast(part).add(share, new Scalar(scale));
    }
}
