// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.benchmarks;

import io.github.tppo.kernels.DType;
import io.github.tppo.kernels.NativeArray;
import io.github.tppo.kernels.TokenLayout;
import java.util.Random;

/**
 * A padded batch of responses with a reward, a value and a class for each token, in Java and in native memory.
 * Responses end between a quarter and the whole of the length; what lies behind is masked and zero.
 */
final class TokenBatch {

  final int sequences;
  final int length;
  final int tokens;
  final int valid;
  final float[] rewards;
  final float[] values;
  final byte[] mask;
  final int[] classes;
  final NativeArray rewardsArray;
  final NativeArray valuesArray;
  final NativeArray maskArray;
  final NativeArray classesArray;
  final TokenLayout layout;

  private TokenBatch(int sequences, int length) {
    this.sequences = sequences;
    this.length = length;
    tokens = sequences * length;
    rewards = new float[tokens];
    values = new float[tokens];
    mask = new byte[tokens];
    classes = new int[tokens];
    Random random = new Random(1);
    int count = 0;
    for (int b = 0; b < sequences; b++) {
      int end = b * length + length / 4 + random.nextInt(length - length / 4 + 1);
      for (int i = b * length; i < end; i++) {
        rewards[i] = (float) random.nextGaussian();
        values[i] = (float) random.nextGaussian();
        classes[i] = random.nextInt(3);
        mask[i] = 1;
        count++;
      }
    }
    valid = count;
    rewardsArray = Memory.allocate(DType.F32, tokens);
    rewardsArray.buffer().asFloatBuffer().put(rewards);
    valuesArray = Memory.allocate(DType.F32, tokens);
    valuesArray.buffer().asFloatBuffer().put(values);
    maskArray = Memory.allocate(DType.U8, tokens);
    maskArray.buffer().put(mask);
    classesArray = Memory.allocate(DType.I32, tokens);
    classesArray.buffer().asIntBuffer().put(classes);
    layout = TokenLayout.padded(sequences, length).withMask(maskArray);
  }

  /** Makes a batch of a shape such as "256x1024": sequences times tokens. */
  static TokenBatch of(String shape) {
    String[] sides = shape.split("x");
    return new TokenBatch(Integer.parseInt(sides[0]), Integer.parseInt(sides[1]));
  }
}
