// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.config;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.longnet.core.io.Texts;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.ToIntFunction;
import java.util.stream.Stream;

/// Recipes: complete run configurations in YAML, found by name among those that come with the
/// program, or as a file.
public final class Recipes {
  private static final String SUFFIX = ".yaml";

  private Recipes() {}

  /// Changes laid over a recipe.
  ///
  /// @param name what messages call one of them
  /// @param values `path=value` each
  public record Overrides(String name, List<String> values) {
    public Overrides {
      values = List.copyOf(values);
    }
  }

  /// Reads a recipe and lays overrides over it.
  ///
  /// @param nameOrFile a known name, or a path
  /// @param overrides `path=value` each, the value in YAML; later ones win. Changing an
  ///   `attention.type` empties the rest of its section, `training.branch_starts` and the branches
  ///   of `training.windows`: the keys of one type mean nothing to another.
  /// @param vocabularyOf a tokenizer's number of ids, by its name
  public static RunConfig load(
      String nameOrFile, List<String> overrides, ToIntFunction<String> vocabularyOf)
      throws IOException {
    return load(nameOrFile, new Overrides("override", overrides), vocabularyOf);
  }

  /// As above, with a name for the overrides in messages.
  public static RunConfig load(
      String nameOrFile, Overrides overrides, ToIntFunction<String> vocabularyOf)
      throws IOException {
    boolean file =
        nameOrFile.endsWith(SUFFIX) || nameOrFile.endsWith(".yml") || nameOrFile.contains("/");
    String text = file ? Texts.read(Path.of(nameOrFile)) : builtIn(nameOrFile);
    String source = file ? nameOrFile : "recipe " + nameOrFile;
    ObjectNode tree = parse(text, source);
    Set<String> overridden = new HashSet<>();
    for (String override : overrides.values()) {
      overridden.add(set(tree, overrides.name(), override));
    }
    Section root =
        Section.root(
            tree,
            path -> overridden.stream().anyMatch(o -> covers(o, path)) ? overrides.name() : source);
    return RunConfig.read(root, vocabularyOf);
  }

  /// The names [#load(String, List, ToIntFunction)] knows.
  public static Set<String> names() {
    try {
      URL known = Recipes.class.getResource("/recipes/quickstart" + SUFFIX);
      if (known == null) {
        return Set.of();
      }
      URI uri = known.toURI();
      if (uri.getScheme().equals("jar")) {
        try (FileSystem jar = FileSystems.newFileSystem(uri, Map.of())) {
          return list(jar.getPath("/recipes"));
        }
      }
      return list(Path.of(uri).resolveSibling("."));
    } catch (IOException e) { // the machine's: it opens no more files
      throw new UncheckedIOException(e);
    } catch (URISyntaxException e) {
      throw new IllegalStateException("the recipes inside the program can't be listed", e);
    }
  }

  static String toYaml(ObjectNode tree) {
    try {
      return Yaml.write(tree);
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  static ObjectNode parse(String text, String source) {
    return Yaml.object(text, "a recipe", source);
  }

  /// Sets one `path=value`; returns the path, or that of the outermost section it had to make.
  private static String set(ObjectNode tree, String name, String override) {
    int equals = override.indexOf('=');
    if (equals < 1) {
      throw new IllegalArgumentException(name + " must be path=value: " + name + " " + override);
    }
    String path = override.substring(0, equals).strip();
    String[] keys = path.split("\\.", -1);
    // The two ways to name mixers exclude each other: the one given last is meant.
    if (tree.get("model") instanceof ObjectNode model) {
      if (path.equals("model.mixers")) {
        model.remove("attention");
        forgetBranches(tree);
      } else if (path.startsWith("model.attention")) {
        model.remove("mixers");
      }
    }
    ObjectNode node = tree;
    String made = null;
    for (int i = 0; i < keys.length - 1; i++) {
      String at = String.join(".", List.of(keys).subList(0, i + 1));
      JsonNode next = node.get(keys[i]);
      if (next == null || next.isNull()) {
        next = node.putObject(keys[i]);
        made = made == null ? at : made;
      }
      if (!(next instanceof ObjectNode object)) {
        throw new IllegalArgumentException(
            name + " " + path + ": " + at + " is a value, not a section");
      }
      node = object;
    }
    String key = keys[keys.length - 1];
    JsonNode value = value(override.substring(equals + 1), name, path);
    if (path.equals("model.attention.type") && !value.equals(node.get(key))) {
      node.removeAll();
      forgetBranches(tree);
    }
    // The two ways to name branches exclude each other too.
    boolean listed = path.equals("model.attention.branches");
    boolean paired =
        path.equals("model.attention.segment_lengths") || path.equals("model.attention.dilations");
    if (listed) {
      node.remove(List.of("segment_lengths", "dilations", MixerTree.ZERO_PADDED_KEYS));
    }
    if (listed
        || paired && node.remove("branches") != null
        || path.equals("model.attention") && value.has("branches")) {
      forgetBranches(tree);
    }
    // So do the two ways to name windows.
    if (path.equals("training.window")) {
      node.remove("windows");
    } else if (path.equals("training.windows") && !value.isEmpty()) {
      node.remove("window");
    }
    node.set(key, value);
    return made == null ? path : made;
  }

  /// What `training` says of one mixer's branches means nothing to another.
  private static void forgetBranches(ObjectNode tree) {
    if (tree.get("training") instanceof ObjectNode training) {
      training.remove("branch_starts");
      for (JsonNode phase : training.path("windows")) {
        if (phase instanceof ObjectNode section) {
          section.remove("branches");
        }
      }
    }
  }

  private static JsonNode value(String text, String name, String path) {
    try {
      return Yaml.read(text.isBlank() ? "''" : text);
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException(
          name + " " + path + ": the value is not valid YAML: " + text, e);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /// The launcher's checkout is asked first, so that an edited recipe counts without a build.
  private static String builtIn(String name) throws IOException {
    String home = System.getProperty("longnet.home");
    if (home != null) {
      Path file = Path.of(home, "recipes", name + SUFFIX);
      if (Files.isRegularFile(file)) {
        return Texts.read(file);
      }
    }
    try (InputStream in = Recipes.class.getResourceAsStream("/recipes/" + name + SUFFIX)) {
      if (in == null) {
        throw new IllegalArgumentException(
            "no recipe named "
                + name
                + Nearest.suggestion(name, names(), s -> s)
                + " (a file's name ends with .yaml)");
      }
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }
  }

  private static Set<String> list(Path directory) throws IOException {
    try (Stream<Path> files = Files.list(directory)) {
      Set<String> names = new TreeSet<>();
      files
          .map(p -> p.getFileName().toString())
          .filter(n -> n.endsWith(SUFFIX))
          .forEach(n -> names.add(n.substring(0, n.length() - SUFFIX.length())));
      return names;
    }
  }

  private static boolean covers(String overridden, String path) {
    return path.equals(overridden)
        || path.startsWith(overridden + ".")
        || path.startsWith(overridden + "[");
  }
}
