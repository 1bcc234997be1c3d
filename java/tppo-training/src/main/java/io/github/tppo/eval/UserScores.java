// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.eval;

import io.github.tppo.run.Check;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * One figure of a model for each held-out user: the mean over the user's judged answers, which are not independent of one another.
 *
 * @param users ids in the order of the answers
 * @param values one for each user; NaN for a user without a judged answer
 */
public record UserScores(List<String> users, double[] values) {

  /** @throws IllegalArgumentException when there is not one value for each user */
  public UserScores {
    users = Check.list("users", users);
    Check.require(users.size() == values.length, "values", values.length, "one for each of " + users.size() + " users");
  }

  /**
   * Means over each user's answers.
   *
   * @param users the user of each answer
   * @param scores the score of each answer; NaN for one that was not judged
   */
  public static UserScores of(List<String> users, double[] scores) {
    Check.list("users", users);
    Check.require(users.size() == scores.length, "scores", scores.length, "one for each of " + users.size() + " users");
    Map<String, double[]> sums = new LinkedHashMap<>(); // sum and count
    for (int i = 0; i < scores.length; i++) {
      double[] sum = sums.computeIfAbsent(users.get(i), u -> new double[2]);
      if (!Double.isNaN(scores[i])) {
        sum[0] += scores[i];
        sum[1]++;
      }
    }
    return new UserScores(List.copyOf(sums.keySet()), sums.values().stream().mapToDouble(s -> s[0] / s[1]).toArray());
  }

  /**
   * The differences to another model, user by user.
   *
   * @throws IllegalArgumentException when the users are others
   */
  public UserScores minus(UserScores other) {
    requireUsersOf(other);
    double[] difference = new double[values.length];
    Arrays.setAll(difference, i -> values[i] - other.values[i]);
    return new UserScores(users, difference);
  }

  /** The users who have a judged answer in each of some scores, of which there is at least one. */
  public static Set<String> judgedInAll(List<UserScores> all) {
    Check.list("all", all);
    Check.require(!all.isEmpty(), "all", "none", "at least one");
    Set<String> judged = all.get(0).judged();
    all.forEach(each -> judged.retainAll(each.judged()));
    return judged;
  }

  private Set<String> judged() {
    return IntStream.range(0, values.length).filter(i -> !Double.isNaN(values[i])).mapToObj(users::get)
        .collect(Collectors.toCollection(HashSet::new));
  }

  /** The scores of some of the users. */
  public UserScores only(Set<String> chosen) {
    Objects.requireNonNull(chosen, "chosen");
    int[] kept = IntStream.range(0, values.length).filter(i -> chosen.contains(users.get(i))).toArray();
    return new UserScores(Arrays.stream(kept).mapToObj(users::get).toList(), Arrays.stream(kept).mapToDouble(i -> values[i]).toArray());
  }

  /** @throws IllegalArgumentException when another list of users was scored */
  public void requireUsersOf(UserScores other) {
    if (!users.equals(other.users)) {
      int first = IntStream.range(0, Math.min(users.size(), other.users.size()))
          .filter(i -> !users.get(i).equals(other.users.get(i))).findFirst().orElse(Math.min(users.size(), other.users.size()));
      throw new IllegalArgumentException("scores of " + users.size() + " and of " + other.users.size()
          + " users cannot be compared: user number " + (first + 1) + " is not the same");
    }
  }
}
