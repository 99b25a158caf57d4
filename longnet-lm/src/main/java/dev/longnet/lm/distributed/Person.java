// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.distributed;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;

/// Which process a rank is.
///
/// @param size how many processes it was told of
/// @param address on which it listens
/// @param keeps whether it keeps the store
record Person(int rank, int size, String host, long process, String address, boolean keeps) {
  static Person here(Rendezvous rendezvous, InetAddress address) {
    return new Person(
        rendezvous.rank(),
        rendezvous.size(),
        hostName(),
        ProcessHandle.current().pid(),
        address.getHostAddress(),
        rendezvous.serves());
  }

  private static String hostName() {
    try {
      return Files.readString(Path.of("/proc/sys/kernel/hostname"), UTF_8).strip();
    } catch (IOException _) {
      return InetAddress.getLoopbackAddress().getHostName();
    }
  }

  byte[] encoded() {
    return String.join("\n", "" + rank, "" + size, host, "" + process, address, "" + keeps)
        .getBytes(UTF_8);
  }

  static Person decoded(byte[] encoded) {
    String[] lines = new String(encoded, UTF_8).split("\n", -1);
    return new Person(
        Integer.parseInt(lines[0]),
        Integer.parseInt(lines[1]),
        lines[2],
        Long.parseLong(lines[3]),
        lines[4],
        Boolean.parseBoolean(lines[5]));
  }

  /// For messages.
  @Override
  public String toString() {
    return "rank " + rank + " on " + host + " (process " + process + ")";
  }
}
