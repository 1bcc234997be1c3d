// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.run;

import java.lang.reflect.Type;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/** Values in the form {@code key.path=value}, of the command line ({@code --set}) or of a list, put over what the file says. */
final class ConfigOverrides {
  private ConfigOverrides() {}

  /**
   * Puts each override into {@code tree}. A value is read as its key's type asks: text and paths as they stand
   * (paths relative to {@code base}), lists as {@code a,b,c} or {@code [a, b, c]}, the rest as YAML.
   * A key that does not exist is put as well; binding then refuses it with the nearest name.
   *
   * @param source what messages call the place of the overrides
   */
  static void apply(ConfigNode tree, List<String> overrides, String source, Class<?> root, Path base) {
    for (String override : overrides) {
      int equals = override.indexOf('=');
      String origin = source + " " + override;
      if (equals <= 0) {
        throw new ConfigException(origin + ": expected key.path=value");
      }
      List<String> path = Arrays.asList(override.substring(0, equals).strip().split("\\.", -1));
      String text = override.substring(equals + 1);
      ConfigNode value = value(text, RecordTypes.at(root, path), new ConfigNode.Origin(origin, base));
      put(tree, path, value, origin);
    }
  }

  private static ConfigNode value(String text, Type type, ConfigNode.Origin origin) {
    Class<?> raw = type == null ? String.class : RecordTypes.raw(type);
    if (raw == String.class || raw == Path.class || raw.isEnum()) {
      return new ConfigNode(ConfigNode.Kind.STRING, text, true, origin);
    }
    if (raw == List.class || raw == Map.class || raw.isRecord()) {
      boolean bare = raw == List.class && !text.strip().startsWith("[");
      ConfigNode parsed = ConfigNode.parse(bare ? "[" + text + "]" : text, origin.name(), origin.base(), false);
      return parsed;
    }
    if (text.isBlank()) {
      return new ConfigNode(ConfigNode.Kind.STRING, text, true, origin);
    }
    return ConfigNode.parse(text, origin.name(), origin.base(), false);
  }

  private static void put(ConfigNode tree, List<String> path, ConfigNode value, String origin) {
    Map<String, ConfigNode> fields = tree.fields;
    for (String key : path.subList(0, path.size() - 1)) {
      ConfigNode section = fields.get(key);
      if (section == null || section.kind != ConfigNode.Kind.OBJECT) {
        section = new ConfigNode(ConfigNode.Kind.OBJECT, "", false, new ConfigNode.Origin(origin, value.origin.base()));
        fields.put(key, section);
      }
      fields = section.fields;
    }
    fields.put(path.get(path.size() - 1), value);
  }
}
