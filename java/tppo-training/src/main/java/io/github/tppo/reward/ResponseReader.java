// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.reward;

import io.github.tppo.model.Longformer;
import io.github.tppo.model.Scope;
import io.github.tppo.model.Tensors;
import io.github.tppo.model.Workers;
import io.github.tppo.policy.TokenRewarder.Response;
import io.github.tppo.text.TokenSpans;
import io.github.tppo.text.Tokenizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.Tensor;

/** Runs a frozen reward model over what the policy sampled, in batches side by side. */
@SuppressWarnings("try") // scopes are opened for what their closing frees
final class ResponseReader {
  private static final int BATCH = 64;

  private final Longformer model;
  private final RewardEncoder encoder;
  private final Tokenizer policyTokenizer;

  ResponseReader(Longformer model, RewardEncoder encoder, Tokenizer policyTokenizer) {
    this.model = model;
    this.encoder = encoder;
    this.policyTokenizer = policyTokenizer;
  }

  /**
   * A response as both models see it.
   *
   * @param rewardSpans of the reward model's tokens
   * @param policySpans of the policy's ids
   * @param outputs of the reward model's tokens, row-major [tokens, labels]
   */
  record Read(TokenSpans rewardSpans, TokenSpans policySpans, float[] outputs) {}

  /**
   * Reads responses; what becomes of one does not depend on those beside it but for rounding.
   *
   * @param output from the logits of a batch, [tokens, labels], to what is wanted of them in the same shape
   * @param each from a response to its result, safe for several threads
   */
  <T> List<T> read(List<Response> responses, UnaryOperator<Tensor> output, Function<Read, T> each) {
    List<T> all = new ArrayList<>(Collections.nCopies(responses.size(), null));
    List<Runnable> tasks = new ArrayList<>();
    for (int from = 0; from < responses.size(); from += BATCH) {
      int first = from;
      List<Response> part = responses.subList(first, Math.min(responses.size(), first + BATCH));
      tasks.add(() -> {
        List<Read> reads = read(part, output);
        for (int b = 0; b < reads.size(); b++) {
          all.set(first + b, each.apply(reads.get(b)));
        }
      });
    }
    Workers.run(tasks); // each writes places of its own
    return all;
  }

  private List<Read> read(List<Response> part, UnaryOperator<Tensor> output) {
    List<TokenSpans> spans = part.stream().map(r -> policyTokenizer.spans(r.ids())).toList();
    List<RewardInput> inputs = new ArrayList<>();
    for (int b = 0; b < part.size(); b++) {
      inputs.add(encoder.encode(part.get(b).promptText(), spans.get(b).text()));
    }
    RewardBatch batch = new RewardBatch(inputs);
    float[] outputs;
    try (Scope scope = Scope.noGrad()) {
      outputs = Tensors.toFloats(output.apply(batch.logits(model, encoder.padId())));
    }
    int labels = model.config().labels();
    List<Read> reads = new ArrayList<>();
    for (int b = 0; b < part.size(); b++) {
      reads.add(new Read(inputs.get(b).spans(), spans.get(b),
          Arrays.copyOfRange(outputs, labels * batch.cuSeqlens()[b], labels * batch.cuSeqlens()[b + 1])));
    }
    return reads;
  }
}
