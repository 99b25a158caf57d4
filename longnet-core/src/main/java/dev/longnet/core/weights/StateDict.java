// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.weights;

import dev.longnet.core.io.Field;
import dev.longnet.core.io.FieldException;
import dev.longnet.core.io.WeightFiles;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Which tensors of a file belong to the model, and under which of torchscale's names: the stack's
/// prefix is where `layers.0.self_attn.q_proj.weight` is found; what else is under `model.`, or
/// beside the stack where there is no `model.`, surrounds it.
///
/// @param prefix of the stack's tensors in the file
/// @param stack torchscale's name to the file's, for the stack
/// @param around the name without wrappers' prefixes to the file's, for the rest of the model
record StateDict(String prefix, Map<String, String> stack, Map<String, String> around) {
  private static final String ROOT = "model.";
  private static final String MARK = "layers.0.self_attn.q_proj.weight";

  /// @param given prefix from the user, or null to find it
  static StateDict of(WeightFiles file, @Nullable String given, String path) {
    String prefix = given != null ? given : find(file.names(), path);
    Map<String, String> stack = new LinkedHashMap<>();
    Map<String, String> around = new LinkedHashMap<>();
    String root = prefix.startsWith(ROOT) ? ROOT : prefix.replaceFirst("[^.]*\\.$", "");
    for (String name : file.names()) {
      if (name.startsWith(prefix)) {
        stack.put(name.substring(prefix.length()), name);
      } else if (given == null && !prefix.equals(root) && name.startsWith(root)) {
        String bare = name.substring(root.length()).replaceFirst("^(model\\.)+", "");
        if (around.put(bare, name) != null) {
          throw new IllegalArgumentException(
              "two tensors around the encoder are named " + bare + ": " + path);
        }
      }
    }
    if (!stack.containsKey(MARK)) {
      throw new IllegalArgumentException(
          String.format(Locale.ROOT, "no tensor %s%s: %s", prefix, MARK, path));
    }
    return new StateDict(prefix, stack, around);
  }

  private static String find(Set<String> names, String path) {
    Set<String> prefixes = new LinkedHashSet<>();
    for (String name : names) {
      if (name.equals(MARK) || name.endsWith("." + MARK)) {
        prefixes.add(name.substring(0, name.length() - MARK.length()));
      }
    }
    List<String> rooted =
        new ArrayList<>(prefixes.stream().filter(p -> p.startsWith(ROOT)).toList());
    List<String> candidates = rooted.isEmpty() ? new ArrayList<>(prefixes) : rooted;
    if (candidates.isEmpty()) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "not a torchscale model: no tensor is named %s, under any prefix: %s",
              MARK,
              path));
    }
    if (candidates.size() > 1) {
      throw new FieldException(
          "several models, name one with %s: %s: %s",
          Field.of("prefix"), String.join(", ", candidates), path);
    }
    return candidates.getFirst();
  }
}
