// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ConfigReaderTest {
  @TempDir
  Path dir;

  private SampleConfig read(String yaml, String... sets) {
    return ConfigReader.read(SampleConfig.class, yaml, "c.yaml", dir, List.of(sets));
  }

  private String fault(String yaml, String... sets) {
    return assertThrows(ConfigException.class, () -> read(yaml, sets)).getMessage();
  }

  @Test
  void nothingIsTheDefaults() {
    assertEquals(SampleConfig.defaults(), read(""));
    assertEquals(SampleConfig.defaults(), read("# only a comment\n"));
    assertEquals(SampleConfig.defaults(), read("null"));
  }

  @Test
  void fileIsMergedOverTheDefaultsAsATree() {
    SampleConfig config = read("""
        seeds: [4, 5]
        data:
          form: long-form
          columns: {query: 2}
          max_history: 1_000
        policy:
          learning_rate: 1e-4
          name: "12"
        """);
    assertEquals(7, config.seed());
    assertEquals(List.of(4, 5), config.seeds());
    assertEquals(SampleConfig.Form.LONG_FORM, config.data().form());
    assertEquals(Map.of("user", 0, "query", 2), config.data().columns());
    assertEquals(1000, config.data().maxHistory());
    assertEquals(1e-4, config.policy().learningRate());
    assertEquals("12", config.policy().name());
    assertEquals(0.2f, config.policy().clip());
  }

  @Test
  void jsonFileReadsTheSame() throws IOException {
    Path file = Files.writeString(dir.resolve("c.json"), "{\"seed\": 9, \"data\": {\"log\": \"logs/a.tsv\"}}");
    SampleConfig config = ConfigReader.read(SampleConfig.class, file, List.of());
    assertEquals(9, config.seed());
    assertEquals(dir.resolve("logs/a.tsv"), config.data().log());
  }

  @Test
  void overridesAreTypedByTheirKey() {
    SampleConfig config = read("data: {max_history: 3}", "policy.learning_rate=2e-3", "seeds=8,9", "data.form=EXCITE",
        "policy.name=true", "data.columns.user=4", "policy.forms=[aol, excite]", "data.log=here.tsv", "policy.whiten=false");
    assertEquals(2e-3, config.policy().learningRate());
    assertEquals(List.of(8, 9), config.seeds());
    assertEquals(SampleConfig.Form.EXCITE, config.data().form());
    assertEquals("true", config.policy().name());
    assertEquals(Map.of("user", 4), config.data().columns());
    assertEquals(3, config.data().maxHistory());
    assertEquals(List.of(SampleConfig.Form.AOL, SampleConfig.Form.EXCITE), config.policy().forms());
    assertEquals(Path.of("here.tsv").toAbsolutePath(), config.data().log());
  }

  @Test
  void unknownKeyNamesTheNearest() {
    assertEquals("c.yaml:3: policy.lerning_rate: unknown key; did you mean policy.learning_rate?",
        fault("seed: 1\npolicy:\n  lerning_rate: 1\n"));
    assertEquals("c.yaml:1: learning_rate: unknown key; did you mean policy.learning_rate?", fault("learning_rate: 1"));
    assertEquals("c.yaml:1: policy.learningRate: unknown key; did you mean policy.learning_rate?", fault("policy: {learningRate: 1}"));
    assertEquals("c.yaml:1: zzz: unknown key; known here: seed, seeds, data, policy", fault("zzz: 1"));
    assertEquals("--set polcy.clip=1: polcy: unknown key; did you mean policy?", fault("", "polcy.clip=1"));
  }

  @Test
  void wrongTypeSaysWhatWasFoundAndExpected() {
    assertEquals("c.yaml:1: seed: found \"abc\", expected a whole number (64 bit)", fault("seed: abc"));
    assertEquals("c.yaml:1: seed: found 1.5, expected a whole number (64 bit)", fault("seed: 1.5"));
    assertEquals("c.yaml:1: seed: found \"1\", expected a whole number (64 bit)", fault("seed: '1'"));
    assertEquals("c.yaml:2: data.max_history: found 3000000000, expected a whole number", fault("data:\n  max_history: 3000000000"));
    assertEquals("c.yaml:1: policy.clip: found a list, expected a finite number", fault("policy: {clip: [1]}"));
    assertEquals("c.yaml:1: policy.whiten: found \"yes\", expected true or false", fault("policy: {whiten: yes}"));
    assertEquals("c.yaml:1: policy.name: found 5, expected a string; put it in quotes", fault("policy: {name: 5}"));
    assertEquals("c.yaml:1: data.form: found \"exite\", expected one of aol, excite, long_form; did you mean excite?",
        fault("data: {form: exite}"));
    assertEquals("c.yaml:1: policy: found 5, expected a section with learning_rate, clip, whiten, name, forms", fault("policy: 5"));
    assertEquals("c.yaml:1: seeds[1]: found \"x\", expected a whole number", fault("seeds: [1, x]"));
    assertTrue(fault("policy: {learning_rate: .inf}").endsWith(", expected a finite number"));
  }

  @Test
  void nullIsRefusedWhereThereIsADefault() {
    assertTrue(fault("seed:").startsWith("c.yaml:1: seed: found null, expected a whole number"));
    assertEquals(null, read("data: {log: null}").data().log());
  }

  @Test
  void impossibleValueIsNamedWithItsPathAndLine() {
    assertEquals("c.yaml:2: policy.learning_rate: -1.0, expected more than 0", fault("policy:\n  learning_rate: -1"));
    assertEquals("--set policy.learning_rate=0: policy.learning_rate: 0.0, expected more than 0", fault("", "policy.learning_rate=0"));
  }

  @Test
  void allFaultsAreShownAtOnce() {
    assertEquals(3, fault("seed: x\nsedes: 1\npolicy: {clip: no}").lines().count());
  }

  @Test
  void listsOfSectionsNeedEveryKeyWithoutADefault() {
    SampleConfig config = read("data:\n  sources:\n    - {name: a, path: a.tsv, weight: 1}\n");
    assertEquals(new SampleConfig.Source("a", dir.resolve("a.tsv"), 1), config.data().sources().get(0));
    assertEquals("c.yaml:1: data.sources[0].weight: missing, expected a finite number",
        fault("data: {sources: [{name: a}]}"));
  }

  @Test
  void brokenTextSaysWhere() {
    assertTrue(fault("seed: 1\n  x: [").startsWith("c.yaml:2: not valid YAML: "));
    assertEquals("c.yaml:2: seed: given twice, first at c.yaml:1", fault("seed: 1\nseed: 2").replaceFirst("\\(.*", ""));
    assertTrue(fault("a: &x 1\nseed: *x").contains("a YAML alias"));
    assertTrue(fault("seed: 1\n---\nseed: 2").contains("second document"));
    assertTrue(fault("", "seed").contains("expected key.path=value"));
    assertTrue(fault("policy: {learning_rate: 1e999999999}").contains("expected a finite number"));
    assertTrue(fault("seed: " + "9".repeat(100_000)).contains("expected a whole number"));
    assertTrue(fault("[".repeat(50_000)).contains("not valid YAML"));
  }

  @Test
  void textsThatArePathsAreRelativeToTheFile() {
    assertEquals(List.of(dir + "/logs/*.gz", "default", "/abs"), read("data: {files: [logs/*.gz, default, /abs]}").data().files());
    assertEquals(List.of(Path.of("a.tsv").toAbsolutePath().toString()), read("", "data.files=a.tsv").data().files());
    assertEquals(List.of("default"), read("").data().files());
  }

  @Test
  void missingFileAndFolderAreNamed() throws IOException {
    assertTrue(assertThrows(ConfigException.class, () -> ConfigReader.read(SampleConfig.class, dir.resolve("no.yaml"), List.of()))
        .getMessage().contains("no.yaml: no such file"));
    assertTrue(assertThrows(ConfigException.class, () -> ConfigReader.read(SampleConfig.class, dir, List.of()))
        .getMessage().contains("is a folder"));
    Path bad = Files.write(dir.resolve("bad.yaml"), new byte[] {'a', (byte) 0xff});
    assertTrue(assertThrows(ConfigException.class, () -> ConfigReader.read(SampleConfig.class, bad, List.of()))
        .getMessage().contains("not valid UTF-8"));
    Path large = Files.write(dir.resolve("large.yaml"), new byte[4_000_001]);
    assertTrue(assertThrows(ConfigException.class, () -> ConfigReader.read(SampleConfig.class, large, List.of()))
        .getMessage().contains("large.yaml: is larger than"));
  }

  @Test
  void resolvedJsonAndTemplateReadBackAsTheSame() throws IOException {
    SampleConfig config = read("""
        data:
          log: a b.tsv
          columns: {"odd: name": 1}
          sources: [{name: "a\\n\\"b", path: x, weight: 1e-300}]
        policy: {name: "no", forms: [excite]}
        """);
    Path json = Files.writeString(dir.resolve("config.json"), ConfigWriter.json(config));
    assertEquals(config, ConfigReader.read(SampleConfig.class, json, List.of()));
    String yaml = ConfigTemplate.yaml(config);
    assertEquals(config, read(yaml), yaml);
    assertEquals(SampleConfig.defaults(), read(ConfigTemplate.yaml(SampleConfig.defaults())));
  }

  @Test
  void templateExplainsEveryKey() {
    String yaml = ConfigTemplate.yaml(SampleConfig.defaults());
    assertTrue(yaml.startsWith("# A configuration for tests.\n"), yaml);
    assertTrue(yaml.contains("# Where every random number starts.\nseed: 7\n"), yaml);
    assertTrue(yaml.contains("  # The form of the log.\n  # One of: aol, excite, long_form.\n  form: aol\n"), yaml);
    assertTrue(yaml.contains("  # log:   # not set; a path\n"), yaml);
    assertTrue(yaml.contains("# How the policy is trained.\npolicy:\n  learning_rate: 5.0e-6\n"), yaml);
  }

  @Test
  void differencesAreListedKeyByKey() {
    assertEquals(List.of("seed: 7 -> 8", "policy.clip: 0.2 -> 0.3"),
        ConfigWriter.differences(ConfigWriter.tree(SampleConfig.defaults()), ConfigWriter.tree(read("seed: 8\npolicy: {clip: 0.3}"))));
  }
}
