// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.text;

import com.fasterxml.jackson.databind.JsonNode;
import it.unimi.dsi.fastutil.bytes.ByteArrayList;
import it.unimi.dsi.fastutil.ints.IntArrayList;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** The stages of Hugging Face decoders that sequence models use; each follows the library's code of that name. */
final class DecoderStages {

  static final String KNOWN = "ByteLevel, ByteFallback, Fuse, Metaspace, Replace, Strip and Sequence";
  private static final int REPLACEMENT = 0xFFFD;

  private DecoderStages() {
  }

  static TracedDecoder.Stage of(JsonNode node) {
    String type = node.path("type").asText("none");
    switch (type) {
      case "ByteLevel":
        return DecoderStages::byteLevel;
      case "ByteFallback":
        return DecoderStages::byteFallback;
      case "Fuse":
        return pieces -> List.of(TracedText.concat(pieces));
      case "Metaspace":
        String mark = node.path("replacement").asText("\u2581");
        boolean prepended = node.has("prepend_scheme") ? !node.path("prepend_scheme").asText().equals("never")
          : node.path("add_prefix_space").asBoolean(true);
        if (mark.length() == 1) {
          return pieces -> metaspace(pieces, mark.charAt(0), prepended);
        }
        break;
      case "Replace":
        String pattern = node.path("pattern").path("String").asText("");
        if (!pattern.isEmpty()) {
          String content = node.path("content").asText();
          return pieces -> map(pieces, p -> replace(p, pattern, content));
        }
        break;
      case "Strip":
        String strip = node.path("content").asText(" ");
        int start = node.path("start").asInt();
        int stop = node.path("stop").asInt();
        if (strip.length() == 1) {
          return pieces -> map(pieces, p -> strip(p, strip.charAt(0), start, stop));
        }
        break;
      default:
        break;
    }
    return new TracedDecoder.Unknown(node);
  }

  private interface PieceMap {
    TracedText apply(TracedText piece);
  }

  private static List<TracedText> map(List<TracedText> pieces, PieceMap f) {
    List<TracedText> out = new ArrayList<>(pieces.size());
    pieces.forEach(p -> out.add(f.apply(p)));
    return out;
  }

  private static List<TracedText> byteLevel(List<TracedText> pieces) {
    ByteArrayList bytes = new ByteArrayList();
    IntArrayList owners = new IntArrayList();
    for (TracedText piece : pieces) {
      byte[] decoded = ByteLevel.decode(piece.toString());
      if (decoded == null) {
        // An added token in plain characters.
        decoded = piece.toString().getBytes(StandardCharsets.UTF_8);
      }
      for (byte b : decoded) {
        bytes.add(b);
        owners.add(piece.first(0));
      }
    }
    TracedText text = new TracedText();
    byte[] all = bytes.toByteArray();
    for (int at = 0; at < all.length;) {
      int length = Utf8.sequenceLength(all, at);
      int codePoint = length > 0 ? Utf8.codePoint(all, at, length) : REPLACEMENT;
      int end = at + (length > 0 ? length : Utf8.malformedLength(all, at));
      text.addCodePoint(codePoint, owners.getInt(at), owners.getInt(end - 1));
      at = end;
    }
    return List.of(text);
  }

  /** Runs of {@code <0xNN>} become the characters they spell, or one U+FFFD a byte when the run is not UTF-8. */
  private static List<TracedText> byteFallback(List<TracedText> pieces) {
    List<TracedText> out = new ArrayList<>();
    ByteArrayList bytes = new ByteArrayList();
    IntArrayList owners = new IntArrayList();
    for (TracedText piece : pieces) {
      int b = byteOf(piece.toString());
      if (b >= 0) {
        bytes.add((byte) b);
        owners.add(piece.first(0));
      } else {
        flush(bytes, owners, out);
        out.add(piece);
      }
    }
    flush(bytes, owners, out);
    return out;
  }

  private static int byteOf(String token) {
    if (token.length() != 6 || !token.startsWith("<0x") || !token.endsWith(">")) {
      return -1;
    }
    // The library also takes a plus sign for the first digit.
    int high = token.charAt(3) == '+' ? 0 : digit(token.charAt(3));
    int low = digit(token.charAt(4));
    return high < 0 || low < 0 ? -1 : high * 16 + low;
  }

  private static int digit(char c) {
    return c < 128 ? Character.digit(c, 16) : -1;
  }

  private static void flush(ByteArrayList bytes, IntArrayList owners, List<TracedText> out) {
    byte[] run = bytes.toByteArray();
    TracedText text = new TracedText();
    boolean valid = Utf8.isValid(run);
    for (int at = 0; at < run.length;) {
      int length = valid ? Utf8.sequenceLength(run, at) : 1;
      int codePoint = valid ? Utf8.codePoint(run, at, length) : REPLACEMENT;
      text.addCodePoint(codePoint, owners.getInt(at), owners.getInt(at + length - 1));
      at += length;
    }
    if (run.length > 0) {
      out.add(text);
    }
    bytes.clear();
    owners.clear();
  }

  private static List<TracedText> metaspace(List<TracedText> pieces, char mark, boolean prepended) {
    List<TracedText> out = new ArrayList<>(pieces.size());
    for (int p = 0; p < pieces.size(); p++) {
      TracedText piece = pieces.get(p);
      TracedText changed = new TracedText();
      for (int i = 0; i < piece.length(); i++) {
        boolean blank = piece.charAt(i) == mark;
        if (!blank || p > 0 || !prepended) {
          changed.add(blank ? ' ' : piece.charAt(i), piece.first(i), piece.last(i));
        }
      }
      out.add(changed);
    }
    return out;
  }

  private static TracedText replace(TracedText piece, String pattern, String content) {
    TracedText out = new TracedText();
    String text = piece.toString();
    int from = 0;
    for (int hit = text.indexOf(pattern); hit >= 0; hit = text.indexOf(pattern, from)) {
      out.addAll(piece, from, hit);
      for (char c : content.toCharArray()) {
        out.add(c, piece.first(hit), piece.last(hit + pattern.length() - 1));
      }
      from = hit + pattern.length();
    }
    out.addAll(piece, from, piece.length());
    return out;
  }

  private static TracedText strip(TracedText piece, char content, int start, int stop) {
    int from = 0;
    while (from < Math.min(start, piece.length()) && piece.charAt(from) == content) {
      from++;
    }
    int to = piece.length();
    while (to > from && piece.length() - to < stop && piece.charAt(to - 1) == content) {
      to--;
    }
    TracedText out = new TracedText();
    out.addAll(piece, from, to);
    return out;
  }
}
