// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import picocli.AutoComplete;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `longnet completion bash|zsh`: a script to source.
@Command(
    name = "completion",
    description = "Prints a script that completes commands and options in your shell.",
    mixinStandardHelpOptions = true,
    footer = {
      "",
      "Examples:",
      "  source <(longnet completion bash)",
      "  longnet completion zsh > ~/.longnet-completion && echo 'source ~/.longnet-completion' >> ~/.zshrc"
    })
final class CompletionCommand implements Runnable {
  /// Shells with a script; zsh runs bash's through its own bridge, which the script sets up.
  enum Shell {
    BASH,
    ZSH
  }

  @Spec CommandSpec spec;

  @Parameters(paramLabel = "SHELL", description = "bash or zsh")
  Shell shell;

  @Override
  public void run() {
    spec.commandLine().getOut().print(AutoComplete.bash("longnet", spec.root().commandLine()));
    spec.commandLine().getOut().flush();
  }
}
