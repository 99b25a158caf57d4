// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/// A command line in a process of its own, whose surroundings a test chooses.
record Child(int exitCode, String out, String err) {

  /// @param directory the process's current one
  /// @param flags of the JVM
  static Child java(Path directory, List<String> flags, Object... arguments)
      throws IOException, InterruptedException {
    return of(new ProcessBuilder(command(flags, List.of(arguments))).directory(directory.toFile()));
  }

  /// What starts this build's program in a JVM of its own.
  ///
  /// @param flags of the JVM; of two that contradict each other the later one counts
  static List<String> command(List<String> flags, List<?> arguments) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(
        List.of(
            "-Xmx1g",
            "--add-modules=jdk.incubator.vector",
            "--enable-native-access=ALL-UNNAMED",
            "-Dstdout.encoding=UTF-8",
            "-Dstderr.encoding=UTF-8",
            "-Dorg.bytedeco.javacpp.maxphysicalbytes=0",
            "-Dorg.bytedeco.javacpp.maxbytes=0"));
    command.addAll(flags);
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), Main.class.getName()));
    arguments.forEach(argument -> command.add(argument.toString()));
    return command;
  }

  /// Runs to the end, which takes less than five minutes.
  static Child of(ProcessBuilder builder) throws IOException, InterruptedException {
    Path out = Files.createTempFile("child", ".out");
    Path err = Files.createTempFile("child", ".err");
    try {
      Process process = builder.redirectOutput(out.toFile()).redirectError(err.toFile()).start();
      process.getOutputStream().close();
      if (!process.waitFor(5, TimeUnit.MINUTES)) {
        process.destroyForcibly();
      }
      return new Child(
          process.waitFor(),
          new String(Files.readAllBytes(out), UTF_8),
          new String(Files.readAllBytes(err), UTF_8));
    } finally {
      Files.delete(out);
      Files.delete(err);
    }
  }

  Child succeeds() {
    assertThat(exitCode).as(toString()).isZero();
    return this;
  }
}
