// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.io;

import java.nio.file.Path;
import java.util.List;

/// Where libraries unpack their native code for a user without a home directory: without an entry
/// in the passwd file, as in containers, that is `?`, and libraries would make a folder of that
/// name wherever a command is called from.
public final class NativeCache {
  private NativeCache() {}

  /// Names a folder in the user's cache, unless the user has a home or named one.
  ///
  /// @param properties any of them tells the library its folder; the first is set
  /// @throws EnvironmentException where there is no cache either
  public static void place(String... properties) {
    boolean named =
        List.of(properties).stream()
            .anyMatch(name -> System.getProperty(name) != null || System.getenv(name) != null);
    if (named || Path.of(System.getProperty("user.home")).isAbsolute()) {
      return;
    }
    String cache = System.getenv("XDG_CACHE_HOME");
    if (cache == null || cache.isBlank()) {
      throw new EnvironmentException(
          "this user has no home directory to unpack native libraries in: "
              + "set XDG_CACHE_HOME to a directory you may write to");
    }
    System.setProperty(
        properties[0],
        Path.of(cache).toAbsolutePath().resolve("longnet").resolve("natives").toString());
  }
}
