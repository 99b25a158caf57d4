// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.maven;

import dev.longnet.core.config.MavenCoordinates;
import dev.longnet.core.io.EnvironmentException;
import eu.maveniverse.maven.mima.context.Context;
import eu.maveniverse.maven.mima.context.ContextOverrides;
import eu.maveniverse.maven.mima.context.MavenSystemHome;
import eu.maveniverse.maven.mima.context.Runtimes;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.apache.maven.settings.building.DefaultSettingsBuildingRequest;
import org.apache.maven.settings.building.SettingsBuilder;
import org.apache.maven.settings.building.SettingsBuildingException;
import org.eclipse.aether.artifact.DefaultArtifact;
import org.eclipse.aether.repository.RemoteRepository;
import org.eclipse.aether.resolution.ArtifactRequest;
import org.eclipse.aether.resolution.ArtifactResolutionException;
import org.eclipse.aether.transfer.ArtifactNotFoundException;
import org.eclipse.aether.transfer.RepositoryOfflineException;

/// Artifacts as Maven itself would find them: by the user's `settings.xml` (mirrors, servers,
/// proxies, profiles), kept in the user's local repository, without the network where they are
/// there.
public final class MavenArtifacts {
  /// Of this process: a version does not change, and reading settings takes a while.
  private static final Map<MavenCoordinates, Path> FOUND = new ConcurrentHashMap<>();

  private MavenArtifacts() {}

  /// The artifact's file in the local repository.
  ///
  /// @param listener hears of a download
  /// @throws EnvironmentException when it can't be had
  public static Path resolve(MavenCoordinates coordinates, Consumer<String> listener) {
    // A user without an entry in the passwd file, as in containers, has the home "?".
    if (!Path.of(System.getProperty("user.home")).isAbsolute()) {
      throw new EnvironmentException(
          "this user has no home directory for Maven's settings and local repository: "
              + "name a file in place of "
              + coordinates);
    }
    return FOUND.computeIfAbsent(
        coordinates, c -> resolve(c, ContextOverrides.create().withUserSettings(true), listener));
  }

  /// @param settings where settings and repositories are
  static Path resolve(
      MavenCoordinates coordinates, ContextOverrides.Builder settings, Consumer<String> listener) {
    ContextOverrides overrides =
        settings
            .checksumPolicy(ContextOverrides.ChecksumPolicy.FAIL)
            // What was not there a minute ago may be now.
            .snapshotUpdatePolicy(ContextOverrides.SnapshotUpdatePolicy.ALWAYS)
            .transferListener(new DownloadMessages(listener))
            .build();
    try (Context context = open(overrides);
        Context obeying =
            context.customize(overrides.toBuilder().offline(offline(context)).build())) {
      return resolve(coordinates, obeying);
    }
  }

  private static Context open(ContextOverrides overrides) {
    try {
      return Runtimes.INSTANCE.getRuntime().create(overrides);
    } catch (IllegalStateException e) {
      throw unreadable(e);
    }
  }

  /// What the library leaves out of the settings.
  private static boolean offline(Context context) {
    DefaultSettingsBuildingRequest request = new DefaultSettingsBuildingRequest();
    request.setUserSettingsFile(context.mavenUserHome().settingsXml().toFile());
    MavenSystemHome system = context.mavenSystemHome();
    if (system != null) {
      request.setGlobalSettingsFile(system.settingsXml().toFile());
    }
    try {
      return context
          .lookup()
          .lookup(SettingsBuilder.class)
          .orElseThrow()
          .build(request)
          .getEffectiveSettings()
          .isOffline();
    } catch (SettingsBuildingException e) {
      throw unreadable(e);
    }
  }

  private static EnvironmentException unreadable(Exception e) {
    return new EnvironmentException(
        "Maven's settings can't be read, mend them (mvn help:effective-settings): " + reason(e), e);
  }

  private static Path resolve(MavenCoordinates c, Context context) {
    List<RemoteRepository> repositories = context.remoteRepositories();
    ArtifactRequest request =
        new ArtifactRequest(
            new DefaultArtifact(
                c.group(), c.artifact(), c.classifier(), c.extension(), c.version()),
            repositories,
            null);
    try {
      return context
          .repositorySystem()
          .resolveArtifact(context.repositorySystemSession(), request)
          .getArtifact()
          .getFile()
          .toPath();
    } catch (ArtifactResolutionException e) {
      throw new EnvironmentException(c + why(e, repositories, context), e);
    }
  }

  private static String why(
      ArtifactResolutionException e, List<RemoteRepository> repositories, Context context) {
    String where =
        repositories.stream()
            // Passwords are nobody's business.
            .map(r -> r.getId() + " (" + r.getUrl().replaceFirst("//[^/]*@", "//") + ")")
            .collect(Collectors.joining(", "));
    List<Exception> all = e.getResult().getExceptions();
    Path local = context.repositorySystemSession().getLocalRepository().getBasedir().toPath();
    if (all.stream().anyMatch(x -> x.getCause() instanceof RepositoryOfflineException)) {
      return " is not in "
          + local
          + ", and Maven's settings say offline: take <offline> away, or name a file of your own "
          + "instead";
    }
    if (all.stream().allMatch(ArtifactNotFoundException.class::isInstance)) {
      return " is not in "
          + where
          + ": check its name and version, and the repositories of Maven's settings.xml";
    }
    return " can't be had from "
        + where
        + " ("
        + reason(all.getFirst())
        + "): check the network and Maven's settings.xml (mirrors, proxies), or put the file into "
        + local
        + " by mvn dependency:get on a machine that has a network";
  }

  /// The first cause, in one line.
  private static String reason(Throwable e) {
    Throwable first = e;
    while (first.getCause() != null) {
      first = first.getCause();
    }
    return first.toString().lines().findFirst().orElse("");
  }
}
