// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.policy;

import java.util.Arrays;
import java.util.List;

/**
 * The responses of a round with everything that is per token, packed: token i of response b is entry
 * {@code cuSeqlens[b] + i}. All of it is fixed before the first update of the round.
 *
 * @param sequences prompts with the sampled ids
 * @param finished whether each response ended with the end token
 * @param cuSeqlens [responses + 1]
 * @param oldLogprobs under the policy that sampled
 * @param refLogprobs under the reference, the SFT policy
 * @param entropies of the policy that sampled
 * @param classes predicted classes
 * @param valid 1 where the token enters the policy loss and the KL
 * @param shaped reward with the length penalty, without the KL penalty
 * @param kl KL estimate against the reference
 * @param rewards what the advantages are made of
 * @param values the critic's, before the round
 * @param advantages whitened if that is asked for
 * @param returns advantages before whitening plus values
 */
record Rollout(List<Sequence> sequences, boolean[] finished, int[] cuSeqlens, float[] oldLogprobs, float[] refLogprobs,
    float[] entropies, int[] classes, byte[] valid, float[] shaped, float[] kl, float[] rewards, float[] values,
    float[] advantages, float[] returns) {

  int size() {
    return sequences.size();
  }

  int tokens() {
    return cuSeqlens[size()];
  }

  /** The given responses as a batch. */
  SequenceBatch batch(int[] responses) {
    return SequenceBatch.ofResponses(Arrays.stream(responses).mapToObj(sequences::get).toList());
  }

  /** The entries of the given responses, in their order, out of a packed array. */
  float[] gather(float[] packed, int[] responses) {
    float[] out = new float[tokens(responses)];
    int at = 0;
    for (int b : responses) {
      int n = cuSeqlens[b + 1] - cuSeqlens[b];
      System.arraycopy(packed, cuSeqlens[b], out, at, n);
      at += n;
    }
    return out;
  }

  /** As {@link #gather(float[], int[])}, for a mask. */
  byte[] gather(byte[] packed, int[] responses) {
    byte[] out = new byte[tokens(responses)];
    int at = 0;
    for (int b : responses) {
      int n = cuSeqlens[b + 1] - cuSeqlens[b];
      System.arraycopy(packed, cuSeqlens[b], out, at, n);
      at += n;
    }
    return out;
  }

  /** Tokens of the given responses. */
  int tokens(int[] responses) {
    int count = 0;
    for (int b : responses) {
      count += cuSeqlens[b + 1] - cuSeqlens[b];
    }
    return count;
  }
}
