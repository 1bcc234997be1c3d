// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.text;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import ai.djl.huggingface.tokenizers.jni.CharSpan;
import com.fasterxml.jackson.databind.JsonNode;
import io.github.tppo.kernels.LeakReport;
import io.github.tppo.run.OutputFile;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.IntStream;

/**
 * A Hugging Face tokenizer ({@code tokenizer.json}), run by the native library of
 * <a href="https://github.com/deepjavalibrary/djl">DJL</a>. Works offline: the native library lies in DJL's jar, and DJL's
 * downloads and usage report are switched off before it loads. Safe for use by several threads.
 */
public final class Tokenizer implements AutoCloseable {

  /** Histories repeat their lines; this many are remembered. */
  private static final int MAX_LINES = 1 << 17;
  /** Longer lines are not: they seldom come again, and what is remembered must not grow with what is asked. */
  private static final int MAX_LINE = 128;

  /** Far above any known {@code tokenizer.json} (34 MB) and any file beside it. */
  private static final long MAX_BYTES = 1L << 27;
  private static final long MAX_SIDE_BYTES = 1L << 24;

  private static final String SHIPPED = "/io/github/tppo/default/";

  static {
    // Read by DJL when it loads its native library: never download another build of it, never report usage.
    setIfAbsent("ai.djl.offline", "true");
    setIfAbsent("OPT_OUT_TRACKING", "true");
    // It also looks for a GPU that it has no use for here, and warns when there is none.
    setIfAbsent("org.slf4j.simpleLogger.log.ai.djl", "error");
  }

  private final HuggingFaceTokenizer library;
  private final TokenizerVocabulary vocabulary;
  private final TracedDecoder decoder;
  private final Map<String, int[]> lines = new ConcurrentHashMap<>();

  private Tokenizer(HuggingFaceTokenizer library, TokenizerVocabulary vocabulary, TracedDecoder decoder) {
    this.library = library;
    this.vocabulary = vocabulary;
    this.decoder = decoder;
  }

  /**
   * Loads a tokenizer. Begin, end and padding tokens come from {@code tokenizer_config.json} (or
   * {@code special_tokens_map.json}) beside it; without these, the usual names are looked for.
   *
   * @param fileOrDir a {@code tokenizer.json}, or a folder that holds one
   * @throws IOException when a file is missing or is not a tokenizer that the library can read
   */
  public static Tokenizer load(Path fileOrDir) throws IOException {
    Objects.requireNonNull(fileOrDir, "fileOrDir");
    Path file = Files.isDirectory(fileOrDir) ? fileOrDir.resolve("tokenizer.json") : fileOrDir;
    if (!Files.isRegularFile(file)) {
      throw new NoSuchFileException(file.toString(), null, "no tokenizer.json here; a checkpoint's tokenizer must be"
        + " in this form (a SentencePiece tokenizer.model can be converted with transformers)");
    }
    byte[] config = readIfThere(file.resolveSibling("tokenizer_config.json"));
    byte[] map = readIfThere(file.resolveSibling("special_tokens_map.json"));
    return load(file.toString(), readAtMost(file, MAX_BYTES), config, map);
  }

  /** The tokenizer that ships with this project: byte-level BPE, 2048 tokens, trained on generated search logs. */
  public static Tokenizer loadShipped() throws IOException {
    return load("the shipped tokenizer", resource("tokenizer.json"), resource("tokenizer_config.json"), null);
  }

  /** Writes the shipped tokenizer's files into {@code dir}, as a checkpoint needs them beside its weights. */
  public static void copyShipped(Path dir) throws IOException {
    Files.createDirectories(Objects.requireNonNull(dir, "dir"));
    OutputFile.write(dir.resolve("tokenizer.json"), resource("tokenizer.json"));
    OutputFile.write(dir.resolve("tokenizer_config.json"), resource("tokenizer_config.json"));
  }

  private static Tokenizer load(String name, byte[] json, byte[] config, byte[] map) throws IOException {
    TokenizerVocabulary vocabulary = TokenizerVocabulary.read(name, json, config, map);
    JsonNode decoderNode = vocabulary.decoder();
    TracedDecoder decoder = TracedDecoder.of(decoderNode);
    // Truncation and padding off: DJL's default cuts at 512 tokens.
    Map<String, String> options = Map.of("truncation", "do_not_truncate", "padding", "do_not_pad",
      "modelMaxLength", String.valueOf(Integer.MAX_VALUE), "maxLength", String.valueOf(Integer.MAX_VALUE));
    HuggingFaceTokenizer library;
    try {
      library = HuggingFaceTokenizer.newInstance(new ByteArrayInputStream(json), options);
    } catch (RuntimeException e) {
      throw new IOException(name + ": the tokenizers library cannot read it: " + e.getMessage(), e);
    }
    Tokenizer tokenizer = new Tokenizer(library, vocabulary, decoder);
    LeakReport.opened(tokenizer, "tokenizer", 0);
    return tokenizer;
  }

  /** The number of ids, added tokens included: the largest id + 1. */
  public int vocabSize() {
    return vocabulary.size();
  }

  /** The id that begins a sequence, or -1 when this tokenizer has none. */
  public int bosId() {
    return vocabulary.bosId();
  }

  /**
   * The id that ends a sequence.
   *
   * @throws IllegalStateException when the tokenizer names none
   */
  public int eosId() {
    return vocabulary.eosId();
  }

  /**
   * The id for padding; the end token's where the tokenizer has none of its own.
   *
   * @throws IllegalStateException when it names neither
   */
  public int padId() {
    return vocabulary.padId();
  }

  /** The vocabulary's form of an id (byte-level or metaspace alphabet), or null outside the vocabulary. */
  public String token(int id) {
    return vocabulary.token(id);
  }

