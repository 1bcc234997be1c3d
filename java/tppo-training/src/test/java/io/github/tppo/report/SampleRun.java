// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.report;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.tppo.data.History;
import io.github.tppo.eval.Bootstrap;
import io.github.tppo.eval.FormMetrics;
import io.github.tppo.eval.ScoredAnswer;
import io.github.tppo.judge.WordScore;
import io.github.tppo.text.ResponseText;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.ToDoubleFunction;

/** A made-up run's folder with all the files that a report reads, in the form in which the stages write them. */
final class SampleRun {
  static final int USERS = 120;
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String[][] TOPICS = {
      {"sourdough bread recipe", "rye starter", "dutch oven baking", "bread flour protein", "how long to proof dough"},
      {"used hybrid cars", "prius battery replacement", "hybrid car insurance quotes", "electric cars range", "car loan calculator"},
      {"knee pain running", "running shoes for flat feet", "half marathon training plan", "knee brace", "stretching exercises"},
      {"cheap flights to lisbon", "lisbon hotels", "portugal travel guide", "lisbon weather in may", "tram 28 lisbon"},
      {"guitar chords for beginners", "acoustic guitar strings", "guitar tuner online", "fingerstyle lessons", "capo positions"}};

  /** Users are the same whatever the seed of the run. */
  private final Random users = new Random(7);
  private final Random random;
  private final Path root;

  private SampleRun(Path root, long seed) {
    this.root = root;
    this.random = new Random(seed);
  }

  /**
   * Writes the folder.
   *
   * @param models answers of these, the worst first; copy is added
   */
  static void write(Path root, List<String> models) throws IOException {
    write(root, models, 1);
  }

  /** The same with another seed: the same users, other answers and other curves. */
  static void write(Path root, List<String> models, long seed) throws IOException {
    SampleRun run = new SampleRun(root, seed);
    Map<String, List<ScoredAnswer>> answers = new LinkedHashMap<>();
    answers.put("copy", new ArrayList<>());
    models.forEach(m -> answers.put(m, new ArrayList<>()));
    for (int u = 0; u < USERS; u++) {
      run.user(u, answers);
    }
    for (Map.Entry<String, List<ScoredAnswer>> e : answers.entrySet()) {
      ScoredAnswer.write(root.resolve("evaluate").resolve(e.getKey() + ".jsonl"), e.getValue());
    }
    SampleCurves.write(root, models, seed);
    run.json("results.json", run.results(answers));
    run.json("config.json", Map.of("seed", 1, "evaluation", Map.of("report_examples", 24),
        "policy", Map.of("alpha", 2.0, "length_penalty", true, "class_values", List.of(0, 0, 1))));
    run.sources();
  }

  private void user(int u, Map<String, List<ScoredAnswer>> answers) {
    String[] topic = TOPICS[users.nextInt(TOPICS.length)];
    List<String> search = new ArrayList<>();
    for (int i = 3 + users.nextInt(8); i > 0; i--) {
      search.add(pick(users.nextInt(4) == 0 ? TOPICS[users.nextInt(TOPICS.length)] : topic, users));
    }
    List<String> targets = List.of(pick(topic, users), pick(topic, users), pick(TOPICS[users.nextInt(TOPICS.length)], users));
    History history = History.of(search, List.of("www.example.com", "recipes.example.org").subList(0, users.nextInt(3)));
    int skill = 0;
    for (Map.Entry<String, List<ScoredAnswer>> model : answers.entrySet()) {
      List<String> queries = new ArrayList<>();
      for (int i = 0; i < 3; i++) {
        queries.add(pick(random.nextInt(10) < 3 + skill ? topic : TOPICS[random.nextInt(TOPICS.length)], random));
      }
      model.getValue().add(answer("u" + (1000 + u), history, targets, queries, !model.getKey().equals("copy")));
      skill++;
    }
  }

