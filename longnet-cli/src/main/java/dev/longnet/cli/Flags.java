// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import dev.longnet.core.io.Field;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import picocli.CommandLine;

/// What a person types for what the libraries call fields: `trainedLength` is `--trained-length`,
/// and a recipe's `training.steps` is `--set training.steps`.
final class Flags {
  /// The fields whose flags have other names.
  static final Map<String, String> OTHERS =
      Map.of(
          "run", "--out",
          "target", "--to",
          "pooling", "--pool",
          "replace", "--force",
          "corpus.sources", "--corpus",
          "zeroPaddedKeys", "--torchscale-zero-padded-keys",
          "evaluation", "longnet eval --json",
          "doctor", "longnet doctor",
          "verify", "longnet inspect --verify");

  private Flags() {}

  /// In the words of the command line; as it is where no flag sets it.
  static String of(Field field) {
    String name = field.name();
    if (name.equals("resume") && field.value().isPresent()) {
      return "longnet train --resume --out " + field.value().get();
    }
    String flag = OTHERS.get(name);
    if (flag == null && name.contains(".")) {
      return "--set " + field;
    }
    if (flag == null) {
      flag = "--" + name.replaceAll("([A-Z])", "-$1").toLowerCase(Locale.ROOT);
      if (!all(Main.commandLine()).contains(flag)) {
        return field.toString();
      }
    }
    return flag + field.value().map(value -> "=" + value).orElse("");
  }

  /// Every option of a command and of those below it.
  static Set<String> all(CommandLine command) {
    Set<String> names = new TreeSet<>(command.getCommandSpec().optionsMap().keySet());
    for (CommandLine below : command.getSubcommands().values()) {
      names.addAll(all(below));
    }
    return names;
  }
}