  /** Whether {@code id} is a special token, one that {@link #decode} leaves out on request. */
  public boolean isSpecial(int id) {
    return vocabulary.isSpecial(id);
  }

  /**
   * Encodes a text. A lone surrogate counts as U+FFFD.
   *
   * @param addSpecial whether the tokenizer's own begin and end tokens are put in
   */
  public Encoding encode(String text, boolean addSpecial) {
    String clean = replaceLoneSurrogates(text);
    ai.djl.huggingface.tokenizers.Encoding raw = library.encode(clean, addSpecial, false);
    long[] longs = raw.getIds();
    CharSpan[] spans = raw.getCharTokenSpans();
    int[] utf16 = utf16Offsets(clean);
    int[] ids = new int[longs.length];
    int[] starts = new int[longs.length];
    int[] ends = new int[longs.length];
    for (int i = 0; i < ids.length; i++) {
      ids[i] = (int) longs[i];
      CharSpan span = spans[i];
      if (span != null) {
        starts[i] = utf16 == null ? span.getStart() : utf16[span.getStart()];
        ends[i] = utf16 == null ? span.getEnd() : utf16[span.getEnd()];
      }
    }
    return new Encoding(ids, starts, ends);
  }

  /**
   * Encodes text from outside, such as a user's query: a special token that is spelt out in it ({@code </s>}) is read as
   * one blank, so that no text can end a sequence or pad it. Positions are those of {@code text} as given.
   */
  public Encoding encodeUntrusted(String text) {
    Encoding encoding = encode(text, false);
    if (!hasControl(encoding.ids())) {
      return encoding;
    }
    SpeltText clean = SpeltText.blanking(text, vocabulary.specialTexts());
    // A normalizer can turn yet other characters into a special token; that one is left out.
    return clean.original(encode(clean.text(), false)).where(id -> !vocabulary.isControl(id));
  }

  private boolean hasControl(int[] ids) {
    return IntStream.of(ids).anyMatch(vocabulary::isControl);
  }

  /**
   * Whether a text's ids are those of its lines one after another, given that every line but the last ends in one line
   * break and begins with at most one blank.
   */
  boolean hasIndependentLines() {
    return vocabulary.independentLines();
  }

  /** The ids of one line with its line break, remembered; not to be changed. */
  int[] lineIds(String line) {
    if (line.length() > MAX_LINE) {
      return encodeUntrusted(line).ids();
    }
    if (lines.size() >= MAX_LINES) {
      lines.clear();
    }
    return lines.computeIfAbsent(line, l -> encodeUntrusted(l).ids());
  }

  /** The text of {@code ids}, by the library's decoder and without any further clean-up. */
  public String decode(int[] ids, boolean skipSpecial) {
    long[] longs = new long[ids.length];
    for (int i = 0; i < ids.length; i++) {
      longs[i] = ids[i];
    }
    return library.decode(longs, skipSpecial);
  }

  /**
   * The text of exactly these ids and the place of each in it. Nothing is tokenised: the decoder of {@code tokenizer.json}
   * runs on the ids with every character's origin kept, so it also holds for ids that the tokenizer would never
   * have chosen for this text. The text equals {@code decode(ids, true)}.
   *
   * @throws UnsupportedOperationException when the tokenizer's decoder is of a kind that cannot be traced
   */
  public TokenSpans spans(int[] ids) {
    String[] tokens = new String[ids.length];
    for (int i = 0; i < ids.length; i++) {
      tokens[i] = vocabulary.isSpecial(ids[i]) ? null : vocabulary.token(ids[i]);
    }
    return decoder.decode(tokens);
  }

  /** Whether {@link #spans} knows this tokenizer's decoder. */
  public boolean canTrace() {
    return decoder.isKnown();
  }

  @Override
  public void close() {
    LeakReport.closed(this);
    library.close();
  }

  /** UTF-16 index of each code point (and of the end), or null when every code point is one code unit. */
  private static int[] utf16Offsets(String text) {
    int points = text.codePointCount(0, text.length());
    if (points == text.length()) {
      return null;
    }
    int[] offsets = new int[points + 1];
    for (int p = 0, at = 0; p < points; p++) {
      offsets[p] = at;
      at += Character.charCount(text.codePointAt(at));
    }
    offsets[points] = text.length();
    return offsets;
  }

  private static String replaceLoneSurrogates(String text) {
    StringBuilder fixed = null;
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (!Character.isSurrogate(c)) {
        continue;
      }
      if (Character.isHighSurrogate(c) && i + 1 < text.length() && Character.isLowSurrogate(text.charAt(i + 1))) {
        i++;
        continue;
      }
      fixed = fixed == null ? new StringBuilder(text) : fixed;
      fixed.setCharAt(i, '\uFFFD');
    }
    return fixed == null ? text : fixed.toString();
  }

  private static byte[] readIfThere(Path file) throws IOException {
    return Files.isRegularFile(file) ? readAtMost(file, MAX_SIDE_BYTES) : null;
  }

  private static byte[] readAtMost(Path file, long limit) throws IOException {
    if (Files.size(file) > limit) {
      throw new IOException(file + ": is larger than " + limit + " bytes");
    }
    return Files.readAllBytes(file);
  }

  private static byte[] resource(String name) throws IOException {
    try (InputStream in = Tokenizer.class.getResourceAsStream(SHIPPED + name)) {
      if (in == null) {
        throw new IOException("the jar lacks " + SHIPPED + name + "; build the project again");
      }
      return in.readAllBytes();
    }
  }

  private static void setIfAbsent(String key, String value) {
    if (System.getProperty(key) == null) {
      System.setProperty(key, value);
    }
  }
}
