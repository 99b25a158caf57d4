package dev.longnet.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/// What only a real process shows: exit codes, standard streams, the launcher.
class ProcessTest {
  @TempDir Path folder;

  @Test
  void exitCodesLeaveTheProcess() throws Exception {
    assertThat(java(folder.resolve("out"), "--version")).isZero();
    assertThat(folder.resolve("out")).content().startsWith("longnet ");
    assertThat(java(folder.resolve("out"), "eval", folder.resolve("missing").toString())).isEqualTo(2);
    assertThat(Files.readString(folder.resolve("err")).lines().filter(l -> !l.startsWith("WARNING: Using incubator")))
        .hasSize(1)
        .first().asString().startsWith("longnet: no such run or checkpoint: ");
  }

  @Test
  @EnabledOnOs(OS.LINUX)
  void aFullDiskUnderStandardOutputIsNoSuccess() throws Exception {
    assertThat(java(Path.of("/dev/full"), "completion", "bash")).isEqualTo(1);
    assertThat(folder.resolve("err")).content().contains("longnet: standard output can't be written");
  }

  @Test
  @EnabledOnOs({OS.LINUX, OS.MAC})
  void theLauncherSaysWhenThereIsNoJdk25() throws Exception {
    Path launcher = Path.of("").toAbsolutePath().getParent().resolve("longnet");
    assertThat(launcher).isExecutable();
    // A copy whose search finds nothing: no JDK in the folders it knows.
    String text = Files.readString(launcher).replaceAll("(?s)installed_jdks\\(\\) \\{.*?\\n\\}", "installed_jdks() { :; }");
    Path copy = Files.writeString(folder.resolve("longnet"), text);
    ProcessBuilder builder = new ProcessBuilder("bash", copy.toString(), "--version");
    builder.environment().keySet().removeIf(k -> k.startsWith("JAVA_HOME") || k.equals("JDK_HOME"));
    builder.environment().put("PATH", pathWithoutJava());
    builder.redirectErrorStream(true).redirectOutput(folder.resolve("said").toFile());
    assertThat(builder.start().waitFor()).isEqualTo(1);
    assertThat(Files.readString(folder.resolve("said")).lines()).hasSize(1);
    assertThat(folder.resolve("said")).content().startsWith("longnet: no JDK 25 found: install one");
  }

  /// The few tools the launcher uses, in a folder of their own.
  private String pathWithoutJava() throws IOException {
    Path bin = Files.createDirectories(folder.resolve("bin"));
    for (String tool : new String[] {"bash", "dirname", "readlink", "cat", "find", "head"}) {
      for (String place : new String[] {"/usr/bin/", "/bin/"}) {
        if (Files.exists(Path.of(place + tool)) && !Files.exists(bin.resolve(tool))) {
          Files.createSymbolicLink(bin.resolve(tool), Path.of(place + tool));
        }
      }
    }
    return bin.toString();
  }

  private int java(Path out, String... arguments) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(List.of(
        Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-Xmx512m",
        "--add-modules", "jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED",
        "-cp", System.getProperty("java.class.path"), "dev.longnet.cli.Main"));
    command.addAll(List.of(arguments));
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.redirectOutput(out.toFile()).redirectError(folder.resolve("err").toFile());
    File err = folder.resolve("err").toFile();
    int code = builder.start().waitFor();
    assertThat(Files.readString(err.toPath(), StandardCharsets.UTF_8)).doesNotContain("\tat ");
    return code;
  }
}
