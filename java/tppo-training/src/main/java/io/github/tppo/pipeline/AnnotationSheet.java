// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.pipeline;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.tppo.data.Example;
import io.github.tppo.data.Examples;
import io.github.tppo.judge.LabelledResponse;
import io.github.tppo.policy.Permutation;
import io.github.tppo.run.AtomicFiles;
import io.github.tppo.text.ResponseText;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Responses of a run for a person to score: what the judge was shown, with empty places for the scores. */
public final class AnnotationSheet {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final long PURPOSE = 0x616e6e;

  private AnnotationSheet() {}

  /**
   * Writes a sheet: one JSON object a line, the form that docs/agreement.md describes.
   *
   * @param labels {@code labels/token.jsonl} of a run, in the run's folder, where the histories are
   * @param sheet the file to write
   * @param samples how many responses, drawn at random; all when there are no more
   * @return how many were written
   */
  public static int write(Path labels, Path sheet, int samples, long seed) throws IOException {
    List<LabelledResponse> all = LabelledResponse.read(labels);
    int[] chosen = Arrays.stream(Permutation.of(all.size(), seed, PURPOSE)).limit(samples).sorted().toArray();
    Path run = labels.toAbsolutePath().getParent().getParent();
    Map<String, SampledResponse> sampled = new HashMap<>();
    for (SampledResponse response : SampledResponse.read(GenerateStage.file(run.resolve("generate")))) {
      sampled.put(response.stream() + " " + response.user(), response);
    }
    Map<String, List<Example>> examples = new HashMap<>();
    AtomicFiles.write(sheet, out -> {
      for (int index : chosen) {
        LabelledResponse response = all.get(index);
        SampledResponse origin = sampled.get(response.stream() + " " + response.user());
        Example example = null;
        if (origin != null) {
          if (!examples.containsKey(origin.split())) {
            examples.put(origin.split(), Examples.read(run.resolve("data").resolve(origin.split() + ".jsonl")));
          }
          List<Example> split = examples.get(origin.split());
          example = origin.index() < split.size() ? split.get(origin.index()) : null;
        }
        if (example == null || !example.user().equals(response.user())) {
          throw new IOException(labels + ":" + (index + 1) + ": its history is not in " + run
              + "; the labels must lie in the folder of the run that they are of");
        }
        out.write((line(response, example) + "\n").getBytes(StandardCharsets.UTF_8));
      }
    });
    return chosen.length;
  }

  private static ObjectNode line(LabelledResponse response, Example example) {
    ObjectNode line = JSON.createObjectNode().put("user", response.user()).put("stream", response.stream());
    line.set("history", JSON.valueToTree(example.history()));
    line.set("target_queries", JSON.valueToTree(example.targets()));
    line.put("text", response.text());
    ResponseText.words(response.text()).forEach(
        word -> line.withArray("words").addObject().put("word", word.text()).putNull("score"));
    return line.putNull("sentence");
  }
}
