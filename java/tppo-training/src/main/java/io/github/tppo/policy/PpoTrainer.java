// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.policy;

import io.github.tppo.kernels.Aggregation;
import io.github.tppo.kernels.DType;
import io.github.tppo.kernels.Kernels;
import io.github.tppo.kernels.NativeArray;
import io.github.tppo.kernels.PolicyLossOptions;
import io.github.tppo.kernels.PolicyLossOutputs;
import io.github.tppo.kernels.PolicyLossStats;
import io.github.tppo.kernels.TokenLayout;
import io.github.tppo.model.AdamW;
import io.github.tppo.model.Decoder;
import io.github.tppo.model.Lora;
import io.github.tppo.model.Pass;
import io.github.tppo.model.Scope;
import io.github.tppo.model.TrainingState;
import io.github.tppo.model.Workers;
import io.github.tppo.run.OutputFile;
import io.github.tppo.run.PolicyConfig;
import io.github.tppo.run.SamplingConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;

/**
 * PPO on token-level rewards (SPEC 5 and 6). A round samples responses, freezes everything that the update needs in a
 * {@link Rollout}, and then takes {@code epochs} passes over it in mini-batches. What a round does depends on its number
 * and the seed alone, so that a run can be stopped between rounds. Not thread safe; inside a round it uses {@link Workers}.
 */
public final class PpoTrainer implements AutoCloseable {
  /** Random numbers of sampling are apart from those of everything else. */
  static final long SAMPLES = 0x726f6c;
  private static final int CRITIC_ADAPTERS = 2;

  private final Decoder policy;
  private final Critic critic;
  private final AdamW optimizer;
  private final RolloutCollector collector;
  private final KlController kl;
  private final PolicyConfig config;
  private final SamplingConfig sampling;
  private final List<Prompt> prompts;
  private final int padId;
  private final int eosId;
  private final double suggestedLength;
  private final long seed;
  private final SkippedSteps skips =
      new SkippedSteps("train-policy", "lower policy.optimizer.learning_rate or policy.kl_coef");
  private long orderPass = -1;
  private int[] order;

  /**
   * @param policy is trained in place; with adapters, the critic has such adapters of its own on the weights of the reference
   * @param reference the frozen SFT policy
   * @param prompts the training prompts; a round takes the next ones of a seeded order
   * @param suggestedLength sl of the length penalty, fixed for the whole run
   */
  public PpoTrainer(Decoder policy, Decoder reference, TokenRewarder rewarder, PolicyConfig config, SamplingConfig sampling,
      List<Prompt> prompts, double suggestedLength, int eosId, int padId, long seed) {
    if (prompts.isEmpty()) {
      throw new IllegalArgumentException("no training prompts");
    }
    this.policy = policy;
    this.config = config;
    this.sampling = sampling;
    this.prompts = prompts;
    this.padId = padId;
    this.eosId = eosId;
    this.suggestedLength = suggestedLength;
    this.seed = seed;
    policy.setPrecision(config.compute().precision());
    reference.setPrecision(config.compute().precision());
    this.critic = new Critic(criticTrunk(policy, reference, seed), padId, config.valueClip(), config.compute(), config.criticOptimizer());
    this.optimizer = new AdamW(policy.trainable(), Optimizers.options(config.optimizer()));
    this.collector = new RolloutCollector(policy, reference, critic, rewarder, config, sampling, suggestedLength, eosId, padId);
    this.kl = new KlController(config.klCoef(), config.klTarget(), config.klHorizon());
  }

  /** What the critic is trained on: a copy of the reference or, where the policy has adapters, such adapters on the reference's memory. */
  static Decoder criticTrunk(Decoder policy, Decoder reference, long seed) {
    return policy.lora() == null ? reference.copy()
        : reference.adapted(Lora.create(policy.lora().config(), reference.config(), seed, CRITIC_ADAPTERS));
  }

  /** One round, counted from 0. Returns its metrics, under the names of TRL's PPO where they have one. */
  public Map<String, Double> round(long round) {
    return play(round).values();
  }

  /** The same, and writes what its metrics are made of. */
  public Map<String, Double> round(long round, RolloutFiles files) throws IOException {
    Objects.requireNonNull(files, "files");
    Round done = play(round);
    files.write(round + 1, done.collected(), done.metrics().scores(), done.updates(), settings(done.values()));
    return done.values();
  }

  private record Round(RolloutCollector.Collected collected, List<PpoUpdate> updates, PpoMetrics metrics, Map<String, Double> values) {}

