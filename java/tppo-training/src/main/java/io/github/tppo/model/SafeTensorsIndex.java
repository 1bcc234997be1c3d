// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * Reads {@code model.safetensors.index.json}, which tells the file of each tensor of a sharded checkpoint. Shards are plain names in
 * the index's folder; that such a name is a symbolic link is the doing of whoever made the folder (Hugging Face's cache is made of
 * links), not of the index, and allowed.
 */
final class SafeTensorsIndex {

  private static final long MAX_BYTES = SafeTensorsHeader.MAX_HEADER_BYTES;
  /** A plain file name: what has a separator or starts with a dot could lead out of the folder. */
  private static final Pattern SHARD_NAME = Pattern.compile("[A-Za-z0-9_][A-Za-z0-9._-]*\\.safetensors");

  private SafeTensorsIndex() {
  }

  static SafeTensors read(Path index) throws IOException {
    if (Files.size(index) > MAX_BYTES) {
      throw new IOException(index + ": is larger than " + MAX_BYTES + " bytes");
    }
    Map<String, String> shardNames = weightMap(index);
    if (shardNames.isEmpty()) {
      throw new IOException(index + ": has no object weight_map that names the file of each tensor");
    }
    Map<String, SafeTensors> shards = new HashMap<>();
    Map<String, SafeTensors.Entry> entries = new LinkedHashMap<>();
    for (Map.Entry<String, String> field : shardNames.entrySet()) {
      String name = field.getKey();
      String shardName = field.getValue();
      SafeTensors shard = shards.get(shardName);
      if (shard == null) {
        shard = SafeTensorsHeader.read(index.resolveSibling(shardName));
        shards.put(shardName, shard);
      }
      SafeTensors.Entry entry = shard.entries().get(name);
      if (entry == null) {
        throw new IOException(index + ": says that " + shardName + " holds tensor \"" + name + "\", it does not");
      }
      entries.put(name, entry);
    }
    for (Map.Entry<String, SafeTensors> shard : shards.entrySet()) {
      for (String name : shard.getValue().names()) {
        if (!entries.containsKey(name) || !entries.get(name).file().getFileName().toString().equals(shard.getKey())) {
          throw new IOException(index + ": " + shard.getKey() + " holds tensor \"" + name
              + "\", which the index does not place there");
        }
      }
    }
    return new SafeTensors(index, entries, Map.of());
  }

  /** The file of each tensor; empty when there is no {@code weight_map}. Read as a stream, since the text may be long. */
  private static Map<String, String> weightMap(Path index) throws IOException {
    Map<String, String> shardNames = new LinkedHashMap<>();
    try (JsonParser json = SafeTensorsHeader.JSON.createParser(SafeTensorsHeader.utf8(Files.readAllBytes(index)))) {
      if (json.nextToken() != JsonToken.START_OBJECT) {
        return shardNames;
      }
      while (json.nextToken() != JsonToken.END_OBJECT) {
        boolean map = json.currentName().equals("weight_map");
        if (json.nextToken() == JsonToken.START_OBJECT && map) {
          while (json.nextToken() != JsonToken.END_OBJECT) {
            String name = json.currentName();
            json.nextToken();
            shardNames.put(name, shardName(index, name, json));
          }
        } else {
          json.skipChildren();
        }
      }
      if (json.nextToken() != null) {
        throw new IOException(index + ": is not valid JSON: something follows the object");
      }
    } catch (CharacterCodingException e) {
      throw new IOException(index + ": is not valid UTF-8", e);
    } catch (JsonProcessingException e) {
      throw new IOException(index + ": is not valid JSON: " + e.getOriginalMessage(), e);
    }
    return shardNames;
  }

  private static String shardName(Path index, String tensor, JsonParser json) throws IOException {
    if (!json.hasToken(JsonToken.VALUE_STRING) || !SHARD_NAME.matcher(json.getText()).matches()) {
      throw new IOException(index + ": the file of tensor \"" + tensor + "\" is " + json.getText()
          + ", expected the plain name of a .safetensors file in the same folder");
    }
    return json.getText();
  }
}
