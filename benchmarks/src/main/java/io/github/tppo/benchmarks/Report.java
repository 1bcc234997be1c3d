// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.benchmarks;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * Turns the results of {@code benchmarks/run} into Markdown: times, throughput, fraction of the stream and ratios.
 * Needs nothing but a JDK: {@code java Report.java results.json}.
 */
public final class Report {

  private Report() {}

  /** Prints the report of one result file. */
  public static void main(String[] arguments) throws IOException {
    if (arguments.length != 1) {
      System.err.println("usage: java Report.java RESULTS.json");
      System.exit(2);
    }
    System.out.print(markdown(Files.readString(Path.of(arguments[0]))));
  }

  /** Returns the report of a result file's text. */
  static String markdown(String json) {
    Map<?, ?> file = (Map<?, ?>) new Json(json).value();
    StringBuilder out = new StringBuilder();
    ((Map<?, ?>) file.get("machine")).forEach(
        (key, value) -> out.append("* ").append(key).append(": ").append(value).append('\n'));
    List<Result> results = new ArrayList<>();
    for (Object run : (List<?>) file.get("runs")) {
      String name = (String) ((Map<?, ?>) run).get("name");
      for (Object entry : (List<?>) ((Map<?, ?>) run).get("results")) {
        results.add(new Result(name, (Map<?, ?>) entry));
      }
    }
    Map<String, List<Result>> groups = results.stream().collect(
        Collectors.groupingBy(Result::group, LinkedHashMap::new, Collectors.toList()));
    out.append("\n| operation | input | time | GB/s | of the stream | extra memory | times as fast as |\n")
        .append("| --- | --- | --- | --- | --- | --- | --- |\n");
    groups.values().forEach(group -> group.stream().filter(Result::ours)
        .forEach(ours -> out.append(operation(ours, group))));
    out.append("\n| measured for comparison | input | time | GB/s |\n| --- | --- | --- | --- |\n");
    results.stream().filter(r -> !r.ours()).forEach(r -> out.append("| ").append(r.operation()).append(' ')
        .append(r.baseline()).append(" | ").append(r.input()).append(" | ").append(time(r.nanos()))
        .append(" | ").append(r.throughput()).append(" |\n"));
    return out.toString();
  }

  private static String operation(Result ours, List<Result> group) {
    boolean oneThread = group.stream().anyMatch(r -> r.method.equals("tppoOneThread"));
    String against = group.stream()
        .filter(r -> !r.ours() && (!oneThread || r.plainLoop() == ours.method.equals("tppoOneThread")))
        .map(r -> r.baseline() + " " + number(r.timesAsSlowAs(ours)) + memory(r))
        .collect(Collectors.joining(", "));
    return "| " + String.join(" | ", ours.operation() + ours.variant(), ours.input(), time(ours.nanos()),
        ours.throughput(), ours.fractions(), ours.memory(), against) + " |\n";
  }

  private static String memory(Result result) {
    return result.memory().isEmpty() ? "" : " (" + result.memory() + ")";
  }

  private static String time(double nanos) {
    return nanos < 1e3 ? number(nanos) + " ns"
        : nanos < 1e6 ? number(nanos / 1e3) + " µs" : number(nanos / 1e6) + " ms";
  }

  /** Three digits. */
  private static String number(double value) {
    return String.format(Locale.ROOT, value < 10 ? "%.2f" : value < 100 ? "%.1f" : "%.0f", value);
  }

  private static double median(List<Double> values) {
    return quantile(values, 0.5);
  }

  private static double quantile(List<Double> values, double q) {
    List<Double> sorted = values.stream().sorted().toList();
    double position = q * (sorted.size() - 1);
    int low = (int) position;
    int high = Math.min(low + 1, sorted.size() - 1);
    return sorted.get(low) + (position - low) * (sorted.get(high) - sorted.get(low));
  }

  /** One method with one set of parameters, as JMH reports it. */
  private static final class Result {

    final String run;
    final String className;
    final String method;
    final Map<String, String> params = new TreeMap<>();
    private final List<Double> nanos;
    private final Map<?, ?> secondary;

    Result(String run, Map<?, ?> entry) {
      this.run = run;
      String[] name = ((String) entry.get("benchmark")).split("\\.");
      className = name[name.length - 2];
      method = name[name.length - 1];
      Map<?, ?> given = (Map<?, ?>) entry.get("params");
      if (given != null) {
        given.forEach((key, value) -> params.put((String) key, (String) value));
      }
      Map<?, ?> primary = (Map<?, ?>) entry.get("primaryMetric");
      double unit = switch ((String) primary.get("scoreUnit")) {
        case "ns/op" -> 1;
        case "us/op" -> 1e3;
        case "ms/op" -> 1e6;
        case "s/op" -> 1e9;
        default -> throw new IllegalArgumentException("unknown unit " + primary.get("scoreUnit"));
      };
      nanos = raw(primary).stream().map(v -> v * unit).toList();
      secondary = (Map<?, ?>) entry.get("secondaryMetrics");
    }

    boolean ours() {
      return method.startsWith("tppo");
    }

    boolean plainLoop() {
      return method.endsWith("Loop");
    }

    /** Results that are compared: of one class with the same parameters; the instruction set is ours alone. */
    String group() {
      return className + params.entrySet().stream().filter(e -> !e.getKey().equals("isa")).toList();
    }

