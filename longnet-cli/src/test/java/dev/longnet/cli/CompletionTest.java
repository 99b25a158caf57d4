// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

class CompletionTest {

  @Test
  @EnabledOnOs({OS.LINUX, OS.MAC})
  void bashCompletesCommands(@TempDir Path folder) throws IOException, InterruptedException {
    Cli run = Cli.run("completion", "bash");
    assertThat(run.exitCode()).isZero();
    Path script = Files.writeString(folder.resolve("completion"), run.out());
    String ask =
        "source "
            + script
            + "; COMP_WORDS=(longnet doc); COMP_CWORD=1; _complete_longnet; echo ${COMPREPLY[@]}";
    Process bash = new ProcessBuilder("bash", "-c", ask).redirectErrorStream(true).start();
    String answer = new String(bash.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(bash.waitFor()).isZero();
    assertThat(answer.strip()).isEqualTo("doctor");
  }

  @Test
  void otherShellsAreRefused() {
    Cli run = Cli.run("completion", "fish");
    assertThat(run.exitCode()).isEqualTo(2);
    assertThat(run.err().lines()).hasSize(1);
    assertThat(run.err()).contains("BASH, ZSH").contains("fish");
  }
}
