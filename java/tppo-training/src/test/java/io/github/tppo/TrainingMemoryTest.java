// SPDX-License-Identifier: Apache-2.0
package io.github.tppo;

import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.tppo.model.Autograd;
import io.github.tppo.model.Decoder;
import io.github.tppo.model.DecoderConfig;
import io.github.tppo.model.Longformer;
import io.github.tppo.model.LongformerConfig;
import io.github.tppo.model.Pass;
import io.github.tppo.model.Precision;
import io.github.tppo.model.Scope;
import io.github.tppo.model.Tensors;
import io.github.tppo.policy.PpoTrainer;
import io.github.tppo.policy.Prompt;
import io.github.tppo.policy.Sequence;
import io.github.tppo.policy.SftTrainer;
import io.github.tppo.policy.TokenRewarder;
import io.github.tppo.reward.RewardInput;
import io.github.tppo.reward.RewardSample;
import io.github.tppo.reward.TokenRewardTrainer;
import io.github.tppo.run.ConfigReader;
import io.github.tppo.run.TppoConfig;
import io.github.tppo.text.TokenSpans;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The formulae of docs/memory.md, which says how this is run, against what is resident; models have the number of layers that is asked for. */
@EnabledIfSystemProperty(named = "tppo.memory.layers", matches = "[0-9]+")
@SuppressWarnings("try") // scopes are opened for what their closing frees
class TrainingMemoryTest {
  private static final int LAYERS = Integer.getInteger("tppo.memory.layers", 1);
  private static final int VOCAB = 500;
  private static final int HIDDEN = 1024;
  private static final int INTERMEDIATE = 9000;

  private static Decoder decoder() {
    return Decoder.create(DecoderConfig.mistral(VOCAB, HIDDEN, INTERMEDIATE, LAYERS, 8, 2, 64, 0, 0, 2, 1), 1);
  }

  private static TppoConfig config(String... sets) {
    List<String> all = new ArrayList<>(List.of("sft.batch_size=2", "sft.epochs=10", "reward.batch_size=2", "reward.epochs=10",
        "policy.rollout_size=2", "policy.batch_size=2", "policy.critic_warmup=0", "sampling.max_new_tokens=4"));
    all.addAll(List.of(sets));
    return ConfigReader.read(TppoConfig.class, all);
  }

  private static int[] ids(int n) {
    return new SplittableRandom(n).ints(n, 3, VOCAB).toArray();
  }

  private static long count(Collection<Tensor> tensors) {
    return tensors.stream().mapToLong(Tensor::numel).sum();
  }

  private static void check(String what, double expected, long grown, long units) {
    double found = (double) grown / units;
    System.out.printf("memory: %s: %.2f bytes, by the formula %.2f%n", what, found, expected);
    assertTrue(Math.abs(found - expected) < 0.08 * expected, what + ": " + found + " bytes, by the formula " + expected);
  }

  /** Weights, gradients, those of the replica that trains the other half of the batch, and two moments: 4 bytes each. */
  @ParameterizedTest
  @CsvSource({"2, 20", "1, 16"})
  void fineTuning(int batch, double bytes) throws IOException {
    List<Sequence> data = List.of(new Sequence(ids(3), ids(4)), new Sequence(ids(5), ids(4)));
    long[] parameters = new long[1];
    decoder().close(); // Java's own memory, in which new weights are drawn
    long grown = PeakMemory.of(() -> {
      try (Decoder model = decoder();
          SftTrainer trainer = new SftTrainer(model, 1, config("sft.batch_size=" + batch).sft(), data, 1)) {
        parameters[0] = count(model.parameters().values());
        trainer.step(0);
        trainer.step(1);
      }
    });
    check("SFT, batches of " + batch + ", a parameter of " + parameters[0], bytes, grown, parameters[0]);
  }

  @Test
  void rewardModel() throws IOException {
    LongformerConfig shape = new LongformerConfig(VOCAB, HIDDEN, INTERMEDIATE, LAYERS, 8, Collections.nCopies(LAYERS, 16), 64, 2, 1, 1e-5,
        3, 0.02, 0, 2, 2);
    List<RewardSample> data = IntStream.range(0, 2).mapToObj(i -> new RewardSample(
        new RewardInput(ids(8), 4, new TokenSpans("", new int[4], new int[4])), new int[] {1, 2, 1, 0}, 1)).toList();
    long[] parameters = new long[1];
    Longformer.create(shape, 1).close();
    long grown = PeakMemory.of(() -> {
      try (Longformer model = Longformer.create(shape, 1);
          TokenRewardTrainer trainer = new TokenRewardTrainer(model, 1, config().reward(), data, 1)) {
        parameters[0] = count(model.parameters().values());
        trainer.step(0);
        trainer.step(1);
      }
    });
    check("reward model, a parameter of " + parameters[0], 20, grown, parameters[0]);
  }

  /** Policy and critic with weights, gradients and two moments each, and the reference; the reward model is apart. */
  @Test
  void tppo() throws IOException {
    TokenRewarder rewarder = responses -> {
      int n = responses.stream().mapToInt(r -> r.ids().length).sum();
      int[] classes = new int[n];
      Arrays.fill(classes, 1);
      return new TokenRewarder.Rewards(new float[n], null, classes);
    };
    TppoConfig config = config();
    long[] parameters = new long[1];
    decoder().close();
    long grown = PeakMemory.of(() -> {
      try (Decoder policy = decoder(); Decoder reference = policy.copy();
          PpoTrainer trainer = new PpoTrainer(policy, reference, rewarder, config.policy(), config.sampling(),
              List.of(new Prompt(ids(4), "a"), new Prompt(ids(3), "b")), 4, 2, 1, 1)) {
        parameters[0] = count(policy.parameters().values());
        trainer.round(0);
        trainer.round(1);
      }
    });
    check("TPPO without the reward model, a parameter of " + parameters[0], 36, grown, parameters[0]);
  }

  /** What a token leaves for the way back, and half a block's as much again while a block goes back. */
  @ParameterizedTest
  @CsvSource({"FLOAT32, false", "BFLOAT16, false", "FLOAT32, true"})
  void activations(Precision precision, boolean checkpointing) throws IOException {
    int layers = 8 * LAYERS;
    int hidden = 256;
    int intermediate = 704;
    int batch = 8;
    int time = 512;
    int[] ids = ids(batch * time);
    double block = precision == Precision.FLOAT32 ? 40 * hidden + 16 * intermediate : 38 * hidden + 8 * intermediate;
    double expected = checkpointing ? 4 * hidden * layers + 1.5 * block : block * (layers + 0.5);
    try (Decoder model = Decoder.create(DecoderConfig.mistral(VOCAB, hidden, intermediate, layers, 4, 4, time, 0, 0, 2, 1), 1)) {
      model.setPrecision(precision);
      pass(model, ids, 1, time, checkpointing); // gradients, and code that is loaded once
      long grown = PeakMemory.of(() -> pass(model, ids, batch, time, checkpointing));
      check("activations of " + layers + " layers, " + precision + (checkpointing ? ", checkpointing" : "") + ", a token", expected, grown,
          (long) batch * time);
    }
  }

  private static void pass(Decoder model, int[] ids, int batch, int time, boolean checkpointing) {
    try (Scope scope = Scope.withGrad()) {
      Pass pass = model.forward(Tensors.ids(Arrays.copyOf(ids, batch * time), batch, time), null, checkpointing);
      Autograd.backward(pass.hidden(), pass.hidden().detach());
      pass.backward();
    }
  }
}
