// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.run;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** A configuration with every kind of key, for the tests of reading and writing. */
@Doc("A configuration for tests.")
record SampleConfig(
    @Doc("Where every random number starts.") long seed,
    @Doc("Seeds of the evaluation.") List<Integer> seeds,
    @Doc("What is read and how it is cut.") SampleData data,
    SamplePolicy policy) {

  enum Form { AOL, EXCITE, LONG_FORM }

  record SampleData(
      @Doc("The log; left out, the bundled one.") Path log,
      @Doc("The form of the log.") Form form,
      @Doc("Column of each field.") Map<String, Integer> columns,
      @Doc("Newest entries of the history that are kept.") int maxHistory,
      List<Source> sources,
      @PathKey(except = "default") List<String> files) { }

  record Source(String name, Path path, double weight) { }

  @Doc("How the policy is trained.")
  record SamplePolicy(double learningRate, float clip, boolean whiten, String name, List<Form> forms) {
    SamplePolicy {
      if (learningRate <= 0) {
        throw new IllegalArgumentException("learningRate: " + learningRate + ", expected more than 0");
      }
    }
  }

  static SampleConfig defaults() {
    return new SampleConfig(7, List.of(1, 2, 3),
        new SampleData(null, Form.AOL, Map.of("user", 0), 20, List.of(), List.of("default")),
        new SamplePolicy(5e-6, 0.2f, true, "yes", List.of(Form.AOL)));
  }
}
