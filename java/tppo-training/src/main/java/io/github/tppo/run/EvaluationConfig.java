// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.run;

/** Comparison of the models on held-out users (SPEC 7). */
public record EvaluationConfig(
    @Doc("Held-out examples; 0 = all") int examples,
    @Doc("Responses per example, their scores averaged") int samplesPerExample,
    @Doc("Resamples of the paired bootstrap") int bootstrapResamples,
    @Doc("Example users in the report") int reportExamples) {

  public EvaluationConfig {
    Check.notNegative("examples", examples);
    Check.atLeast("samples_per_example", samplesPerExample, 1);
    Check.atLeast("bootstrap_resamples", bootstrapResamples, 100);
    Check.notNegative("report_examples", reportExamples);
  }
}