  private Round play(long round) {
    int size = config.rolloutSize();
    int[][] firstPass = Permutation.batches(size, config.batchSize(), seed, round * config.epochs());
    RolloutCollector.Collected collected =
        collector.collect(promptsOf(round), sequences -> microBatches(firstPass, sequences), Permutation.mix(seed, SAMPLES), round * size, kl.coefficient());
    PpoMetrics metrics = new PpoMetrics(collected, kl.coefficient(), eosId);
    boolean train = round >= config.criticWarmup();
    List<PpoUpdate> updates = new ArrayList<>();
    for (int epoch = 0; epoch < config.epochs(); epoch++) {
      int[][] batches = epoch == 0 ? firstPass : Permutation.batches(size, config.batchSize(), seed, round * config.epochs() + epoch);
      for (int[] indices : batches) {
        updates.add(update(collected.rollout(), indices, round, train));
        metrics.add(updates.get(updates.size() - 1));
      }
    }
    skips.add(updates.stream().anyMatch(PpoUpdate::bad));
    if (train) {
      kl.update(metrics.klPerResponse(), size);
    }
    return new Round(collected, updates, metrics, metrics.values(train ? policyRate(round) : 0, (round + 1) * size));
  }

  private PpoUpdate update(Rollout rollout, int[] indices, long round, boolean train) {
    int[][] microBatches = microBatches(new int[][] {indices}, rollout.sequences());
    int[] responses = Arrays.stream(microBatches).flatMapToInt(Arrays::stream).toArray();
    List<Critic.Targets> targets = Arrays.stream(microBatches).map(part -> targets(rollout, part)).toList();
    if (targets.stream().allMatch(part -> part.validTokens() == 0)) {
      return new PpoUpdate(responses, null, null); // nothing to learn from: weights and moments stay as they are
    }
    List<Critic.Step> value = new ArrayList<>();
    List<PpoUpdate.PolicyStep> loss = new ArrayList<>();
    List<Runnable> tasks = new ArrayList<>();
    tasks.add(() -> value.add(critic.step(targets, config.criticOptimizer().rate(round, config.steps()))));
    if (train) {
      tasks.add(() -> loss.add(step(rollout, microBatches, lossOptions(normalizer(targets)), policyRate(round))));
    }
    Workers.run(tasks); // critic and policy share nothing that is written
    return new PpoUpdate(responses, value.get(0), train ? loss.get(0) : null);
  }

  private PpoUpdate.PolicyStep step(Rollout rollout, int[][] microBatches, PolicyLossOptions options, double rate) {
    optimizer.zeroGrad();
    NativeArray[] all = new NativeArray[3]; // log-probabilities, entropies and ratios of all micro-batches
    Arrays.setAll(all, i -> NativeArray.allocate(DType.F32, Arrays.stream(microBatches).mapToInt(rollout::tokens).sum()));
    PolicyLossStats sum = null;
    int at = 0;
    for (int[] part : microBatches) {
      int n = rollout.tokens(part);
      PolicyLossStats loss = backward(rollout, part, options, PolicyLossOutputs.none().withLogprob(all[0].slice(at, n))
          .withEntropy(all[1].slice(at, n)).withRatio(all[2].slice(at, n)));
      sum = sum == null ? loss : sum.plus(loss);
      at += n;
    }
    return new PpoUpdate.PolicyStep(sum, optimizer.step(rate), all[0].toFloats(), all[1].toFloats(), all[2].toFloats());
  }

  /** Each mini-batch in micro-batches of sequences that are about equally long, so that little of a pass is padding. */
  private int[][] microBatches(int[][] batches, List<Sequence> sequences) {
    return Arrays.stream(batches).flatMap(batch -> {
      List<Integer> byLength = Arrays.stream(batch).boxed().sorted(Comparator.comparingInt(i -> sequences.get(i).length())).toList();
      return BatchParts.ofAtMost(byLength, config.compute().microBatchSize()).stream();
    }).map(part -> part.stream().mapToInt(i -> i).toArray()).toArray(int[][]::new);
  }

  private static Critic.Targets targets(Rollout rollout, int[] indices) {
    return new Critic.Targets(rollout.batch(indices), rollout.gather(rollout.values(), indices),
        rollout.gather(rollout.returns(), indices), rollout.gather(rollout.valid(), indices));
  }

  /** What the loss of a mini-batch is divided by: its valid tokens or its sequences that have one. */
  private double normalizer(List<Critic.Targets> microBatches) {
    return microBatches.stream().mapToInt(config.aggregation() == Aggregation.TOKEN_MEAN ? Critic.Targets::validTokens
        : Critic.Targets::validSequences).sum();
  }

