// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import dev.longnet.core.io.Field;
import java.util.Locale;
import java.util.Map;
import picocli.CommandLine.Model.CommandSpec;

/// What a person types for what the libraries call fields: `trainedLength` is `--trained-length`,
/// and a recipe's `training.steps` is `--set training.steps`.
///
/// @param running the command whose flags may be offered
record Flags(CommandSpec running) {
  /// The fields whose flags have other names.
  static final Map<String, String> RENAMED =
      Map.of(
          "run", "--out",
          "target", "--to",
          "pooling", "--pool",
          "replace", "--force",
          "bind", "--rank-address",
          "timeout", "--rank-timeout",
          "corpus.sources", "--corpus",
          "corpus.group_depth", "--group-depth",
          "corpus.validation", "--validation",
          "zeroPaddedKeys", "--torchscale-zero-padded-keys");

  /// The fields that a command sets or makes, for where the running one can't.
  static final Map<String, String> COMMANDS =
      Map.of(
          "evaluation", "longnet eval --json",
          "doctor", "longnet doctor",
          "verify", "longnet inspect --verify",
          "streamInput", "longnet stream --input",
          "resume", "longnet train --resume",
          "tokenizer", "longnet import torchscale --tokenizer");

  /// In the words of the command line; as it is where nothing sets it.
  String of(Field field) {
    String name = field.name();
    if (name.equals("resume") && field.value().isPresent()) {
      return COMMANDS.get(name) + " --out " + field.value().get();
    }
    String value = field.value().map(v -> "=" + v).orElse("");
    String flag =
        RENAMED.getOrDefault(
            name, "--" + name.replaceAll("([A-Z])", "-$1").toLowerCase(Locale.ROOT));
    if (has(flag)) {
      return flag + value;
    }
    if (name.contains(".") && has("--set")) {
      return "--set " + field;
    }
    return COMMANDS.getOrDefault(name, name) + value;
  }

  private boolean has(String flag) {
    return running.optionsMap().containsKey(flag);
  }
}
