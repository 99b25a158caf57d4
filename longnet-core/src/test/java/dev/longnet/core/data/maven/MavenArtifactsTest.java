// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.maven;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.core.config.CorpusConfig;
import dev.longnet.core.config.MavenCoordinates;
import dev.longnet.core.data.TokenShards;
import dev.longnet.core.data.pipeline.Tokenization;
import dev.longnet.core.data.pipeline.TokenizationListener;
import dev.longnet.core.data.pipeline.TokenizationProgress;
import dev.longnet.core.io.EnvironmentException;
import eu.maveniverse.maven.mima.context.ContextOverrides;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Artifacts from a repository in a directory, which settings name as the mirror of all others.
class MavenArtifactsTest {
  private static final MavenCoordinates THERE =
      MavenCoordinates.parse("maven:org.example:thing:1.0:sources");

  private final List<String> heard = new ArrayList<>();
  private final Path remote;
  private final Path local;
  private final Path settings;

  MavenArtifactsTest(@TempDir Path home) {
    this.remote = home.resolve("remote");
    this.local = home.resolve("local");
    this.settings = home.resolve(".m2/settings.xml");
  }

  @BeforeEach
  void write() throws Exception {
    write("");
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ZipOutputStream zip = new ZipOutputStream(bytes)) {
      zip.putNextEntry(new ZipEntry("org/example/Thing.java"));
      zip.write("class Thing {}".getBytes(StandardCharsets.UTF_8));
    }
    Path jar = remote.resolve("org/example/thing/1.0/thing-1.0-sources.jar");
    Files.createDirectories(jar.getParent());
    Files.write(jar, bytes.toByteArray());
    byte[] sha1 = MessageDigest.getInstance("SHA-1").digest(bytes.toByteArray());
    Files.writeString(Path.of(jar + ".sha1"), HexFormat.of().formatHex(sha1));
  }

  /// @param more of the settings
  private void write(String more) throws IOException {
    Files.createDirectories(settings.getParent());
    Files.writeString(
        settings,
        """
        <settings>
          <localRepository>%s</localRepository>
          <mirrors>
            <mirror><id>ours</id><mirrorOf>*</mirrorOf><url>%s</url></mirror>
          </mirrors>
          %s
        </settings>
        """
            .formatted(local, remote.toUri(), more));
  }

  private Path resolve(MavenCoordinates coordinates) {
    return MavenArtifacts.resolve(
        coordinates,
        ContextOverrides.create().withUserSettings(true).withUserSettingsXmlOverride(settings),
        heard::add);
  }

  @Test
  void anArtifactIsDownloadedOnceThroughTheUsersMirrorIntoTheUsersLocalRepository()
      throws IOException {
    Path file = resolve(THERE);
    assertThat(file)
        .isEqualTo(local.resolve("org/example/thing/1.0/thing-1.0-sources.jar"))
        .hasSameBinaryContentAs(remote.resolve("org/example/thing/1.0/thing-1.0-sources.jar"));
    assertThat(heard).containsExactly("downloading thing-1.0-sources.jar (0.0 MB) from ours");
    heard.clear();
    Files.move(remote, remote.resolveSibling("gone"));
    assertThat(resolve(THERE)).isEqualTo(file);
    write("<offline>true</offline>");
    assertThat(resolve(THERE)).isEqualTo(file);
    assertThat(heard).isEmpty();
  }

  @Test
  void whatIsNotThereNamesTheRepository() throws IOException {
    MavenCoordinates missing = MavenCoordinates.parse("maven:org.example:thing:2.0");
    assertThatThrownBy(() -> resolve(missing))
        .isInstanceOf(EnvironmentException.class)
        .message()
        .startsWith("maven:org.example:thing:2.0 is not in ours (file:")
        .contains("check its name and version, and the repositories of Maven's settings.xml")
        .doesNotContain("\n");
    // It is asked for again, not taken for missing until tomorrow.
    Path jar = remote.resolve("org/example/thing/2.0/thing-2.0.jar");
    Files.createDirectories(jar.getParent());
    Files.writeString(jar, "");
    Files.writeString(Path.of(jar + ".sha1"), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
    assertThat(resolve(missing)).isEmptyFile();
  }

  @Test
  void aWrongChecksumIsRefused() throws IOException {
    Path sum = remote.resolve("org/example/thing/1.0/thing-1.0-sources.jar.sha1");
    Files.writeString(sum, "da39a3ee5e6b4b0d3255bfef95601890afd80709");
    assertThatThrownBy(() -> resolve(THERE))
        .isInstanceOf(EnvironmentException.class)
        .message()
        .startsWith("maven:org.example:thing:1.0:sources can't be had from ours")
        .contains("Checksum validation failed")
        .doesNotContain("\n");
    assertThat(local.resolve("org/example/thing/1.0/thing-1.0-sources.jar")).doesNotExist();
  }

  @Test
  void settingsThatForbidTheNetworkOrCantBeReadAreNamed() throws IOException {
    write("<offline>true</offline>");
    assertThatThrownBy(() -> resolve(THERE))
        .isInstanceOf(EnvironmentException.class)
        .hasMessageContaining("Maven's settings say offline");
    Files.writeString(settings, "<settings><mirrors></settings>");
    assertThatThrownBy(() -> resolve(THERE))
        .isInstanceOf(EnvironmentException.class)
        .message()
        .startsWith("Maven's settings can't be read")
        .doesNotContain("\n");
  }

  /// From a corpus' configuration, by the settings in the user's home.
  @Test
  void isASourceOfACorpus() throws IOException {
    String home = System.getProperty("user.home");
    System.setProperty("user.home", settings.getParent().getParent().toString());
    TokenizationListener listener =
        new TokenizationListener() {
          @Override
          public void message(String line) {
            heard.add(line);
          }

          @Override
          public void progress(TokenizationProgress progress) {}
        };
    try {
      String path = "maven:org.example:thing:1.0:sources:jar";
      CorpusConfig config = CorpusConfig.of(List.of(path), "bytes").absolute();
      Path out = settings.resolveSibling("shards");
      try (TokenShards shards = Tokenization.prepare(config, out, false, 1, listener)) {
        assertThat(shards.train().document(0).name()).isEqualTo("org/example/Thing.java");
        assertThat(shards.manifest().sources().getFirst().path()).isEqualTo(THERE.toString());
      }
      assertThat(heard).hasSize(1).first().asString().startsWith("downloading thing-1.0");
      // Not made again for a new date of the file.
      Path jar = local.resolve("org/example/thing/1.0/thing-1.0-sources.jar");
      Files.setLastModifiedTime(jar, java.nio.file.attribute.FileTime.fromMillis(1));
      Tokenization.prepare(config, out, false, 1, listener).close();
    } finally {
      System.setProperty("user.home", home);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "maven:g:a:1, maven:g:a:1",
    "maven:g.h:a_2.13:1.0-b+3:sources, maven:g.h:a_2.13:1.0-b+3:sources",
    "maven:g:a:1:sources:jar, maven:g:a:1:sources",
    "maven:g:a:1::zip, maven:g:a:1::zip",
    "maven:g:a:1:src:tar.gz, maven:g:a:1:src:tar.gz"
  })
  void coordinatesAreRead(String path, String canonical) {
    assertThat(MavenCoordinates.parse(path)).hasToString(canonical);
    assertThat(MavenCoordinates.parse(canonical)).isEqualTo(MavenCoordinates.parse(path));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "maven:",
        "maven:g:a",
        "maven:g:a:",
        "maven:g:a:1:c:e:f",
        "maven:g:a:[1,2)",
        "maven:g:..:1",
        "maven:g:a/b:1",
        "maven:g:a:LATEST"
      })
  void othersAreTheUsersMistake(String path) {
    assertThatThrownBy(() -> CorpusConfig.of(List.of(path), "bytes"))
        .isInstanceOf(IllegalArgumentException.class)
        .message()
        .startsWith("a Maven source must ")
        .endsWith("path=" + path);
  }
}
