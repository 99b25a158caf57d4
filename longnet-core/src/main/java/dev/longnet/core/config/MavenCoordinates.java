// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.config;

import java.util.List;

/// A file of a Maven repository, such as a `-sources.jar`.
///
/// @param classifier empty for none
public record MavenCoordinates(
    String group, String artifact, String version, String classifier, String extension) {

  /// What the paths of such sources begin with.
  public static final String PREFIX = "maven:";

  public static boolean isOne(String path) {
    return path.startsWith(PREFIX);
  }

  /// @param path `maven:group:artifact:version[:classifier[:extension]]`
  /// @throws IllegalArgumentException for anything else
  public static MavenCoordinates parse(String path) {
    List<String> parts = List.of(path.substring(PREFIX.length()).split(":", -1));
    boolean fits = parts.size() >= 3 && parts.size() <= 5;
    for (int i = 0; i < parts.size(); i++) {
      boolean noClassifier = i == 3 && parts.size() == 5 && parts.get(i).isEmpty();
      // They become names of files.
      fits &= noClassifier || parts.get(i).matches("[A-Za-z0-9_][A-Za-z0-9_.+-]*");
    }
    if (!fits) {
      throw new IllegalArgumentException(
          "a Maven source must be maven:group:artifact:version, perhaps with :classifier and "
              + ":extension behind it: path="
              + path);
    }
    if (parts.get(2).matches("LATEST|RELEASE")) {
      throw new IllegalArgumentException("a Maven source must name one version: path=" + path);
    }
    return new MavenCoordinates(
        parts.get(0),
        parts.get(1),
        parts.get(2),
        parts.size() > 3 ? parts.get(3) : "",
        parts.size() > 4 ? parts.get(4) : "jar");
  }

  /// As [#parse] takes it.
  @Override
  public String toString() {
    boolean jar = extension.equals("jar");
    return PREFIX
        + String.join(":", group, artifact, version)
        + (classifier.isEmpty() && jar ? "" : ":" + classifier)
        + (jar ? "" : ":" + extension);
  }
}
