// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// The script `longnet` in a checkout of its own, whose Maven only notes that it was called: the
/// class path is the test's.
@EnabledOnOs(OS.LINUX)
class LauncherTest {
  /// Writes what the launcher takes from a build.
  private static final String MAVEN =
      """
      #!/usr/bin/env bash
      echo built >>builds
      mkdir -p longnet-cli/target
      : >longnet-cli/target/longnet-cli.jar
      printf '%s' "$TEST_CLASSPATH" >longnet-cli/target/classpath.txt
      """;

  @TempDir Path temp;
  private Path home;

  @BeforeEach
  void checkout() throws IOException {
    home = Files.createDirectory(temp.resolve("checkout"));
    Path script = Path.of("").toAbsolutePath().getParent().resolve("longnet");
    Files.copy(script, home.resolve("longnet"));
    Files.writeString(home.resolve("mvnw"), MAVEN);
    Files.createDirectories(home.resolve("longnet-cli/src/main"));
    Files.createDirectories(home.resolve("recipes"));
    for (String file : List.of("pom.xml", "longnet-cli/pom.xml", "longnet-cli/src/main/A.java")) {
      Files.writeString(home.resolve(file), file);
    }
    for (String program : List.of("longnet", "mvnw")) {
      Files.setPosixFilePermissions(
          home.resolve(program), PosixFilePermissions.fromString("rwxr-xr-x"));
    }
  }

  @Test
  void aSourceThatIsNewerButTheSameBuildsOnce() throws Exception {
    Path source = home.resolve("longnet-cli/src/main/A.java");
    Files.setLastModifiedTime(source, FileTime.from(Instant.now().plus(Duration.ofDays(365))));
    for (int call = 0; call < 3; call++) {
      launch(Map.of(), "--version").succeeds();
      assertThat(home.resolve("builds")).content().isEqualTo("built\n");
    }
    Files.writeString(source, "changed");
    launch(Map.of(), "--version").succeeds();
    assertThat(home.resolve("builds")).content().isEqualTo("built\nbuilt\n");
    Files.delete(source);
    launch(Map.of(), "--version").succeeds();
    assertThat(home.resolve("builds")).content().isEqualTo("built\nbuilt\nbuilt\n");
  }

  @Test
  void promptsAndPathsAreUtf8WithoutALocale() throws Exception {
    Path model = TinyCheckpoint.write(temp.resolve("modèle"));
    Path folder = Files.createDirectory(temp.resolve("größe"));
    Path moved = folder.resolve("checkout");
    Files.move(home, moved);
    home = moved;
    for (Map<String, String> locale :
        List.of(Map.of("LC_ALL", "POSIX"), Map.<String, String>of())) {
      Child out =
          launch(
                  locale,
                  "generate",
                  model.toString(),
                  "--prompt",
                  "café",
                  "--max-tokens",
                  "1",
                  "--seed",
                  "1")
              .succeeds();
      assertThat(out.out()).as(out.toString()).startsWith("café");
    }
  }

  /// A JDK that says with which arguments it was called.
  @ParameterizedTest
  @CsvSource({
    "25, '', true",
    "25.0.2, '', true",
    "25.0.2, -XX:+UseSerialGC, false",
    "25.0.3, '', false",
    "25.1.0, '', false"
  })
  void aJdkWhoseCollectorIsFaultyRunsWithAnother(String version, String options, boolean other)
      throws Exception {
    Path jdk = Files.createDirectories(temp.resolve("jdk"));
    Files.createDirectories(jdk.resolve("bin"));
    Files.writeString(jdk.resolve("release"), "JAVA_VERSION=\"" + version + "\"\n");
    for (String program : List.of("java", "javac")) {
      Files.writeString(jdk.resolve("bin").resolve(program), "#!/bin/sh\necho \"$@\"\n");
      Files.setPosixFilePermissions(
          jdk.resolve("bin").resolve(program), PosixFilePermissions.fromString("rwxr-xr-x"));
    }
    Child child =
        launch(Map.of("JAVA_HOME", jdk.toString(), "LONGNET_JAVA_OPTS", options), "--version")
            .succeeds();
    assertThat(child.out()).endsWith("dev.longnet.cli.Main --version\n");
    assertThat(child.out().contains("-XX:+UseParallelGC")).isEqualTo(other);
  }

  @Test
  void whoMayNotWriteIsToldSo() throws Exception {
    assumeTrue(!System.getProperty("user.name").equals("root"), "root may write everywhere");
    Files.createDirectory(home.resolve(".longnet"));
    Files.setPosixFilePermissions(
        home.resolve(".longnet"), PosixFilePermissions.fromString("r-xr-xr-x"));
    Child child = launch(Map.of(), "--version");
    assertThat(child.exitCode()).isEqualTo(1);
    assertThat(child.err().lines()).hasSize(1);
    assertThat(child.err())
        .startsWith("longnet: this checkout needs a build, and you may not write");
  }

  /// The shell says a line of its own before ours.
  @Test
  void whoStandsInADeletedFolderIsToldSo() throws Exception {
    Path gone = Files.createDirectory(temp.resolve("gone"));
    Child child =
        launch(
            List.of("sh", "-c", "cd \"$0\"; rmdir \"$0\"; exec bash \"$1\" --version"),
            Map.of(),
            gone.toString(),
            home.resolve("longnet").toString());
    assertThat(child.exitCode()).isEqualTo(1);
    assertThat(child.err())
        .endsWith("longnet: the current directory is gone: change to one that exists (cd)\n");
    assertThat(home.resolve("builds")).doesNotExist();
  }

  private Child launch(Map<String, String> variables, String... arguments) throws Exception {
    return launch(List.of("bash", home.resolve("longnet").toString()), variables, arguments);
  }

  private Child launch(List<String> program, Map<String, String> variables, String... arguments)
      throws Exception {
    List<String> command = new ArrayList<>(program);
    command.addAll(List.of(arguments));
    // The test itself may have a locale whose charset cannot express the path.
    assumeTrue(Files.exists(home, LinkOption.NOFOLLOW_LINKS), "the charset of this process");
    ProcessBuilder builder = new ProcessBuilder(command);
    Map<String, String> environment = builder.environment();
    environment
        .keySet()
        .removeIf(k -> k.startsWith("LC_") || k.equals("LANG") || k.equals("LONGNET_JAVA_OPTS"));
    environment.put("JAVA_HOME", System.getProperty("java.home"));
    environment.putAll(variables);
    environment.put("TEST_CLASSPATH", System.getProperty("java.class.path"));
    return Child.of(builder);
  }
}
