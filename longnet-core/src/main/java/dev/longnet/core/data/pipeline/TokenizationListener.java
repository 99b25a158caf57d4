// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.pipeline;

/// Hears how tokenization goes, on the thread that asked for it.
public interface TokenizationListener {
  /// Something a person should know: shards found, a changed source, a resumed build.
  void message(String line);

  /// A few times a second.
  void progress(TokenizationProgress progress);

  /// Hears nothing.
  TokenizationListener NONE =
      new TokenizationListener() {
        @Override
        public void message(String line) {}

        @Override
        public void progress(TokenizationProgress progress) {}
      };
}
