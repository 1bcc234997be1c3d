// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.pipeline;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;

/**
 * What came of one trial of a search: a line of {@code search/record.jsonl}.
 *
 * @param method whose settings were tried
 * @param trial number of the trial; 0 is the method as configured
 * @param overrides what was otherwise, as {@code key=value}
 * @param score by which trials are compared: the mean of the relevance with both templates on validation users, in percent; NaN where
 *     the judge failed on all
 * @param tokenTemplate relevance with the token template, in percent
 * @param sentenceTemplate relevance with the sentence template, in percent
 * @param kl to the SFT policy at the end of training, per response; null where the method does not measure it
 * @param meanTokens length of a response
 * @param rightCount share of responses with the number of queries asked for
 * @param unjudged questions that the judge failed on, of two a response
 * @param seconds of training, its reward model's included where it has its own
 */
record SearchTrial(
  @JsonProperty("method") String method,
  @JsonProperty("trial") int trial,
  @JsonProperty("overrides") List<String> overrides,
  @JsonProperty("score") double score,
  @JsonProperty("token_template") double tokenTemplate,
  @JsonProperty("sentence_template") double sentenceTemplate,
  @JsonProperty("kl") Double kl,
  @JsonProperty("mean_tokens") double meanTokens,
  @JsonProperty("right_count") double rightCount,
  @JsonProperty("unjudged") long unjudged,
  @JsonProperty("seconds") double seconds) {
}
