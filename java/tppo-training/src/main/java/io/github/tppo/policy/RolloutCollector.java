// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.policy;

import io.github.tppo.kernels.DType;
import io.github.tppo.kernels.GaeOptions;
import io.github.tppo.kernels.Kernels;
import io.github.tppo.kernels.NativeArray;
import io.github.tppo.kernels.ShapeRewardsInputs;
import io.github.tppo.kernels.ShapeRewardsOptions;
import io.github.tppo.kernels.ShapeRewardsOutputs;
import io.github.tppo.kernels.ShapeRewardsStats;
import io.github.tppo.kernels.TokenAdvantagesOptions;
import io.github.tppo.kernels.TokenAdvantagesOutputs;
import io.github.tppo.kernels.TokenAdvantagesStats;
import io.github.tppo.kernels.TokenLayout;
import io.github.tppo.kernels.WhitenOptions;
import io.github.tppo.model.Decoder;
import io.github.tppo.model.Generated;
import io.github.tppo.model.Generator;
import io.github.tppo.model.SamplingOptions;
import io.github.tppo.model.Workers;
import io.github.tppo.run.PolicyConfig;
import io.github.tppo.run.SamplingConfig;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Function;

/** Makes the rollouts: samples responses, scores them under policy, reference and critic, and shapes the rewards. */
final class RolloutCollector {
  private final Decoder policy;
  private final Decoder reference;
  private final Critic critic;
  private final TokenRewarder rewarder;
  private final PolicyConfig config;
  private final SamplingConfig sampling;
  private final double suggestedLength;
  private final int eosId;
  private final int padId;

  RolloutCollector(Decoder policy, Decoder reference, Critic critic, TokenRewarder rewarder, PolicyConfig config,
      SamplingConfig sampling, double suggestedLength, int eosId, int padId) {
    this.policy = policy;
    this.reference = reference;
    this.critic = critic;
    this.rewarder = rewarder;
    this.config = config;
    this.sampling = sampling;
    this.suggestedLength = suggestedLength;
    this.eosId = eosId;
    this.padId = padId;
  }

  /** A rollout with the rewards that it was given, before any penalty, and the sums that its own were made of. */
  record Collected(Rollout rollout, ShapeRewardsStats shaping, TokenRewarder.Rewards given) {}

  /**
   * @param prompts of the round
   * @param cuts from all sequences to the micro-batches of the first pass: old log-probabilities are computed in the same ones, so
   *     that the first ratio is exactly 1 (INVARIANTS 7)
   * @param firstStream number of the first response among all responses of the run; each has a random stream of its own
   */
  Collected collect(List<Prompt> prompts, Function<List<Sequence>, int[][]> cuts, long seed, long firstStream, double klCoef) {
    List<int[]> promptIds = prompts.stream().map(Prompt::ids).toList();
    long[] streams = new long[prompts.size()];
    Arrays.setAll(streams, i -> firstStream + i);
    List<Generated> generated = new Generator(policy, eosId).withBatchSize(sampling.batchSize()).generate(promptIds, streams,
        new SamplingOptions(sampling.temperature(), 0, 1, sampling.maxNewTokens(), seed));
    List<Sequence> sequences = new ArrayList<>();
    List<TokenRewarder.Response> responses = new ArrayList<>();
    boolean[] finished = new boolean[prompts.size()];
    int[] cuSeqlens = new int[prompts.size() + 1];
    for (int b = 0; b < prompts.size(); b++) {
      int[] ids = generated.get(b).ids();
      sequences.add(new Sequence(promptIds.get(b), ids));
      responses.add(new TokenRewarder.Response(prompts.get(b).text(), ids));
      finished[b] = generated.get(b).finished();
      cuSeqlens[b + 1] = cuSeqlens[b] + ids.length;
    }
    int n = cuSeqlens[prompts.size()];
    float[] oldLogprobs = new float[n];
    float[] refLogprobs = new float[n];
    float[] entropies = new float[n];
    float[] values = new float[n];
    List<Runnable> tasks = new ArrayList<>();
    for (int[] indices : cuts.apply(sequences)) {
      SequenceBatch batch = SequenceBatch.ofResponses(Arrays.stream(indices).mapToObj(sequences::get).toList());
      tasks.add(() -> {
        NativeArray logprobs = NativeArray.allocate(DType.F32, batch.tokens());
        NativeArray entropy = NativeArray.allocate(DType.F32, batch.tokens());
        PolicyScorer.score(policy, padId, batch, sampling.temperature(), logprobs, entropy);
        scatter(logprobs.toFloats(), indices, cuSeqlens, oldLogprobs);
        scatter(entropy.toFloats(), indices, cuSeqlens, entropies);
      });
      tasks.add(() -> {
        NativeArray logprobs = NativeArray.allocate(DType.F32, batch.tokens());
        NativeArray entropy = NativeArray.allocate(DType.F32, batch.tokens());
        PolicyScorer.score(reference, padId, batch, sampling.temperature(), logprobs, entropy);
        scatter(logprobs.toFloats(), indices, cuSeqlens, refLogprobs);
      });
      tasks.add(() -> scatter(critic.values(batch), indices, cuSeqlens, values));
    }
    List<TokenRewarder.Rewards> rewarded = new ArrayList<>();
    tasks.add(() -> rewarded.add(rewarder.rewards(responses)));
    Workers.run(tasks); // each writes places of its own
    TokenRewarder.Rewards rewards = rewarded.get(0);
    byte[] valid = new byte[n];
    for (int i = 0; i < n; i++) {
      valid[i] = (byte) (config.onlyLabelledTokens() && rewards.classes()[i] == 0 ? 0 : 1);
    }
    return shape(sequences, finished, cuSeqlens, oldLogprobs, refLogprobs, entropies, values, rewards, valid, klCoef);
  }

