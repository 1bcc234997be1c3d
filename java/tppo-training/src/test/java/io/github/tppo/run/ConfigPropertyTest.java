// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;

/** What {@code --set} says is what the configuration holds, and what a run writes down is read as it was. */
class ConfigPropertyTest {

  private static SampleConfig set(String... overrides) {
    return ConfigReader.read(SampleConfig.class, List.of(overrides));
  }

  @Property(seed = "1")
  void numbersAreSetAsTheyAre(@ForAll long seed, @ForAll int history, @ForAll("rates") double rate) {
    SampleConfig config = set("seed=" + seed, "data.max_history=" + history, "policy.learning_rate=" + rate);
    assertEquals(seed, config.seed());
    assertEquals(history, config.data().maxHistory());
    assertEquals(rate, config.policy().learningRate());
  }

  @Provide
  Arbitrary<Double> rates() {
    return Arbitraries.longs().map(Double::longBitsToDouble).filter(rate -> rate > 0 && Double.isFinite(rate));
  }

  /** A text is taken as it stands, whatever it would mean in YAML. */
  @Property(seed = "2")
  void textsAreSetAsTheyStand(@ForAll("texts") String name) {
    assertEquals(name, set("policy.name=" + name).policy().name());
  }

  @Provide
  Arbitrary<String> texts() {
    return Arbitraries.oneOf(Arbitraries.strings().all().ofMaxLength(20),
        Arbitraries.strings().withChars(" \t\n#:=-[]{},&*!|>'\"%@`\\?~0e.yn").ofMaxLength(12),
        Arbitraries.of("yes", "null", "~", "1e3", "0x10", "[a]", "{a: b}", "a: b", "- a", "# a", "---", "!!str", "&a", "*a", ""));
  }

  @Property(seed = "3")
  void whatIsWrittenIsReadAsItWas(@ForAll long seed, @ForAll List<Integer> seeds, @ForAll("texts") String name, @ForAll float clip,
      @ForAll boolean whiten) {
    SampleConfig defaults = SampleConfig.defaults();
    SampleConfig config = new SampleConfig(seed, seeds, defaults.data(), new SampleConfig.SamplePolicy(1e-3, clip, whiten, name,
        defaults.policy().forms()));
    String json = ConfigWriter.json(config);
    SampleConfig read = ConfigReader.read(SampleConfig.class, json, "config.json", Path.of("").toAbsolutePath(), List.of());
    assertEquals(config, read);
    assertEquals(json, ConfigWriter.json(read));
  }

  /** Any key that there is not is refused by its name; none is lost, and none ends in another exception. */
  @Property(seed = "4")
  void unknownKeysAreRefused(@ForAll("keys") List<String> path) {
    String key = String.join(".", path);
    ConfigException e = assertThrows(ConfigException.class, () -> set(key + "=1"));
    assertTrue(!e.getMessage().isBlank());
  }

  @Provide
  Arbitrary<List<String>> keys() {
    Arbitrary<String> part = Arbitraries.oneOf(Arbitraries.of("data", "policy", "seeds", "x"), Arbitraries.strings().ascii().ofMaxLength(5));
    return part.list().ofMinSize(1).ofMaxSize(4).map(parts -> {
      List<String> path = new ArrayList<>(parts);
      path.add("no_such_key");
      return path;
    });
  }
}
