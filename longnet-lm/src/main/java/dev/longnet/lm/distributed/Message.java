// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.distributed;

import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.javacpp.chrono.Milliseconds;
import org.bytedeco.pytorch.Work;

/// Bytes on their way from or to one rank.
final class Message {
  private final int peer;
  private final Work work;

  /// What the work refers to.
  private final Pointer[] kept;

  private boolean released;

  /// Keeps the pointers beyond the caller's scope.
  Message(int peer, Work work, Pointer... kept) {
    this.peer = peer;
    this.work = work;
    this.kept = kept;
    work.retainReference();
    for (Pointer pointer : kept) {
      pointer.retainReference();
    }
  }

  /// The other rank's number in the group.
  int peer() {
    return peer;
  }

  /// Waits until the bytes are sent or received.
  ///
  /// @param millis Gloo closes all connections of the group when they are over
  /// @return false when it was woken instead
  /// @throws RuntimeException with Gloo's reason
  boolean await(long millis) {
    try (PointerScope _ = new PointerScope()) {
      return work._wait(new Milliseconds(Math.max(millis, 1)));
    }
  }

  /// Ends the wait of another thread, or else the next one.
  synchronized void wake() {
    if (!released) {
      work.abort();
    }
  }

  /// Frees the native part. Bytes still on their way would be dropped, and the connection with
  /// them: to be called only after the wait, or when the connections are closed.
  synchronized void release() {
    if (!released) {
      released = true;
      work.releaseReference();
      for (Pointer pointer : kept) {
        pointer.releaseReference();
      }
    }
  }
}
