// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.text;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.tppo.run.OutputFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** Writes a byte-level BPE vocabulary as Hugging Face's {@code tokenizer.json} and {@code tokenizer_config.json}. */
final class TokenizerJson {

  static final String BOS = "<s>";
  static final String PAD = "<pad>";
  static final String EOS = "</s>";
  static final String UNK = "<unk>";

  /** The first ids of every vocabulary made here. */
  static final List<String> SPECIAL_TOKENS = List.of(BOS, PAD, EOS, UNK);

  private static final ObjectMapper JSON = new ObjectMapper();

  private TokenizerJson() {
  }

  /** {@code symbols} in id order, the special tokens first; {@code merges} in order of priority. */
  static void write(Path dir, List<String> symbols, List<String[]> merges) throws IOException {
    Files.createDirectories(dir);
    save(dir.resolve("tokenizer.json"), tokenizer(symbols, merges));
    save(dir.resolve("tokenizer_config.json"), config());
  }

  private static void save(Path file, ObjectNode root) throws IOException {
    String text = JSON.writerWithDefaultPrettyPrinter().writeValueAsString(root).replace("\r\n", "\n");
    OutputFile.write(file, text + "\n");
  }

  private static ObjectNode tokenizer(List<String> symbols, List<String[]> merges) {
    ObjectNode root = JSON.createObjectNode();
    root.put("version", "1.0");
    root.putNull("truncation");
    root.putNull("padding");
    ArrayNode added = root.putArray("added_tokens");
    for (String token : SPECIAL_TOKENS) {
      added.addObject().put("id", symbols.indexOf(token)).put("content", token).put("single_word", false)
        .put("lstrip", false).put("rstrip", false).put("normalized", false).put("special", true);
    }
    root.putNull("normalizer");
    byteLevel(root.putObject("pre_tokenizer"));
    ObjectNode post = root.putObject("post_processor");
    post.put("type", "RobertaProcessing");
    post.putArray("sep").add(EOS).add(symbols.indexOf(EOS));
    post.putArray("cls").add(BOS).add(symbols.indexOf(BOS));
    post.put("trim_offsets", true).put("add_prefix_space", false);
    byteLevel(root.putObject("decoder"));
    ObjectNode model = root.putObject("model");
    model.put("type", "BPE").putNull("dropout").putNull("unk_token").putNull("continuing_subword_prefix")
      .putNull("end_of_word_suffix").put("fuse_unk", false).put("byte_fallback", false).put("ignore_merges", false);
    ObjectNode vocab = model.putObject("vocab");
    for (int id = 0; id < symbols.size(); id++) {
      vocab.put(symbols.get(id), id);
    }
    ArrayNode list = model.putArray("merges");
    for (String[] merge : merges) {
      // The one-string form is read by every version of the library; no symbol holds a blank.
      list.add(merge[0] + " " + merge[1]);
    }
    return root;
  }

  private static void byteLevel(ObjectNode node) {
    node.put("type", "ByteLevel").put("add_prefix_space", false).put("trim_offsets", true).put("use_regex", true);
  }

  private static ObjectNode config() {
    return JSON.createObjectNode().put("tokenizer_class", "PreTrainedTokenizerFast")
      .put("bos_token", BOS).put("eos_token", EOS).put("pad_token", PAD).put("unk_token", UNK)
      .put("cls_token", BOS).put("sep_token", EOS)
      .put("add_prefix_space", false).put("clean_up_tokenization_spaces", false)
      .put("model_max_length", 1_000_000);
  }
}
