// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.pipeline;

import io.github.tppo.data.Example;
import io.github.tppo.model.Decoder;
import io.github.tppo.model.Generated;
import io.github.tppo.model.Generator;
import io.github.tppo.model.SamplingOptions;
import io.github.tppo.policy.Permutation;
import io.github.tppo.run.TppoConfig;
import io.github.tppo.text.TokenSpans;
import io.github.tppo.text.Tokenizer;
import java.util.ArrayList;
import java.util.List;

/** Samples a policy's responses to examples. */
final class Answers {
  /** Purposes of sampling; each has random numbers of its own. */
  static final long GENERATE = 0x67656e;
  static final long EVALUATE = 0x657661;
  static final long VALIDATE = 0x76616c;

  private final Decoder policy;
  private final Tokenizer tokenizer;
  private final TppoConfig config;

  Answers(Decoder policy, Tokenizer tokenizer, TppoConfig config) {
    this.policy = policy;
    this.tokenizer = tokenizer;
    this.config = config;
  }

  /** A sampled response. */
  record Answer(int[] promptIds, int[] ids, float[] logprobs, boolean finished, TokenSpans spans) {}

  /**
   * One response per example.
   *
   * @param streams random stream of each response
   * @param purpose one of the constants above
   */
  List<Answer> sample(List<Example> examples, long[] streams, long purpose) {
    List<Answer> answers = new ArrayList<>();
    SamplingOptions options = new SamplingOptions(config.sampling().temperature(), 0, 1, config.sampling().maxNewTokens(),
        Permutation.mix(config.seed(), purpose));
    List<int[]> prompts = new ArrayList<>();
    for (Example example : examples) {
      prompts.add(config.text().prompt().promptIds(tokenizer, example.history(), config.text().maxPromptTokens()));
    }
    List<Generated> generated = new Generator(policy, tokenizer.eosId()).withBatchSize(config.sampling().batchSize())
        .generate(prompts, streams, options);
    for (int i = 0; i < prompts.size(); i++) {
      Generated g = generated.get(i);
      answers.add(new Answer(prompts.get(i), g.ids(), g.logprobs(), g.finished(), tokenizer.spans(g.ids())));
    }
    return answers;
  }
}
