// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.benchmarks;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

class ReportTest {

  @Test
  void dividesTimesOfOneGroup() {
    String report = Report.markdown(file(
        run("standard",
            result("Gae", "tppo", params("auto", "2x4"), "us/op", "[[2, 4], [3]]",
                counter("bytes", "[[6000, 6000], [6000]]"),
                counter("streamNanos", "[[1000, 1000], [1500]]"),
                counter("sameArraysNanos", "[[2000, 4000], [3000]]")),
            result("Gae", "tppo", params("portable", "2x4"), "us/op", "[[30]]"),
            result("Gae", "tppoOneThread", params("auto", "2x4"), "us/op",
                "[[6]]", counter("bytes", "[[6000]]"), counter("streamNanos", "[[1000]]")),
            result("Gae", "cLoop", params("auto", "2x4"), "us/op", "[[60]]"),
            result("Gae", "libtorchVerl", params("auto", "2x4"), "ms/op",
                "[[0.6]]"),
            result("Gae", "libtorchVerl", params("auto", "9x9"), "ms/op",
                "[[7]]")),
        run("memory kept",
            result("Gae", "libtorchVerl", params("auto", "2x4"), "ms/op",
                "[[0.3]]"))));
    List<String> lines = Arrays.asList(report.split("\n"));
    assertEquals("* CPU: a \"quoted\" name", lines.get(0));
    assertEquals("| Gae | shape 2x4 | 3.00 µs | 2.00 | 0.50 (0.38 to 0.50); same arrays 1.00 (1.00 to 1.00) |  |"
        + " libtorch as veRL 200, libtorch as veRL, memory kept 100 |", lines.get(4));
    assertEquals("| Gae | isa portable, shape 2x4 | 30.0 µs |  |  |  |"
        + " libtorch as veRL 20.0, libtorch as veRL, memory kept 10.0 |", lines.get(5));
    assertEquals("| Gae (one thread) | shape 2x4 | 6.00 µs | 1.00 |  |  | C loop 10.0 |", lines.get(6));
  }

  @Test
  void showsMemoryAndWhatHasNoKernelOfOurs() {
    String report = Report.markdown(file(run("standard",
        result("Linear", "tppo", "", "ns/op", "[[500]]", counter("extraBytes", "[[1048576]]")),
        result("Linear", "libtorchProducts", "", "ns/op", "[[600]]", counter("extraBytes", "[[10485760]]")),
        result("Stream", "scale", "\"mebibytes\": \"8\"", "s/op", "[[0.5]]", counter("bytes", "[[1e9]]")))));
    List<String> lines = Arrays.asList(report.split("\n"));
    assertEquals("| Linear |  | 500 ns |  |  | 1.00 MiB | libtorch products 1.20 (10.0 MiB) |", lines.get(4));
    assertEquals("| Stream scale | mebibytes 8 | 500 ms | 2.00 |", lines.get(lines.size() - 1));
  }

  @Test
  void takesTheKernelsTimeInTurnWhereItWasMeasured() {
    String inTurn = counter("tppoNanos", "[[1000, 4000, 3000]]");
    String report = Report.markdown(file(
        run("standard",
            result("Nll", "tppo", params("auto", "2x4"), "us/op", "[[5]]"),
            result("Nll", "tppo", params("portable", "2x4"), "us/op", "[[10]]"),
            result("Nll", "libtorch", params("auto", "2x4"), "us/op", "[[20, 40, 30]]", inTurn),
            result("Nll", "libtorchAsFloat", params("auto", "2x4"), "us/op", "[[50]]", counter("tppoNanos", "[[0]]"))),
        run("memory kept", result("Nll", "libtorch", params("auto", "2x4"), "us/op", "[[2, 4, 18]]", inTurn))));
    List<String> lines = Arrays.asList(report.split("\n"));
    assertEquals("| Nll | shape 2x4 | 5.00 µs |  |  |  | libtorch 10.0, libtorch as float 10.0,"
        + " libtorch, memory kept 2.00 |", lines.get(4));
    assertEquals("| Nll | isa portable, shape 2x4 | 10.0 µs |  |  |  | libtorch 3.00, libtorch as float 5.00,"
        + " libtorch, memory kept 0.40 |", lines.get(5));
  }

  @Test
  void refusesUnitsThatAreNoTime() {
    String file = file(run("standard", result("Gae", "tppo", "", "ops/s", "[[1]]")));
    assertThrows(IllegalArgumentException.class, () -> Report.markdown(file));
  }

  private static String file(String... runs) {
    return "{\"machine\": {\"CPU\": \"a \\\"quoted\\\" name\"}, \"runs\": [" + String.join(",\n", runs) + "]}";
  }

  private static String params(String isa, String shape) {
    return "\"isa\": \"" + isa + "\", \"shape\": \"" + shape + "\", \"threads\": \"0\"";
  }

  private static String run(String name, String... results) {
    return "{\"name\": \"" + name + "\", \"results\": [\n" + String.join(",\n", results) + "\n]}";
  }

  private static String result(String subject, String method, String params, String unit, String raw,
      String... counters) {
    return "{\"benchmark\" : \"io.github.tppo.benchmarks." + subject + "Benchmark." + method + "\", "
        + "\"params\" : {" + params + "}, \"primaryMetric\" : {\"scoreUnit\" : \"" + unit
        + "\", \"scoreError\" : \"NaN\", \"rawData\" : " + raw + "}, "
        + "\"secondaryMetrics\" : {" + String.join(", ", counters) + "}}";
  }

  private static String counter(String name, String raw) {
    return "\"" + name + "\" : {\"rawData\" : " + raw + "}";
  }
}