  private Collected shape(List<Sequence> sequences, boolean[] finished, int[] cuSeqlens, float[] oldLogprobs,
      float[] refLogprobs, float[] entropies, float[] values, TokenRewarder.Rewards rewards, byte[] valid, double klCoef) {
    int n = valid.length;
    NativeArray shaped = NativeArray.allocate(DType.F32, n);
    NativeArray kl = NativeArray.allocate(DType.F32, n);
    NativeArray total = NativeArray.allocate(DType.F32, n);
    NativeArray advantages = NativeArray.allocate(DType.F32, n);
    NativeArray returns = NativeArray.allocate(DType.F32, n);
    ShapeRewardsInputs inputs = ShapeRewardsInputs.ofScores(NativeArray.ofFloats(rewards.perToken()))
        .withPositions(NativeArray.ofInts(positions(cuSeqlens)))
        .withLogprobs(NativeArray.ofFloats(oldLogprobs), NativeArray.ofFloats(refLogprobs))
        .withTerminalRewards(rewards.terminal() == null ? null : NativeArray.ofFloats(rewards.terminal()));
    ShapeRewardsOptions shaping = ShapeRewardsOptions.defaults()
        .withLengthPenalty(config.lengthPenalty()).withAlpha(config.alpha()).withSuggestedLength(suggestedLength)
        .withKlEstimator(config.klEstimator()).withKlCoef(klCoef);
    TokenAdvantagesOptions options = new TokenAdvantagesOptions(shaping, new GaeOptions(config.gamma(), config.lambda()),
        config.whiten() ? WhitenOptions.defaults() : null);
    TokenAdvantagesStats stats = Kernels.tokenAdvantages(
        TokenLayout.packed(n, NativeArray.ofInts(cuSeqlens)).withMask(NativeArray.ofBytes(valid)), inputs,
        NativeArray.ofFloats(values), options,
        new TokenAdvantagesOutputs(new ShapeRewardsOutputs(null, shaped, kl, total), advantages, returns));
    Rollout rollout = new Rollout(sequences, finished, cuSeqlens, oldLogprobs, refLogprobs, entropies, rewards.classes(), valid,
        shaped.toFloats(), kl.toFloats(), total.toFloats(), values, advantages.toFloats(), returns.toFloats());
    return new Collected(rollout, stats.shaping(), rewards);
  }

  /** The 1-based position of each token in its response, whether or not the tokens before it count. */
  private static int[] positions(int[] cuSeqlens) {
    int[] positions = new int[cuSeqlens[cuSeqlens.length - 1]];
    for (int b = 0; b + 1 < cuSeqlens.length; b++) {
      for (int i = cuSeqlens[b]; i < cuSeqlens[b + 1]; i++) {
        positions[i] = i - cuSeqlens[b] + 1;
      }
    }
    return positions;
  }

  /** Puts the packed values of a batch of responses to their places in the packed values of all. */
  private static void scatter(float[] packed, int[] responses, int[] cuSeqlens, float[] into) {
    int at = 0;
    for (int b : responses) {
      int n = cuSeqlens[b + 1] - cuSeqlens[b];
      System.arraycopy(packed, at, into, cuSeqlens[b], n);
      at += n;
    }
  }
}
