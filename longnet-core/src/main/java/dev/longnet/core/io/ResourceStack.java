// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.io;

import java.io.Closeable;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Deque;

/// Resources that are opened one after another and closed together, the last one first. Each is
/// closed even where closing another one fails.
public final class ResourceStack implements Closeable {
  private final Deque<AutoCloseable> open = new ArrayDeque<>();

  /// Owns a resource from now on.
  ///
  /// @return the resource
  public <T extends AutoCloseable> T push(T resource) {
    open.push(resource);
    return resource;
  }

  /// @throws IOException the first failure, with those that followed suppressed in it
  @Override
  public void close() throws IOException {
    Throwable failure = null;
    while (!open.isEmpty()) {
      try {
        open.pop().close();
      } catch (Throwable e) {
        if (failure == null) {
          failure = e;
        } else {
          failure.addSuppressed(e);
        }
      }
    }
    switch (failure) {
      case null -> {}
      case IOException io -> throw io;
      case RuntimeException unchecked -> throw unchecked;
      case Error error -> throw error;
      default -> throw new IOException(failure);
    }
  }

  /// Closes what an opening that failed has opened so far.
  ///
  /// @param cause the failure; those of closing are suppressed in it
  public void closeAfter(Throwable cause) {
    try {
      close();
    } catch (IOException | RuntimeException | Error e) {
      cause.addSuppressed(e);
    }
  }
}
