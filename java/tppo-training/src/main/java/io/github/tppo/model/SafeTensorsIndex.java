// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Pattern;

/** Reads {@code model.safetensors.index.json}, which tells the file of each tensor of a sharded checkpoint. */
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
        JsonNode map;
        try {
            map = SafeTensorsHeader.JSON.readTree(Files.readAllBytes(index)).path("weight_map");
        } catch (JsonProcessingException e) {
            throw new IOException(index + ": is not valid JSON: " + e.getOriginalMessage(), e);
        }
        if (!map.isObject() || map.isEmpty()) {
            throw new IOException(index + ": has no object weight_map that names the file of each tensor");
        }
        Map<String, SafeTensors> shards = new HashMap<>();
        Map<String, SafeTensors.Entry> entries = new LinkedHashMap<>();
        for (Map.Entry<String, JsonNode> field : map.properties()) {
            String name = field.getKey();
            String shardName = shardName(index, name, field.getValue());
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

    private static String shardName(Path index, String tensor, JsonNode node) throws IOException {
        if (!node.isTextual() || !SHARD_NAME.matcher(node.textValue()).matches()) {
            throw new IOException(index + ": the file of tensor \"" + tensor + "\" is " + node
                    + ", expected the plain name of a .safetensors file in the same folder");
        }
        return node.textValue();
    }
}