    String operation() {
      return className.replaceFirst("Benchmark$", "");
    }

    String variant() {
      return method.equals("tppo") ? "" : " (" + words(method.substring("tppo".length())) + ")";
    }

    String baseline() {
      return words(method) + (run.equals("standard") ? "" : ", " + run);
    }

    String input() {
      return params.entrySet().stream()
          .filter(e -> !e.getValue().equals("auto"))
          .filter(e -> !(e.getKey().equals("threads") && e.getValue().equals("0")))
          .map(e -> e.getKey() + " " + e.getValue()).collect(Collectors.joining(", "));
    }

    /** Median over iterations. */
    double nanos() {
      return median(nanos);
    }

    /** Time over that of our kernel, which was called in turn with it where there are such times. */
    double timesAsSlowAs(Result ours) {
      List<Double> inTurn = counter("tppoNanos");
      if (!ours.method.equals("tppo") || !ours.params.equals(params) || inTurn.get(0) == 0) {
        return nanos() / ours.nanos();
      }
      return median(IntStream.range(0, nanos.size()).mapToObj(i -> nanos.get(i) / inTurn.get(i)).toList());
    }

    String throughput() {
      double bytes = median(counter("bytes"));
      return bytes == 0 ? "" : number(bytes / nanos());
    }

    /** Median over iterations of the stream's time over the operation's, with the quartiles. */
    String fractions() {
      // The stream has all threads.
      if (method.endsWith("OneThread")) {
        return "";
      }
      String stream = fraction("streamNanos");
      String same = fraction("sameArraysNanos");
      return stream + (same.isEmpty() ? "" : "; same arrays " + same);
    }

    private String fraction(String counter) {
      List<Double> ceiling = counter(counter);
      List<Double> ratios = new ArrayList<>();
      for (int i = 0; i < nanos.size(); i++) {
        if (ceiling.get(i) > 0) {
          ratios.add(ceiling.get(i) / nanos.get(i));
        }
      }
      return ratios.isEmpty() ? "" : number(median(ratios)) + " (" + number(quantile(ratios, 0.25)) + " to "
          + number(quantile(ratios, 0.75)) + ")";
    }

    String memory() {
      double bytes = median(counter("extraBytes"));
      return bytes == 0 ? "" : number(bytes / (1 << 20)) + " MiB";
    }

    /** An extra counter in each iteration; zeros when there is none. */
    private List<Double> counter(String name) {
      Object metric = secondary == null ? null : secondary.get(name);
      return metric == null ? nanos.stream().map(v -> 0.0).toList() : raw((Map<?, ?>) metric);
    }

    private static List<Double> raw(Map<?, ?> metric) {
      List<Double> values = new ArrayList<>();
      ((List<?>) metric.get("rawData")).forEach(
          fork -> ((List<?>) fork).forEach(value -> values.add((Double) value)));
      return values;
    }

    private static String words(String name) {
      return name.replaceAll("([a-z])([A-Z])", "$1 $2").toLowerCase(Locale.ROOT).replace("c loop", "C loop")
          .replace("java", "Java").replace("trl", "as TRL").replace("verl", "as veRL");
    }
  }

  /** Reads JSON into maps, lists, strings, doubles, booleans and nulls. */
  private static final class Json {

    private final String text;
    private int at;

    Json(String text) {
      this.text = text;
    }

    Object value() {
      char c = next();
      if (c == '{') {
        Map<String, Object> map = new LinkedHashMap<>();
        while (more('}')) {
          String key = (String) value();
          expect(':');
          map.put(key, value());
        }
        return map;
      }
      if (c == '[') {
        List<Object> list = new ArrayList<>();
        while (more(']')) {
          list.add(value());
        }
        return list;
      }
      return c == '"' ? string() : word(c);
    }

    /** After an element or an opening bracket: false at the closing one, which is consumed. */
    private boolean more(char close) {
      char c = next();
      if (c == close) {
        return false;
      }
      if (c != ',') {
        at--;
      }
      return true;
    }

    private String string() {
      StringBuilder out = new StringBuilder();
      for (char c = text.charAt(at++); c != '"'; c = text.charAt(at++)) {
        if (c != '\\') {
          out.append(c);
          continue;
        }
        char escape = text.charAt(at++);
        switch (escape) {
          case 'n' -> out.append('\n');
          case 't' -> out.append('\t');
          case 'u' -> {
            out.append((char) Integer.parseInt(text.substring(at, at + 4), 16));
            at += 4;
          }
          default -> out.append(escape);
        }
      }
      return out.toString();
    }

    private Object word(char first) {
      int start = at - 1;
      while (at < text.length() && ",]} \t\r\n".indexOf(text.charAt(at)) < 0) {
        at++;
      }
      String word = text.substring(start, at);
      return switch (word) {
        case "true", "false" -> Boolean.valueOf(word);
        case "null" -> null;
        default -> Double.valueOf(word);
      };
    }

    private void expect(char wanted) {
      if (next() != wanted) {
        throw new IllegalArgumentException("'" + wanted + "' expected at character " + (at - 1));
      }
    }

    private char next() {
      while (Character.isWhitespace(text.charAt(at))) {
        at++;
      }
      return text.charAt(at++);
    }
  }
}
