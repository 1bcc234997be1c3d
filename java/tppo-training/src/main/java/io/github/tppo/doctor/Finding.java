// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.doctor;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.annotation.JsonPropertyOrder;
import java.util.Map;

/**
 * One thing that was looked at.
 *
 * @param name what, in one or two words
 * @param status whether it is there
 * @param found what was found, or why it was not
 * @param means what follows from a lack, and how to mend it; empty when nothing does
 * @param details figures for a machine to read
 */
@JsonPropertyOrder({"name", "status", "found", "means", "details"})
@JsonInclude(JsonInclude.Include.NON_EMPTY)
public record Finding(String name, Status status, String found, String means, Map<String, Object> details) {
  /** Whether a thing is there. */
  public enum Status {
    /** There and usable. */
    @JsonProperty("ok") OK,
    /** Not there, and not needed on the CPU. */
    @JsonProperty("absent") ABSENT,
    /** Not usable, and nothing runs without it. */
    @JsonProperty("broken") BROKEN
  }

  static Finding ok(String name, String found, Map<String, Object> details) {
    return new Finding(name, Status.OK, found, "", details);
  }

  static Finding absent(String name, String found, String means) {
    return new Finding(name, Status.ABSENT, found, means, Map.of());
  }

  static Finding broken(String name, String found, String means) {
    return new Finding(name, Status.BROKEN, found, means, Map.of());
  }
}
