// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.run;

import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;

/**
 * Reads a YAML or JSON configuration onto immutable records.
 *
 * <p>A root record has a static method {@code defaults()}; what a file says is merged over it as a tree (sections
 * and maps by key, lists as a whole), and {@code --set key.path=value} over that. Names are the components' in
 * snake case. Components may be records, {@code int}, {@code long}, {@code float}, {@code double},
 * {@code boolean} (or boxed), {@code String}, {@code Path}, enums, {@code List} and {@code Map<String, ...>}
 * of these. A component whose default is null may be left out or null; any other null is refused.
 *
 * <p>Relative paths in a file are relative to the file's folder; those of {@code --set} to the working directory.
 * Records refuse impossible values in their compact constructor with
 * {@code IllegalArgumentException("key: found, expected")}; the reader adds the file, line and path.
 *
 * <p>Unlike {@link ConfigWriter}, which shows a configuration, this class only reads. Thread safe.
 */
public final class ConfigReader {
  private static final long MAX_BYTES = 4_000_000;

  private ConfigReader() {}

  /**
   * Reads a file.
   *
   * @param type the root record
   * @param file YAML, or JSON when its name ends in {@code .json}
   * @param overrides {@code key.path=value}, later ones win
   * @throws ConfigException with a line for each fault
   */
  public static <T extends Record> T read(Class<T> type, Path file, List<String> overrides) {
    Objects.requireNonNull(type, "type");
    String text;
    try {
      if (Files.isDirectory(file)) {
        throw new ConfigException(file + ": is a folder, expected a configuration file (YAML or JSON)");
      }
      if (!Files.exists(file)) {
        throw new ConfigException(file + ": no such file, expected a configuration (tppo init writes one to start from)");
      }
      if (Files.size(file) > MAX_BYTES) {
        throw new ConfigException(file + ": is larger than " + MAX_BYTES + " bytes, expected a configuration");
      }
      text = Files.readString(file);
    } catch (CharacterCodingException e) {
      throw new ConfigException(file + ": not valid UTF-8", e);
    } catch (IOException e) {
      throw new ConfigException(file + ": cannot be read: " + e.getMessage(), e);
    }
    return read(type, text, file.toString(), file.toAbsolutePath().getParent(), overrides);
  }

  /**
   * Reads a text, such as a bundled configuration.
   *
   * @param name what to call the text in messages; JSON when it ends in {@code .json}
   * @param base what relative paths in the text are relative to
   */
  public static <T extends Record> T read(Class<T> type, String text, String name, Path base, List<String> overrides) {
    Objects.requireNonNull(type, "type");
    return read(type, text, name, base, overrides, "--set");
  }

  /**
   * A configuration in which some keys are otherwise.
   *
   * @param overrides {@code key.path=value}, later ones win
   * @param source the key that holds the overrides, for messages
   * @throws ConfigException with a line for each fault
   */
  public static <T extends Record> T with(T config, List<String> overrides, String source) {
    @SuppressWarnings("unchecked")
    Class<T> type = (Class<T>) config.getClass();
    return overrides.isEmpty() ? config
        : read(type, ConfigWriter.json(config), "the configuration", Path.of("").toAbsolutePath(), overrides, source);
  }

  private static <T extends Record> T read(Class<T> type, String text, String name, Path base, List<String> overrides, String source) {
    ConfigNode tree = ConfigNode.parse(text, name, base, true);
    if (tree.kind == ConfigNode.Kind.NULL) {
      tree = new ConfigNode(ConfigNode.Kind.OBJECT, "", false, tree.origin);
    }
    ConfigOverrides.apply(tree, overrides, source, type, Path.of("").toAbsolutePath());
    ConfigBinder binder = new ConfigBinder(type);
    Object bound = binder.bind(type, tree, defaults(type), "");
    if (!binder.faults.isEmpty()) {
      throw new ConfigException(binder.faults);
    }
    return type.cast(bound);
  }

  /** The defaults with overrides alone. */
  public static <T extends Record> T read(Class<T> type, List<String> overrides) {
    Objects.requireNonNull(type, "type");
    return read(type, "", "the defaults", Path.of("").toAbsolutePath(), overrides);
  }

  /** The defaults of a root record. */
  public static <T extends Record> T defaults(Class<T> type) {
    Object defaults = RecordTypes.defaultsOrNull(type);
    if (defaults == null) {
      throw new IllegalArgumentException(type.getName() + " has no static method defaults()");
    }
    return type.cast(defaults);
  }
}
