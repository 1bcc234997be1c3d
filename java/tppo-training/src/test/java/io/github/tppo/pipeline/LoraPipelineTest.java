// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.pipeline;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.tppo.model.AdapterConfig;
import io.github.tppo.model.CheckpointTools;
import io.github.tppo.model.Decoder;
import io.github.tppo.model.Scope;
import io.github.tppo.model.Tensors;
import io.github.tppo.model.WeightFormat;
import io.github.tppo.model.Workers;
import io.github.tppo.run.ConfigException;
import io.github.tppo.run.RunException;
import io.github.tppo.run.StoppedException;
import io.github.tppo.run.TppoConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Scalar;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A run that trains adapters alone. */
@SuppressWarnings("try") // scopes are opened for what their closing frees
class LoraPipelineTest {
  private static final String[] LORA = {"lora.r=4", "lora.alpha=8", "lora.target_modules=q_proj,v_proj,up_proj", "policy.steps=3",
      "sft.epochs=3"};

  @TempDir
  static Path dir;
  private static Path whole;

  @BeforeAll
  static void uninterruptedRun() throws Exception {
    PipelineRuns.writeLog(dir.resolve("log.tsv"));
    whole = dir.resolve("whole");
    PipelineRuns.run(config(), whole, null, 0);
  }

  @AfterAll
  static void workers() {
    Workers.setCount(Runtime.getRuntime().availableProcessors());
  }

  private static TppoConfig config() {
    return PipelineRuns.config(dir, LORA);
  }

  private static Map<String, float[]> weights(Path folder) throws IOException {
    try (Decoder model = Decoder.load(folder)) {
      Map<String, float[]> weights = new LinkedHashMap<>();
      model.parameters().forEach((name, tensor) -> weights.put(name, Tensors.toFloats(tensor)));
      return weights;
    }
  }

  /** The checkpoint of each stage is that of the stage before with the adapters of its own folder. */
  @Test
  void checkpointsAreBaseAndAdaptersMerged() throws IOException {
    Path sft = whole.resolve("sft");
    for (Path[] stage : new Path[][] {{sft.resolve("base"), sft}, {sft, whole.resolve("tppo")}}) {
      AdapterConfig adapters = AdapterConfig.read(stage[1].resolve("adapter/adapter_config.json"));
      assertEquals(stage[0].toAbsolutePath().toString(), adapters.baseModel());
      assertEquals(4, adapters.rank());
      Path out = dir.resolve("merged-" + stage[1].getFileName());
      CheckpointTools.merge(stage[0], stage[1].resolve("adapter"), WeightFormat.FLOAT32, out, (done, total, unit) -> { });
      Map<String, float[]> base = weights(stage[0]);
      Map<String, float[]> merged = weights(out);
      weights(stage[1]).forEach((name, values) -> {
        assertArrayEquals(values, merged.get(name), name);
        assertEquals(name.matches(".*(q|v|up)_proj.weight"), !Arrays.equals(base.get(name), values), name);
      });
      for (String file : List.of("tokenizer.json", "tppo.json", "config.json", "generation_config.json")) {
        assertEquals(Files.readString(stage[1].resolve(file)), Files.readString(out.resolve(file)), file);
      }
    }
  }

  @Test
  void theFirstRatioIsOneAndTheLossFalls() throws IOException {
    List<String> rounds = Files.readAllLines(whole.resolve("tppo/metrics.jsonl"));
    assertEquals(3, rounds.size());
    ObjectMapper json = new ObjectMapper();
    for (String round : rounds) {
      assertEquals(0, json.readTree(round).path("policy/first_batch_off_policy").asDouble(0));
    }
    assertEquals(0, json.readTree(rounds.get(0)).get("objective/kl").asDouble());
    List<String> steps = Files.readAllLines(whole.resolve("sft/metrics.jsonl"));
    JsonNode first = json.readTree(steps.get(0));
    JsonNode last = json.readTree(steps.get(steps.size() - 1));
    assertTrue(last.get("loss/sft").asDouble() < first.get("loss/sft").asDouble() - 0.02, last + " from " + first);
  }

  /** INVARIANTS 10 and 13. */
  @Test
  void anInterruptedRunEndsWithTheSameBitsAndRefusesAnotherReference() throws Exception {
    Path out = dir.resolve("interrupted");
    for (String task : List.of("fine-tuning the policy", "token-level PPO")) {
      assertThrows(StoppedException.class, () -> PipelineRuns.run(config(), out, task, 3), task);
    }
    Path file = out.resolve("sft/model.safetensors");
    byte[] reference = Files.readAllBytes(file);
    try (Decoder sft = Decoder.load(out.resolve("sft")); Scope scope = Scope.noGrad()) {
      sft.parameters().get("model.norm.weight").detach().mul_(new Scalar(1.001));
      sft.save(out.resolve("sft"));
    }
    String message = assertThrows(RunException.class, () -> PipelineRuns.run(config(), out, null, 0)).getMessage();
    assertTrue(message.contains("sft/") && message.contains("tppo/"), message);
    Files.write(file, reference);
    PipelineRuns.run(config(), out, null, 0);
    for (String name : List.of("sft/model.safetensors", "sft/adapter/adapter_model.safetensors", "tppo/model.safetensors",
        "tppo/adapter/adapter_model.safetensors")) {
      assertArrayEquals(Files.readAllBytes(whole.resolve(name)), Files.readAllBytes(out.resolve(name)), name);
    }
    assertFalse(Files.exists(out.resolve("tppo/base")), "sft/ is what tppo/ was trained on");
  }

  @Test
  void aNameThatIsNoProjectionIsNamedWithItsKey() {
    TppoConfig config = PipelineRuns.config(dir, "lora.r=4", "lora.target_modules=q_prj");
    String message = assertThrows(ConfigException.class, () -> PipelineRuns.run(config, dir.resolve("wrong"), null, 0)).getMessage();
    assertTrue(message.startsWith("lora.target_modules: \"q_prj\""), message);
    assertThrows(ConfigException.class, () -> PipelineRuns.config(dir, "lora.r=-1"));
    assertThrows(ConfigException.class, () -> PipelineRuns.config(dir, "lora.alpha=1e39"));
    assertThrows(ConfigException.class, () -> PipelineRuns.config(dir, "lora.target_modules=[]"));
  }
}
