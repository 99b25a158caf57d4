// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Properties;
import picocli.CommandLine.IVersionProvider;

/// What `--version` prints: the version Maven built and, from a checkout, its commit.
final class Version implements IVersionProvider {
  /// Such as `0.1.0-SNAPSHOT (commit 1a2b3c4)`.
  static String text() {
    Properties properties = new Properties();
    try (InputStream in = Version.class.getResourceAsStream("version.properties")) {
      properties.load(in);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    String commit = System.getProperty("longnet.commit", "");
    return properties.getProperty("version") + (commit.isBlank() ? "" : " (commit " + commit + ")");
  }

  @Override
  public String[] getVersion() {
    return new String[] {
      "longnet " + text(),
      "Java "
          + Runtime.version()
          + ", "
          + System.getProperty("os.name")
          + " "
          + System.getProperty("os.arch")
    };
  }
}
