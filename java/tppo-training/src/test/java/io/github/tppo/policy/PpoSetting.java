// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.policy;

import io.github.tppo.model.Decoder;
import io.github.tppo.run.ConfigReader;
import io.github.tppo.run.PolicyConfig;
import io.github.tppo.run.SamplingConfig;
import io.github.tppo.run.TppoConfig;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/** Settings, prompts and rewards for the tests of token-level PPO. */
record PpoSetting(PolicyConfig policy, SamplingConfig sampling) {
  /** The token that pays. */
  static final int PAID = 7;
  static final int PROMPTS = 8;
  static final double SUGGESTED_LENGTH = 5;

  /** The defaults with 8 responses of at most 10 tokens a round, and what is set besides, such as {@code policy.epochs=2}. */
  static PpoSetting of(String... sets) {
    List<String> all = new ArrayList<>(List.of("policy.rollout_size=8", "policy.batch_size=4", "policy.critic_warmup=0",
        "policy.steps=40", "sampling.max_new_tokens=10", "sampling.temperature=0.9"));
    all.addAll(List.of(sets));
    TppoConfig config = ConfigReader.read(TppoConfig.class, all);
    return new PpoSetting(config.policy(), config.sampling());
  }

  static List<Prompt> prompts() {
    SplittableRandom random = new SplittableRandom(11);
    List<Prompt> prompts = new ArrayList<>();
    for (int i = 0; i < PROMPTS; i++) {
      int[] ids = random.ints(2 + random.nextInt(5), 3, TinyPolicies.VOCAB).toArray();
      ids[0] = TinyPolicies.BOS;
      prompts.add(new Prompt(ids, "prompt " + i));
    }
    return prompts;
  }

  /** Token 7 is of class 2 and pays 1, the end token is of class 0, all others are of class 1 and pay nothing. */
  static TokenRewarder.Rewards rewards(List<TokenRewarder.Response> responses) {
    int[] ids = responses.stream().flatMapToInt(r -> Arrays.stream(r.ids())).toArray();
    float[] perToken = new float[ids.length];
    int[] classes = new int[ids.length];
    for (int i = 0; i < ids.length; i++) {
      perToken[i] = ids[i] == PAID ? 1 : 0;
      classes[i] = ids[i] == PAID ? 2 : ids[i] == TinyPolicies.EOS ? 0 : 1;
    }
    return new TokenRewarder.Rewards(perToken, null, classes);
  }

  /** Rewards and classes that differ from token to token; classes 0, 1 and 2 by the id. */
  static TokenRewarder.Rewards manyRewards(List<TokenRewarder.Response> responses) {
    int[] ids = responses.stream().flatMapToInt(r -> Arrays.stream(r.ids())).toArray();
    float[] perToken = new float[ids.length];
    int[] classes = new int[ids.length];
    for (int i = 0; i < ids.length; i++) {
      classes[i] = ids[i] % 3;
      perToken[i] = (float) Math.sin(1 + i + ids[i]);
    }
    return new TokenRewarder.Rewards(perToken, null, classes);
  }

  PpoTrainer trainer(Decoder policy, Decoder reference, TokenRewarder rewarder) {
    return new PpoTrainer(policy, reference, rewarder, this.policy, sampling, prompts(), SUGGESTED_LENGTH, TinyPolicies.EOS,
        TinyPolicies.PAD, 17);
  }

  RolloutCollector collector(Decoder policy, Decoder reference, Critic critic,
      TokenRewarder rewarder) {
    return new RolloutCollector(policy, reference, critic, rewarder, this.policy, sampling, SUGGESTED_LENGTH, TinyPolicies.EOS,
        TinyPolicies.PAD);
  }
}
