// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * How the weights of a checkpoint are stored.
 *
 * @param dtype F32, BF16 or F16; weights of other dtypes are converted
 * @param shardBytes most bytes of tensors in one file; a larger tensor has a file of its own
 */
public record WeightFormat(ScalarType dtype, long shardBytes) {

  /** The bound of transformers, 5 GB. */
  public static final long DEFAULT_SHARD_BYTES = 5_000_000_000L;

  private static final List<String> NAMES = List.of("float32", "bfloat16", "float16");
  private static final List<ScalarType> DTYPES = List.of(ScalarType.Float, ScalarType.BFloat16, ScalarType.Half);

  /** Float32, in files of at most {@link #DEFAULT_SHARD_BYTES}. */
  public static final WeightFormat FLOAT32 = new WeightFormat(ScalarType.Float, DEFAULT_SHARD_BYTES);

  public WeightFormat {
    if (!DTYPES.contains(dtype.intern())) {
      throw new IllegalArgumentException("weights are stored as " + NAMES + ", not as " + dtype.intern());
    }
    dtype = dtype.intern();
    if (shardBytes < 1) {
      throw new IllegalArgumentException("shardBytes must be at least 1, is " + shardBytes);
    }
  }

  /**
   * The format of a dtype's name in {@code config.json}: float32, bfloat16 or float16, in any case.
   *
   * @throws IllegalArgumentException for another name
   */
  public static WeightFormat of(String dtype, long shardBytes) {
    int index = NAMES.indexOf(dtype.toLowerCase(Locale.ROOT));
    if (index < 0) {
      throw new IllegalArgumentException("dtype is " + dtype + ", expected one of " + NAMES);
    }
    return new WeightFormat(DTYPES.get(index), shardBytes);
  }

  /** Whether weights may have this dtype. */
  static boolean isWeight(ScalarType dtype) {
    return DTYPES.contains(dtype.intern());
  }

  /** The dtype's name in {@code config.json}. */
  public String dtypeName() {
    return NAMES.get(DTYPES.indexOf(dtype));
  }

  /** Bytes of one weight. */
  public long bytesOfOne() {
    return SafeTensorsHeader.bytesOf(dtype);
  }

  SafeTensorsWriter.Spec spec(long[] shape) {
    return new SafeTensorsWriter.Spec(dtype, Arrays.copyOf(shape, shape.length));
  }
}
