// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.ByteArrayInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.Reader;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Reads and checks the header of one safetensors file: 8 bytes little-endian length, a JSON object that gives each tensor's dtype,
 * shape and byte range, then the data. As in the reference implementation the ranges must cover the data without gap or overlap.
 */
final class SafeTensorsHeader {

  /** Limit of the reference implementation: no sound header is longer, and none can make us allocate more. */
  static final long MAX_HEADER_BYTES = 100_000_000;

  /** More dimensions than any library takes. */
  private static final int MAX_DIMENSIONS = 64;

  /**
   * Strict JSON for files of unknown origin: a name given twice, or anything after the value, is an error. Names are not put into a
   * shared table, which a file could fill.
   */
  static final JsonMapper JSON = JsonMapper.builder(JsonFactory.builder().disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES).build())
      .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
      .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
      .build();

  private static final Map<ScalarType, String> NAMES = new EnumMap<>(Map.of(
      ScalarType.Float, "F32", ScalarType.Double, "F64", ScalarType.BFloat16, "BF16", ScalarType.Half, "F16",
      ScalarType.Long, "I64", ScalarType.Int, "I32", ScalarType.Byte, "U8"));

  private SafeTensorsHeader() {
  }

  /** Name of a dtype in the file format. */
  static String nameOf(ScalarType dtype) {
    String name = NAMES.get(dtype.intern());
    if (name == null) {
      throw new IllegalArgumentException("dtype " + dtype.intern() + " cannot be stored; supported are " + NAMES.values());
    }
    return name;
  }

  /** Bytes of one element. */
  static long bytesOf(ScalarType dtype) {
    return switch (dtype.intern()) {
      case Double, Long -> 8;
      case Float, Int -> 4;
      case Half, BFloat16 -> 2;
      case Byte -> 1;
      default -> throw new IllegalArgumentException("dtype " + dtype.intern() + " is not supported");
    };
  }

  /** Reads and checks the header of {@code file}. */
  static SafeTensors read(Path file) throws IOException {
    if (!Files.isRegularFile(file)) {
      throw new IOException(file + (Files.exists(file) ? ": is not a regular file" : ": no such file"));
    }
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      long size = channel.size();
      if (size < 8) {
        throw new IOException(file + ": " + size + " bytes are too few for a safetensors file");
      }
      long length = readFully(channel, 0, 8, file).getLong();
      if (length < 2 || length > MAX_HEADER_BYTES) {
        throw new IOException(file + ": header length " + Long.toUnsignedString(length) + " is outside 2.." + MAX_HEADER_BYTES);
      }
      if (length > size - 8) {
        throw new IOException(file + ": header length " + length + " is beyond the end of the file (" + size
            + " bytes); the file is cut or not a safetensors file");
      }
      byte[] header = readFully(channel, 8, (int) length, file).array();
      return parse(file, header, size - 8 - length, 8 + length);
    }
  }

  private static ByteBuffer readFully(FileChannel channel, long position, int length, Path file) throws IOException {
    ByteBuffer buffer = ByteBuffer.allocate(length).order(ByteOrder.LITTLE_ENDIAN);
    while (buffer.hasRemaining()) {
      if (channel.read(buffer, position + buffer.position()) < 0) {
        throw new EOFException(file + ": the file ends inside its header");
      }
    }
    return buffer.flip();
  }

  private static SafeTensors parse(Path file, byte[] header, long dataBytes, long dataStart) throws IOException {
    if (header[0] != '{') {
      throw new IOException(file + ": the header does not start with '{'; this is not a safetensors file");
    }
    Map<String, SafeTensors.Entry> entries = new LinkedHashMap<>();
    Map<String, String> metadata = new LinkedHashMap<>();
    // read as a stream: a tree would take many times the memory of the text
    try (JsonParser json = JSON.createParser(utf8(header))) {
      json.nextToken();
      while (json.nextToken() != JsonToken.END_OBJECT) {
        String name = json.currentName();
        json.nextToken();
        if (name.equals("__metadata__")) {
          readMetadata(file, json, metadata);
        } else {
          entries.put(name, entry(file, name, json, dataBytes, dataStart));
        }
      }
      if (json.nextToken() != null) {
        throw new IOException(file + ": the header is not valid JSON: something follows the object");
      }
    } catch (CharacterCodingException e) {
      throw new IOException(file + ": the header is not valid UTF-8", e);
    } catch (JsonProcessingException e) {
      throw new IOException(file + ": the header is not valid JSON: " + e.getOriginalMessage(), e);
    }
    checkCover(file, entries, dataBytes, dataStart);
    return new SafeTensors(file, entries, metadata);
  }

  /** Text that fails with a {@link CharacterCodingException} where it is not UTF-8. */
  static Reader utf8(byte[] text) {
    return new InputStreamReader(new ByteArrayInputStream(text), StandardCharsets.UTF_8.newDecoder());
  }

  private static void readMetadata(Path file, JsonParser json, Map<String, String> metadata) throws IOException {
    if (!json.hasToken(JsonToken.START_OBJECT)) {
      throw new IOException(file + ": __metadata__ is not an object");
    }
    while (json.nextToken() != JsonToken.END_OBJECT) {
      String key = json.currentName();
      if (json.nextToken() != JsonToken.VALUE_STRING) {
        throw new IOException(file + ": __metadata__ \"" + key + "\" is not a string");
      }
      metadata.put(key, json.getText());
    }
  }

  private static SafeTensors.Entry entry(Path file, String name, JsonParser json, long dataBytes, long dataStart) throws IOException {
    String where = file + ": tensor \"" + name + "\": ";
    ScalarType dtype = null;
    long[] shape = null;
    long[] offsets = null;
    expect(json, JsonToken.START_OBJECT, where);
    while (json.nextToken() != JsonToken.END_OBJECT) {
      String key = json.currentName();
      json.nextToken();
      switch (key) {
        case "dtype" -> {
          expect(json, JsonToken.VALUE_STRING, where);
          dtype = dtype(where, json.getText());
        }
        case "shape" -> shape = longs(where, "shape", json);
        case "data_offsets" -> offsets = longs(where, "data_offsets", json);
        default -> throw unlike(where);
      }
    }
    if (dtype == null || shape == null || offsets == null) {
      throw unlike(where);
    }
    if (offsets.length != 2) {
      throw new IOException(where + "data_offsets has " + offsets.length + " numbers, not 2");
    }
    if (offsets[0] > offsets[1] || offsets[1] > dataBytes) {
      throw new IOException(where + "data_offsets " + Arrays.toString(offsets) + " do not lie within the file's " + dataBytes
          + " bytes of data");
    }
    long bytes = bytes(where, dtype, shape);
    if (bytes != offsets[1] - offsets[0]) {
      throw new IOException(where + "shape " + Arrays.toString(shape) + " of " + nameOf(dtype) + " needs " + bytes
          + " bytes, data_offsets hold " + (offsets[1] - offsets[0]));
    }
    return new SafeTensors.Entry(name, dtype, shape, file, dataStart + offsets[0], bytes);
  }

  private static void expect(JsonParser json, JsonToken token, String where) throws IOException {
    if (!json.hasToken(token)) {
      throw unlike(where);
    }
  }

  private static IOException unlike(String where) {
    return new IOException(where + "expected exactly dtype, shape and data_offsets");
  }

  private static long bytes(String where, ScalarType dtype, long[] shape) throws IOException {
    long bytes = bytesOf(dtype);
    try {
      for (long size : shape) {
        bytes = Math.multiplyExact(bytes, size);
      }
      return bytes;
    } catch (ArithmeticException e) {
      throw new IOException(where + "shape " + Arrays.toString(shape) + " is larger than any memory");
    }
  }

  private static ScalarType dtype(String where, String text) throws IOException {
    for (Map.Entry<ScalarType, String> known : NAMES.entrySet()) {
      if (known.getValue().equals(text)) {
        return known.getKey();
      }
    }
    throw new IOException(where + "dtype \"" + text + "\" is not supported; supported are " + NAMES.values());
  }

  private static long[] longs(String where, String key, JsonParser json) throws IOException {
    expect(json, JsonToken.START_ARRAY, where);
    long[] values = new long[MAX_DIMENSIONS];
    int count = 0;
    while (json.nextToken() != JsonToken.END_ARRAY) {
      if (count == MAX_DIMENSIONS) {
        throw new IOException(where + key + " has more than " + MAX_DIMENSIONS + " numbers");
      }
      boolean whole = json.hasToken(JsonToken.VALUE_NUMBER_INT) && json.getNumberType() != JsonParser.NumberType.BIG_INTEGER;
      if (!whole || json.getLongValue() < 0) {
        throw new IOException(where + key + "[" + count + "] is " + json.getText() + ", expected a whole number of at least 0");
      }
      values[count++] = json.getLongValue();
    }
    return Arrays.copyOf(values, count);
  }

  private static void checkCover(Path file, Map<String, SafeTensors.Entry> entries, long dataBytes, long dataStart) throws IOException {
    List<SafeTensors.Entry> sorted = new ArrayList<>(entries.values());
    sorted.sort(Comparator.comparingLong(SafeTensors.Entry::offset).thenComparingLong(SafeTensors.Entry::bytes));
    long end = dataStart;
    for (SafeTensors.Entry entry : sorted) {
      if (entry.offset() != end) {
        throw new IOException(file + ": tensor \"" + entry.name() + "\" starts at byte " + (entry.offset() - dataStart)
            + " of the data, " + (entry.offset() < end ? "inside the tensor before it, which ends at " : "after a gap from ")
            + (end - dataStart));
      }
      end += entry.bytes();
    }
    if (end - dataStart != dataBytes) {
      throw new IOException(file + ": has " + dataBytes + " bytes of data, its tensors take " + (end - dataStart));
    }
  }
}
