// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.longnet.lm.distributed.PeerLostException;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;

/// Ends a rank when the process that started it has ended, in whatever way: the rank's input is a
/// pipe that only that process holds open. A line in it says which other rank is gone.
final class ParentWatch {
  private ParentWatch() {}

  static void start() {
    Thread.ofPlatform().daemon().name("parent-watch").start(ParentWatch::watch);
  }

  private static void watch() {
    BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, UTF_8));
    try {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        RankGroup.lost(line);
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