  private ScoredAnswer answer(String user, History history, List<String> targets, List<String> queries, boolean tokens) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < queries.size(); i++) {
      text.append(i == 0 ? "" : "\n").append(i + 1).append(' ').append(queries.get(i));
    }
    List<WordScore> words = new ArrayList<>();
    List<ScoredAnswer.Token> pieces = new ArrayList<>();
    int relevant = 0;
    int scored = 0;
    int last = 0;
    for (ResponseText.Word word : ResponseText.words(text.toString())) {
      boolean stop = word.text().length() < 4;
      int score = stop ? WordScore.NOT_SCORED : targets.stream().anyMatch(t -> t.contains(word.text())) ? 1 : 0;
      scored += stop ? 0 : 1;
      relevant += Math.max(0, score);
      words.add(new WordScore(word.text(), word.start(), word.end(), score));
      pieces.add(new ScoredAnswer.Token(last, word.start(), 0, 0));
      int middle = word.text().length() > 6 ? word.start() + 4 : word.end();
      double reward = Math.max(0, Math.min(1, (score == 1 ? 0.68 : 0.3) + random.nextGaussian() * 0.17));
      int predicted = stop ? 0 : reward > 0.5 ? 2 : 1;
      pieces.add(new ScoredAnswer.Token(word.start(), middle, predicted, stop ? 0 : reward));
      if (middle < word.end()) {
        pieces.add(new ScoredAnswer.Token(middle, word.end(), predicted, stop ? 0 : Math.min(1, reward + 0.05)));
      }
      last = word.end();
    }
    pieces.add(new ScoredAnswer.Token(last, last, 0, 0));
    double rate = scored == 0 ? 0 : relevant / (double) scored;
    return new ScoredAnswer(user, history, targets, text.toString(), queries, tokens ? pieces : List.of(), words, rate >= 0.5 ? 1 : 0,
        rate, rate >= 0.5 ? 1.0 : 0.0, Map.of(), queries.size() == 3, true, tokens ? pieces.size() : 0);
  }

  private static String pick(String[] from, Random random) {
    return from[random.nextInt(from.length)];
  }

  private Map<String, Object> results(Map<String, List<ScoredAnswer>> answers) throws IOException {
    Map<String, Object> token = new LinkedHashMap<>();
    Map<String, Object> sentence = new LinkedHashMap<>();
    Map<String, Object> form = new LinkedHashMap<>();
    answers.forEach((name, list) -> {
      token.put(name, interval(Bootstrap.mean(scores(list, ScoredAnswer::tokenRelevance), 500, 1)));
      sentence.put(name, interval(Bootstrap.mean(scores(list, ScoredAnswer::sentenceRelevance), 500, 1)));
      form.put(name, FormMetrics.of(list));
    });
    Map<String, Object> results = new LinkedHashMap<>();
    results.put("seeds", List.of(1));
    results.put("held_out_users", USERS);
    results.put("relevance_rate", Map.of("token_template", token, "sentence_template", sentence));
    Map<String, Object> pairs = new LinkedHashMap<>();
    Map<String, Object> differences = new LinkedHashMap<>();
    List<String> names = new ArrayList<>(answers.keySet());
    for (int i = names.size() - 1; i > 0; i--) { // TPPO, the last, against all others first
      for (int j = i - 1; j > 0; j--) {
        List<ScoredAnswer> first = answers.get(names.get(i));
        List<ScoredAnswer> second = answers.get(names.get(j));
        pairs.put(names.get(i) + "_vs_" + names.get(j), pair(
            scores(first, ScoredAnswer::tokenRelevance), scores(second, ScoredAnswer::tokenRelevance)));
        differences.put(names.get(i) + "_minus_" + names.get(j), Map.of(
            "token_template", difference(first, second, ScoredAnswer::tokenRelevance),
            "sentence_template", difference(first, second, ScoredAnswer::sentenceRelevance)));
      }
    }
    results.put("difference", differences);
    results.put("pairwise", pairs);
    results.put("form", form);
    results.put("suggested_length", 27.0);
    Map<String, Object> training = new LinkedHashMap<>();
    RunFiles files = new RunFiles(root);
    for (String model : List.of("ppo", "tppo")) {
      List<Double> mean = new ArrayList<>();
      List<Double> std = new ArrayList<>();
      for (JsonNode step : files.lines(model + "/metrics.jsonl")) {
        mean.add(step.path("objective/scores").asDouble());
        std.add(step.path("objective/scores_std").asDouble());
      }
      training.put(model, Map.of("score_mean", mean, "score_std", std));
    }
    results.put("training", training);
    results.put("reward_model", Map.of("token", Map.of("auc_weighted", 0.8123, "auc_relevant", 0.774, "eval_loss", 0.61)));
    results.put("timing_s", new LinkedHashMap<>(Map.of("prepare", 6.2, "sft", 48.0, "generate", 61.5, "train-policy", 223.0)));
    results.put("tokens_per_s", Map.of("generate", 5120.0, "train_policy", 1340.5));
    return results;
  }

  private static Map<String, Object> pair(double[] first, double[] second) {
    double[] net = new double[first.length];
    double won = 0;
    double lost = 0;
    for (int i = 0; i < net.length; i++) {
      net[i] = 100 * Math.signum(first[i] - second[i]);
      won += Math.max(0, net[i]) / net.length;
      lost += Math.max(0, -net[i]) / net.length;
    }
    return Map.of("win", won, "tie", 100 - won - lost, "lose", lost, "flip_rate", 0.08,
        "win_minus_lose", interval(Bootstrap.mean(net, 500, 1)));
  }

  private static Map<String, Object> difference(List<ScoredAnswer> first, List<ScoredAnswer> second, ToDoubleFunction<ScoredAnswer> of) {
    double[] difference = scores(first, of);
    double[] other = scores(second, of);
    Arrays.setAll(difference, i -> difference[i] - other[i]);
    return interval(Bootstrap.mean(difference, 500, 1));
  }

  private static double[] scores(List<ScoredAnswer> answers, ToDoubleFunction<ScoredAnswer> score) {
    return answers.stream().mapToDouble(a -> 100 * score.applyAsDouble(a)).toArray();
  }

  private static Map<String, Object> interval(Bootstrap.Interval i) {
    return Map.of("mean", i.mean(), "ci95", List.of(i.low(), i.high()), "per_seed", List.of(i.mean()));
  }

  private void sources() throws IOException {
    Map<String, Object> dropped = new LinkedHashMap<>();
    dropped.put("repeat", 40211);
    dropped.put("paging", 8123);
    dropped.put("bad_time", 12);
    json("data/stats.json", Map.of("form", "aol", "rows_read", 300000, "rows_kept", 251654, "rows_dropped", dropped,
        "users", 4950, "users_dropped", Map.of("too_few_queries", 1475), "users_per_split", Map.of("train", 2780, "valid", 347, "eval", 348),
        "examples", Map.of("train", 22240, "valid", 347, "eval", 348),
        "lengths", Map.of("history_entries", Map.of("count", 22935, "mean", 11.3, "p5", 2, "p25", 5, "p50", 10, "p75", 16, "p95", 25, "max", 30)),
        "warnings", List.of("log.gz: the file ends in the middle of a row; all whole rows were read")));
    json("labels/stats.json", Map.of("token", Map.of("judge", "lexical", "labelled", 12600, "rejected", Map.of("contradiction", 31),
        "asked", 12662, "class_tokens", List.of(121000, 118000, 39000), "words_scored", 88210, "words_relevant_percent", 24.4,
        "sentences_relevant_percent", 19.9, "seconds", 31.2)));
  }

  private void json(String file, Object value) throws IOException {
    Path path = root.resolve(file);
    Files.createDirectories(path.getParent());
    JSON.writerWithDefaultPrettyPrinter().writeValue(path.toFile(), value);
  }
}