  /** The policy's schedule begins when the critic's warm-up ends; it counts rounds. */
  private double policyRate(long round) {
    return config.optimizer().rate(round - config.criticWarmup(), Math.max(1, config.steps() - config.criticWarmup()));
  }

  private PolicyLossOptions lossOptions(double normalizer) {
    return PolicyLossOptions.defaults().withNormalizer(normalizer)
        .withAggregation(config.aggregation()).withTemperature(sampling.temperature())
        .withEpsLow(config.clipLow()).withEpsHigh(config.clipHigh()).withDualClip(config.dualClip())
        .withEntropyCoef(config.entropyCoef());
  }

  private PolicyLossStats backward(Rollout rollout, int[] indices, PolicyLossOptions options, PolicyLossOutputs outputs) {
    try (Scope scope = Scope.withGrad()) {
      SequenceBatch batch = rollout.batch(indices);
      NativeArray targets = NativeArray.ofLongs(batch.targets());
      NativeArray old = NativeArray.ofFloats(rollout.gather(rollout.oldLogprobs(), indices));
      NativeArray reference = NativeArray.ofFloats(rollout.gather(rollout.refLogprobs(), indices));
      NativeArray advantages = NativeArray.ofFloats(rollout.gather(rollout.advantages(), indices));
      NativeArray mask = NativeArray.ofBytes(rollout.gather(rollout.valid(), indices));
      TokenLayout layout = TokenLayout.packed(batch.tokens(), NativeArray.ofInts(batch.cuSeqlens())).withMask(mask);
      Pass pass = policy.forward(batch.inputIds(padId), batch.attentionMask(), config.compute().gradientCheckpointing());
      PolicyLossStats stats = LossHead.backward(batch.scoredRows(pass.hidden()), policy.outputWeight(), layer ->
          Kernels.linearPolicyLoss(layout, layer, targets, old, advantages, reference, options, outputs));
      pass.backward();
      return stats;
    }
  }

  /** What the metrics of a round are made of beside what is per token. */
  private Map<String, String> settings(Map<String, Double> metrics) {
    Map<String, Object> all = new LinkedHashMap<>();
    all.put("episode", metrics.get("episode"));
    all.put("lr", metrics.get("lr"));
    all.put("kl_coef", metrics.get("objective/kl_coef"));
    all.put("eos_id", eosId);
    all.put("temperature", sampling.temperature());
    all.put("length_penalty", config.lengthPenalty());
    all.put("alpha", config.alpha());
    all.put("suggested_length", suggestedLength);
    all.put("kl_estimator", config.klEstimator());
    all.put("gamma", config.gamma());
    all.put("lambda", config.lambda());
    all.put("whiten", config.whiten());
    all.put("aggregation", config.aggregation());
    all.put("clip_low", config.clipLow());
    all.put("clip_high", config.clipHigh());
    all.put("dual_clip", config.dualClip());
    all.put("entropy_coef", config.entropyCoef());
    all.put("value_clip", config.valueClip());
    Map<String, String> settings = new LinkedHashMap<>();
    all.forEach((name, value) -> settings.put(name, value.toString().toLowerCase(Locale.ROOT)));
    return settings;
  }

  private List<Prompt> promptsOf(long round) {
    List<Prompt> chosen = new ArrayList<>();
    for (long i = round * config.rolloutSize(); i < (round + 1) * config.rolloutSize(); i++) {
      int[] order = order(i / prompts.size());
      chosen.add(prompts.get(order[(int) (i % prompts.size())]));
    }
    return chosen;
  }

  private int[] order(long pass) {
    if (pass != orderPass) {
      order = Permutation.of(prompts.size(), Permutation.mix(seed, 0x9707), pass);
      orderPass = pass;
    }
    return order;
  }

  /** Writes all that the next round depends on, beside the frozen reference and reward model. */
  public void save(Path folder) throws IOException {
    Files.createDirectories(folder.resolve("policy"));
    Files.createDirectories(folder.resolve("critic"));
    TrainingState.save(folder.resolve("policy"), policy.trainable(), optimizer);
    critic.save(folder.resolve("critic"));
    OutputFile.write(folder.resolve("kl_coef"), Double.toString(kl.coefficient()));
    skips.save(folder);
  }

  /** Reads what {@link #save} wrote. */
  public void load(Path folder) throws IOException {
    TrainingState.load(folder.resolve("policy"), policy.trainable(), optimizer);
    critic.load(folder.resolve("critic"));
    kl.restore(Double.parseDouble(Files.readString(folder.resolve("kl_coef"))));
    skips.load(folder);
  }

  @Override
  public void close() {
    optimizer.close();
    critic.close();
  }
}
