// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import java.nio.IntBuffer;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Responses that wait for a slot, in the order of their prompts. Of equal prompts the first goes ahead; the others follow as soon as its
 * keys and values are in the cache, to copy them. Not thread safe.
 */
final class PromptQueue {

  /** A response that waits or is being written. */
  static final class Response {
    final int index;
    final long stream;
    final int promptLength;
    /** The prompt and room for the new tokens. */
    final int[] tokens;
    final float[] logprobs;
    /** Those with the same prompt that follow this one. */
    private final Deque<Response> followers = new ArrayDeque<>();
    /** Tokens that are known: prompt and new ones. */
    int length;
    /** Of these, tokens whose keys and values are in the cache. */
    int cached;
    boolean ended;

    Response(int index, int[] prompt, long stream, int maxNewTokens) {
      this.index = index;
      this.stream = stream;
      this.promptLength = prompt.length;
      this.length = prompt.length;
      this.tokens = Arrays.copyOf(prompt, Math.addExact(prompt.length, maxNewTokens));
      this.logprobs = new float[maxNewTokens];
    }

    /** Count of new tokens so far. */
    int newTokens() {
      return length - promptLength;
    }

    void add(int id, float logprob, boolean ends) {
      logprobs[newTokens()] = logprob;
      tokens[length++] = id;
      ended = ends;
    }

    boolean done() {
      return ended || length == tokens.length;
    }

    /** Positions that are in the cache of a slot that {@code other} had or has, and that hold what this response needs. */
    int sharedWith(Response other) {
      int known = Math.min(promptLength - 1, other.cached); // the last token of the prompt is run: it gives the logits
      int mismatch = Arrays.mismatch(tokens, 0, known, other.tokens, 0, known);
      return mismatch < 0 ? known : mismatch;
    }

    Generated result() {
      return new Generated(Arrays.copyOfRange(tokens, promptLength, length), Arrays.copyOf(logprobs, newTokens()), ended);
    }
  }

  private final Deque<Response> first = new ArrayDeque<>();
  private final Deque<Response> following = new ArrayDeque<>();

  PromptQueue(List<Response> responses) {
    Map<IntBuffer, Response> leaders = new LinkedHashMap<>();
    for (Response response : responses) {
      Response leader = leaders.putIfAbsent(IntBuffer.wrap(response.tokens, 0, response.promptLength), response);
      (leader == null ? first : leader.followers).add(response);
    }
  }

  /** The next response, null if there is none now. */
  Response poll() {
    return following.isEmpty() ? first.poll() : following.poll();
  }

  /** Lets those with the prompt of {@code leader} follow, now that it is in the cache. */
  void release(Response leader) {
    following.addAll(leader.followers);
    leader.followers.clear();
  }
}
