// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import dev.longnet.lm.distributed.PeerLostException;
import java.io.IOException;

/// Ends a rank when the process that started it has ended, in whatever way: the rank's input is a
/// pipe that only that process holds open.
final class ParentWatch {
  private ParentWatch() {}

  static void start() {
    Thread.ofPlatform().daemon().name("parent-watch").start(ParentWatch::watch);
  }

  private static void watch() {
    try {
      while (System.in.read() >= 0) {
        // Nobody writes.
      }
    } catch (IOException e) {
      // As good as its end.
    }
    System.err.println(
        "longnet: the process that started this rank is gone, the rank ends: the last checkpoint stands");
    System.err.flush();
    // At once: shutdown hooks would wait for a step that other ranks no longer take part in.
    Runtime.getRuntime().halt(PeerLostException.EXIT_CODE);
  }
}
